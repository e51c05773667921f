/** IPv6 on the loopback device where nobody has recorded it: what is cut and completed, bound, and dropped. */
import { ChecksumStatus, pseudoHeader6 } from "@hopscope/codec/checksum";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv6 from "@hopscope/codec/ipv6";
import * as tcp from "@hopscope/codec/tcp";
import { describe, expect, test } from "vitest";
import { Errno } from "../../src/errno.ts";
import { formatEndpoint, formatIp, IPV6_ANY, IPV6_LOOPBACK, isIpv6, parseIp } from "../../src/host/ipv6-address.ts";
import { TcpListener } from "../../src/host/tcp-listener.ts";
import type { Netns } from "../../src/netns.ts";
import { spawn } from "../../src/program/shell.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { formatStep } from "../../src/trace/step.ts";
import { machine } from "../engine/machine.ts";
import { environmentOf, runCommand } from "../program/run-command.ts";

const SIZE = 300_000;

/** Downloads a file from ::1; what left by lo. */
function download(offloads: string): readonly Uint8Array[] {
  const netns = machine();
  const { recorder } = netns.node;
  const environment = environmentOf(netns, "debian", { "/www/file": "x".repeat(SIZE) });
  runCommand(environment, `ethtool -K lo ${offloads}`);
  spawn(["httpd", "-f", "-p", "80", "-h", "/www"], environment);
  const from = recorder.hopCount;
  expect(runCommand(environment, "wget -q -O copy http://[::1]/file")).toEqual({ status: 0, output: [] });
  expect(environment.files.get("copy")).toHaveLength(SIZE);
  const frames: Uint8Array[] = [];
  for (let hop = from; hop < recorder.hopCount; hop++) {
    if (recorder.direction(hop) === Direction.out) frames.push(recorder.bytes(hop));
  }
  return frames;
}

function checksumOf(bytes: Uint8Array): ChecksumStatus {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH;
  expect(ipv6.payloadLength(view, ethernet.HEADER_LENGTH)).toBe(bytes.length - at);
  const pseudo = pseudoHeader6(view, ethernet.HEADER_LENGTH + ipv6.ADDRESSES_OFFSET, IpProtocol.tcp, bytes.length - at);
  return tcp.verifyChecksum(view, at, bytes.length, pseudo);
}

describe("offloads of lo", () => {
  test("leave checksums to the device, and its MTU takes the largest segments", () => {
    const frames = download("tso on tx on");
    expect(Math.max(...frames.map(({ length }) => length))).toBeLessThanOrEqual(65_536 + ethernet.HEADER_LENGTH);
    expect(new Set(frames.map(checksumOf))).toEqual(new Set([ChecksumStatus.partial]));
  });

  test("without them segments are cut and checksums complete", () => {
    const frames = download("tso off tx off");
    expect(new Set(frames.map(checksumOf))).toEqual(new Set([ChecksumStatus.valid]));
  });
});

describe("who has a port", () => {
  const listen = (netns: Netns, ip: number, isIpv6Only = false): boolean =>
    netns.tcp.listen(ip, 80, 8, undefined, isIpv6Only) instanceof TcpListener;
  const bind = (netns: Netns, ip: number, isIpv6Only = false): boolean => {
    const socket = netns.udp.socket();
    socket.isIpv6Only = isIpv6Only;
    return socket.bind(ip, 80) === Errno.none;
  };
  const LOOPBACK = parseIp("127.0.0.1")!;
  test.each([
    ["both families, then IPv4", [IPV6_ANY, false], [0, false], false],
    ["both families, then one address of IPv4", [IPV6_ANY, false], [LOOPBACK, false], false],
    ["IPv6 only, then IPv4", [IPV6_ANY, true], [0, false], true],
    ["IPv4, then IPv6 only", [0, false], [IPV6_ANY, true], true],
    ["IPv4, then both", [0, false], [IPV6_ANY, false], false],
    ["::1, then IPv4", [IPV6_LOOPBACK, false], [0, false], true],
    ["::1, then both", [IPV6_LOOPBACK, false], [IPV6_ANY, false], false],
  ] as const)("%s", (_name, first, second, works) => {
    for (const take of [listen, bind]) {
      const netns = machine();
      expect(take(netns, first[0], first[1])).toBe(true);
      expect(take(netns, second[0], second[1])).toBe(works);
    }
  });

  test("a socket of the address or the family comes before one of both", () => {
    const netns = machine();
    const six = netns.tcp.listen(IPV6_ANY, 80, 8, undefined, true) as TcpListener;
    const four = netns.tcp.listen(0, 80) as TcpListener;
    for (const address of ["::1", "127.0.0.1"]) netns.tcp.connect(parseIp(address)!, 80);
    netns.node.softnet.drain();
    expect([six, four].map(({ acceptable }) => acceptable)).toEqual([1, 1]);
  });

  test("nobody has an address that is not there", () => {
    const netns = machine();
    netns.disablesIpv6 = true;
    expect(netns.tcp.listen(IPV6_LOOPBACK, 80)).toBe(Errno.EADDRNOTAVAIL);
    expect(netns.tcp.connect(IPV6_LOOPBACK, 80).takeError()).toBe(Errno.EADDRNOTAVAIL);
    expect(netns.tcp.connect(parseIp("fd00::1")!, 80).takeError()).toBe(Errno.ENETUNREACH);
    expect(netns.udp.socket().connect(IPV6_LOOPBACK, 80)).toBe(Errno.EADDRNOTAVAIL);
  });
});

test("a tunnel's port is not its at ::1", () => {
  const netns = machine();
  const { recorder, softnet } = netns.node;
  // Nobody looks at the device before a packet is known to be a tunnel's.
  netns.udp.bindTunnel(4789, 1, undefined as never);
  const socket = netns.udp.socket();
  expect(socket.connect(IPV6_LOOPBACK, 4789)).toBe(Errno.none);
  expect(socket.send(new Uint8Array(8))).toBe(Errno.none);
  softnet.drain();
  expect(socket.takeError()).toBe(Errno.ECONNREFUSED);
  expect(recorder.hopCount).toBe(4);
});

describe("addresses", () => {
  test.each(["10.0.9.3", "::", "::1", "fe80::1", "2001:db8::5"])("%s is the same number every time", (text) => {
    const ip = parseIp(text)!;
    expect([parseIp(text), formatIp(ip), isIpv6(ip)]).toEqual([ip, text, text.includes(":")]);
  });

  test("one that is written otherwise, or is IPv4's", () => {
    expect(parseIp("0:0::1")).toBe(IPV6_LOOPBACK);
    expect(parseIp("::ffff:192.168.77.11")).toBe(parseIp("192.168.77.11"));
    expect([":::", "::1%lo", "10.0.9"].map(parseIp)).toEqual([undefined, undefined, undefined]);
    expect(formatEndpoint(IPV6_LOOPBACK, 80)).toBe("[::1]:80");
  });
});

/** A frame that only a recording could put there. */
function drop(change: (view: DataView) => void): string | undefined {
  const netns = machine();
  const { frames, recorder } = netns.node;
  const packet = ipv6.encode({ nextHeader: 59, srcIp: LOOPBACK_BYTES, dstIp: LOOPBACK_BYTES }, new Uint8Array(8));
  const frame = frames.allocate(ethernet.HEADER_LENGTH + packet.length)!;
  frames.bytes.fill(0, frame.start, frame.end);
  ethernet.setEtherType(frames.view, frame.start, 0x86dd);
  frames.bytes.set(packet, frame.start + ethernet.HEADER_LENGTH);
  change(new DataView(frames.view.buffer, frame.start + ethernet.HEADER_LENGTH, packet.length));
  netns.loopback.receive(frame);
  let last: string | undefined;
  recorder.steps(recorder.hopCount - 1, (kind, a, b) => (last = formatStep(kind, a, b, String)));
  return last;
}

const LOOPBACK_BYTES = Uint8Array.from({ length: 16 }, (_, at) => Number(at === 15));

describe("drops", () => {
  test.each([
    ["another address", (view: DataView) => view.setUint8(39, 2), "IP_INADDRERRORS"],
    ["from another address", (view: DataView) => view.setUint8(23, 2), "IP_INVALID_SOURCE"],
    ["another version", (view: DataView) => view.setUint8(0, 0x40), "IP_INHDR"],
    ["less than its header says", (view: DataView) => view.setUint16(4, 100), "PKT_TOO_SMALL"],
    ["no protocol of the host's", () => {}, "IP_NOPROTO"],
  ] as const)("%s", (_name, change, reason) => {
    expect(drop(change)).toBe(`dropped: ${reason}`);
  });
});
