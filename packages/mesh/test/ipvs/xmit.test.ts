/** How a packet leaves for its real server: TTL, what is too long, direct routing, the balancer as its own server. */
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import { describe, expect, test } from "vitest";
import { Errno } from "../../src/errno.ts";
import { TcpState } from "../../src/host/socket.ts";
import type { Forwarding } from "../../src/ipvs/dest.ts";
import { ip } from "../engine/overlay-plan.ts";
import { Balanced, lineOf, MARK, PORT, VIP } from "./balanced.ts";

/** A datagram of the client's. */
function datagram(length: number, { ttl = 64, dontFragment = false } = {}): Uint8Array {
  const [srcIp, dstIp] = [ip("192.168.77.20"), ip(VIP)];
  const payload = udp.encode({ srcPort: 40_001, dstPort: PORT }, new Uint8Array(length), { pseudo: { srcIp, dstIp } });
  return ipv4.encode({ protocol: 17, srcIp, dstIp, ttl, dontFragment }, payload);
}

describe("as a router", () => {
  test("it takes one off the TTL, and says so when none is left", () => {
    const lab = new Balanced();
    lab.send(datagram(4, { ttl: 1 }));
    // As recording q8 has it: of the address that was asked for, TTL 64.
    expect(lineOf(lab.seen("c/lb", "in")[0]!)).toBe("192.168.77.2 > 192.168.77.20 icmp 11/0 ttl 64");
    expect(lab.receivers()).toEqual([]);
    expect(lab.seen("lb/c", "in")[0]!.steps).toContain("dropped: IP_INHDR");
    lab.send(datagram(4, { ttl: 2 }));
    expect(lineOf(lab.seen("s3/eth0", "in")[0]!)).toBe("10.0.0.2:40001 > 10.0.0.8:8001 udp ttl 1");
  });

  test("it says what fits of a packet that is too long and may not be cut", () => {
    const lab = new Balanced();
    lab.send(datagram(1450 - 28, { dontFragment: true }));
    expect(lab.receivers()).toEqual(["s3"]);
    lab.send(datagram(1450 - 27, { dontFragment: true }));
    expect(lab.receivers()).toEqual(["s3"]);
    const error = lab.seen("c/lb", "in").at(-1)!;
    expect(lineOf(error)).toBe("192.168.77.2 > 192.168.77.20 icmp 3/4 ttl 64");
    const view = new DataView(error.bytes.buffer, error.bytes.byteOffset, error.bytes.byteLength);
    expect(icmp.nextHopMtu(view, ipv4.payloadStart(view, 14))).toBe(1450);
    // The packet is quoted with the TTL that it would have had behind the balancer (recording r3).
    expect(ipv4.ttl(view, ipv4.payloadStart(view, 14) + 8)).toBe(63);
    expect(lab.steps()).toContain("dropped: PKT_TOO_BIG");
  });

  test("it cuts one that may be", () => {
    const lab = new Balanced();
    lab.send(datagram(1460));
    const fragments = lab.seen("s3/eth0", "in").map(({ length, mf, offset, ttl }) => ({ length, mf, offset, ttl }));
    expect(fragments).toEqual([
      { length: 1444, mf: true, offset: 0, ttl: 63 },
      { length: 64, mf: false, offset: 1424, ttl: 63 },
    ]);
  });

  test("a server that nobody has a way to: the client hears of a host that cannot be reached", () => {
    const lab = new Balanced({ destinations: 0 });
    lab.ipvs.addDestination(MARK, { ip: ip("203.0.113.7"), port: 0, weight: 1, forwarding: "masq" });
    lab.send(datagram(4));
    expect(lineOf(lab.seen("c/lb", "in")[0]!)).toBe("192.168.77.2 > 192.168.77.20 icmp 3/1 ttl 64");
    expect(lab.steps()).toContain("dropped: IP_OUTNOROUTES");
  });
});

describe("direct routing", () => {
  /** The virtual address is the servers' as well, on their loopback device. */
  const direct = (): Balanced => {
    const lab = new Balanced({ forwarding: "droute", conntrack: false });
    for (const netns of lab.servers) netns.addAddress(netns.loopback, ip(VIP), 32);
    return lab;
  };

  test("the packet goes on as it is, to the server's MAC address", () => {
    const lab = direct();
    lab.sendUdp(lab.udp(40_001));
    const [packet] = lab.seen("s3/eth0", "in");
    expect(lineOf(packet!)).toBe("192.168.77.20:40001 > 192.168.77.2:8001 udp ttl 63");
    expect(packet!.steps.at(-1)).not.toContain("OTHERHOST");
    expect(lab.connections()).toEqual(["UDP 192.168.77.20 -> 10.0.0.8:8001"]);
  });

  test("only requests are seen, and still a connection is established and ends", () => {
    const lab = direct();
    lab.listen();
    // The answer goes straight to the client, which is asked for at the servers' bridge.
    lab.shortcut();
    const socket = lab.connect();
    expect(socket.state).toBe(TcpState.established);
    expect(lab.connections()).toEqual(["ESTABLISHED 192.168.77.20 -> 10.0.0.8:8001"]);
    expect(lab.seen("lb/eth0", "in")).toEqual([]);
  });
});

describe("the balancer is its own real server", () => {
  test.each<Forwarding>(["masq", "local"])("%s: its own stack goes on with the packet", (forwarding) => {
    const lab = new Balanced({ destinations: 0 });
    const own = forwarding === "masq" ? "10.0.0.2" : VIP;
    lab.ipvs.addDestination(MARK, { ip: ip(own), port: 0, weight: 1, forwarding });
    const listener = lab.lb.tcp.listen(0, PORT);
    expect(listener).not.toBe(Errno.EADDRINUSE);
    const socket = lab.client.tcp.connect(ip(VIP), PORT);
    lab.run();
    expect(socket.state).toBe(TcpState.established);
    expect(lineOf(lab.seen("c/lb", "in")[0]!)).toMatch(/^192\.168\.77\.2:8001 > 192\.168\.77\.20:\d+ SA ttl 64$/);
  });
});
