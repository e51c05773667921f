/** ICMP errors about connections of IPVS: each side is told about the packet that it has sent, not about another. */
import { sum } from "@hopscope/codec/checksum";
import { formatIpv4 } from "@hopscope/codec/address";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { describe, expect, test } from "vitest";
import { Errno } from "../../src/errno.ts";
import type { Seen } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";
import { udpPacket } from "../netfilter/firewall.ts";
import { Balanced, lineOf, PORT, SECOND, VIP } from "./balanced.ts";

/** Whose packet an error quotes, and whether its checksums are right. */
function quoted({ bytes }: Seen): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = ipv4.payloadStart(view, 14);
  const end = ipv4.payloadEnd(view, 14, view.byteLength);
  const ipAt = icmp.quoteStart(view, at);
  const ports = ipv4.payloadStart(view, ipAt);
  const from = `${formatIpv4(ipv4.srcIp(view, ipAt))}:${view.getUint16(ports)}`;
  const to = `${formatIpv4(ipv4.dstIp(view, ipAt))}:${view.getUint16(ports + 2)}`;
  const isRight = sum(view, at, end) === 0xffff && ipv4.isChecksumValid(view, 14) && ipv4.isChecksumValid(view, ipAt);
  return `${from} > ${to}${isRight ? "" : ", checksum wrong"}`;
}

describe.each([true, false])("connection tracking %s", (conntrack) => {
  test("a port that nobody listens on at the server: the client hears it of the virtual address", () => {
    const lab = new Balanced({ conntrack });
    const socket = lab.udp(40_001);
    lab.sendUdp(socket);
    const error = lab.seen("c/lb", "in")[0]!;
    expect(lineOf(error)).toBe("192.168.77.2 > 192.168.77.20 icmp 3/3 ttl 63");
    expect(quoted(error)).toBe("192.168.77.20:40001 > 192.168.77.2:8001");
    const source = conntrack ? "10.0.0.2" : "192.168.77.20";
    expect(quoted(lab.seen("s3/eth0", "out")[0]!)).toBe(`${source}:40001 > 10.0.0.8:8001`);
    expect(lab.seen("lb/eth0", "in")[0]!.steps).toContain("IPVS answers as 192.168.77.2:8001");
    expect(lab.frames.live).toBe(0);
  });

  test("a client that is gone: the server hears it of whom it has answered", () => {
    const lab = new Balanced({ conntrack });
    const server = lab.servers[2]!.udp.socket();
    server.bind(0, PORT);
    const socket = lab.udp(40_001);
    lab.sendUdp(socket);
    const { ip: from, port } = server.receive()!;
    server.connect(from, port);
    socket.close();
    server.send(new Uint8Array(5));
    lab.run();
    const error = lab.seen("s3/eth0", "in").at(-1)!;
    const target = conntrack ? "10.0.0.2" : "192.168.77.20";
    expect(lineOf(error)).toBe(`${target} > 10.0.0.8 icmp 3/3 ttl 63`);
    expect(quoted(error)).toBe(`10.0.0.8:8001 > ${target}:40001`);
    expect(server.takeError()).toBe(Errno.ECONNREFUSED);
    expect(lab.seen("lb/c", "in").at(-1)!.steps[0]).toBe("IPVS: an error about a connection to 10.0.0.8");
  });
});

test("an error whose checksum is wrong is dropped", () => {
  const lab = new Balanced({ conntrack: false });
  const socket = lab.udp(40_001);
  lab.sendUdp(socket);
  const inner = udpPacket({ from: `${VIP}:${PORT}`, to: "192.168.77.20:40001" });
  const error = icmp.encode({ kind: "unreachable", type: 3, code: 3 }, inner);
  error[2] = error[2]! ^ 0xff;
  const before = lab.receivers().length;
  lab.send(ipv4.encode({ protocol: 1, srcIp: ip("192.168.77.20"), dstIp: ip(VIP), ttl: 64 }, error));
  expect(lab.receivers()).toHaveLength(before);
  expect(lab.steps()).toContain("dropped: ICMP_CSUM");
});

test("an error about something else is the host's own", () => {
  const lab = new Balanced();
  lab.sendUdp(lab.udp(40_001));
  const before = lab.receivers().length;
  const other = lab.lb.udp.socket();
  other.bind(0, 50_000);
  other.connect(ip("192.168.77.20"), 9);
  other.send(new Uint8Array(1));
  lab.run(SECOND);
  expect(other.takeError()).toBe(Errno.ECONNREFUSED);
  expect(lab.receivers()).toHaveLength(before);
});
