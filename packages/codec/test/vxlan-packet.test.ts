import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSimdChecksum } from "../src/checksum-simd.ts";
import * as ethernet from "../src/ethernet.ts";
import * as ipv4 from "../src/ipv4.ts";
import { Status } from "../src/status.ts";
import * as tcp from "../src/tcp.ts";
import * as udp from "../src/udp.ts";
import * as vxlan from "../src/vxlan.ts";
import { ChecksumFault, InnerKind, VxlanPacket } from "../src/vxlan-packet.ts";
import { bytesOf, viewOf } from "./hex.ts";

// Packets of a Docker overlay, as they left the first node's network card: a ping, a TCP SYN, a UDP datagram.
const PING = `
  52540077000c52540077000b0800 45000086786200004011e69cc0a84d0bc0a84d0c bd6412b50072d7eb 0800000000100100
  02420a00090502420a0009030800 45000054a2014000400172a00a0009030a000905
  0800b1bd001900008874bdb4 ${"00".repeat(52)}`;
const SYN = `
  52540077000c52540077000b0800 4500006e864000004011d8d6c0a84d0bc0a84d0c bf7d12b5005afc38 0800000000100100
  02420a00090502420a0009030800 4500003c7d824000400697320a0009030a000905
  c7b8005022b89e2d00000000a002fd5c188c0000020405820402080a0ac1788f000000000103030a`;
const DATAGRAM = `
  52540077000b52540077000c0800 450000736d6500004011f1acc0a84d0cc0a84d0b dcc712b5005fdef4 0800000000100100
  02420a00090302420a0009050800 450000416f3b40004011a5690a0009050a000903
  1388e94f002d44906563686f3a70696e672d30303033322d787878787878787878787878787878787878787878`;

const OUTER_IP = 14;
const OUTER_UDP = 34;
const OUTER_VXLAN = 42;
const INNER = 50;
const INNER_IP = 64;
const TRANSPORT = 84;

/** The packet in a buffer of its own, with `padding` bytes behind. */
function packetView(hex: string, padding = 0): DataView {
  const bytes = bytesOf(hex);
  const whole = new Uint8Array(bytes.length + padding).fill(0xa5);
  whole.set(bytes);
  return viewOf(whole);
}

function wrapped(view: DataView): VxlanPacket {
  const packet = new VxlanPacket(view);
  expect(packet.wrap(0, view.byteLength)).toBe(Status.ok);
  return packet;
}

describe("wrap", () => {
  it("reads a ping", () => {
    const packet = wrapped(packetView(PING, 4));
    expect({
      dstMac: packet.dstMac,
      srcMac: packet.srcMac,
      tos: packet.tos,
      totalLength: packet.totalLength,
      identification: packet.identification,
      ttl: packet.ttl,
      srcIp: packet.srcIp,
      dstIp: packet.dstIp,
      srcPort: packet.srcPort,
      udpLength: packet.udpLength,
      udpChecksum: packet.udpChecksum,
      flags: packet.flags,
      vni: packet.vni,
    }).toEqual({
      dstMac: 0x52540077000c,
      srcMac: 0x52540077000b,
      tos: 0,
      totalLength: 134,
      identification: 0x7862,
      ttl: 64,
      srcIp: 0xc0a84d0b | 0,
      dstIp: 0xc0a84d0c | 0,
      srcPort: 48484,
      udpLength: 114,
      udpChecksum: 0xd7eb,
      flags: 8,
      vni: 4097,
    });
    expect({
      innerDstMac: packet.innerDstMac,
      innerDstMacHigh: packet.innerDstMacHigh,
      innerDstMacLow: packet.innerDstMacLow,
      innerSrcMac: packet.innerSrcMac,
      innerSrcMacHigh: packet.innerSrcMacHigh,
      innerSrcMacLow: packet.innerSrcMacLow,
      innerEtherType: packet.innerEtherType,
      innerTos: packet.innerTos,
      innerTotalLength: packet.innerTotalLength,
      innerIdentification: packet.innerIdentification,
      innerTtl: packet.innerTtl,
      innerProtocol: packet.innerProtocol,
      innerSrcIp: packet.innerSrcIp,
      innerDstIp: packet.innerDstIp,
      innerIcmpType: packet.innerIcmpType,
      innerIdentifier: packet.innerIdentifier,
      innerSequence: packet.innerSequence,
    }).toEqual({
      innerDstMac: 0x02420a000905,
      innerDstMacHigh: 0x0242,
      innerDstMacLow: 0x0a000905,
      innerSrcMac: 0x02420a000903,
      innerSrcMacHigh: 0x0242,
      innerSrcMacLow: 0x0a000903,
      innerEtherType: 0x0800,
      innerTos: 0,
      innerTotalLength: 84,
      innerIdentification: 0xa201,
      innerTtl: 64,
      innerProtocol: 1,
      innerSrcIp: 0x0a000903,
      innerDstIp: 0x0a000905,
      innerIcmpType: 8,
      innerIdentifier: 25,
      innerSequence: 0,
    });
    const { at, ipAt, innerAt, innerPayloadAt, transportAt, transportEnd, innerEnd } = packet;
    expect([at, ipAt, innerAt, innerPayloadAt, transportAt, transportEnd, innerEnd]).toEqual([
      0,
      OUTER_IP,
      INNER,
      INNER_IP,
      TRANSPORT,
      148,
      148,
    ]);
  });

  it("reads ports of TCP and UDP", () => {
    const syn = wrapped(packetView(SYN));
    expect([syn.innerKind, syn.innerSrcPort, syn.innerDstPort]).toEqual([InnerKind.tcp, 51128, 80]);
    const datagram = wrapped(packetView(DATAGRAM));
    expect([datagram.innerKind, datagram.innerSrcPort, datagram.innerDstPort]).toEqual([InnerKind.udp, 5000, 59727]);
  });

  it("goes from packet to packet, and from buffer to buffer", () => {
    const bytes = Uint8Array.from([...bytesOf(PING), ...bytesOf(SYN)]);
    const packet = new VxlanPacket(viewOf(bytes));
    expect(packet.wrap(148, bytes.length)).toBe(Status.ok);
    expect(packet.innerKind).toBe(InnerKind.tcp);
    packet.view = packetView(PING);
    expect(packet.wrap(0, 148)).toBe(Status.ok);
    expect(packet.innerKind).toBe(InnerKind.icmp);
  });

  it("listens to another port if told so", () => {
    const view = packetView(PING);
    udp.setDstPort(view, OUTER_UDP, 8472);
    expect(new VxlanPacket(view).wrap(0, 148)).toBe(Status.mismatch);
    expect(new VxlanPacket(view, 8472).wrap(0, 148)).toBe(Status.ok);
  });

  it("ignores reserved VXLAN bits (RFC 7348 §5)", () => {
    const view = packetView(PING);
    view.setInt32(OUTER_VXLAN, 0x88ffffff);
    view.setUint8(OUTER_VXLAN + 7, 0xff);
    expect(wrapped(view).vni).toBe(4097);
  });

  it("passes VLAN tags, outside and inside", () => {
    const bytes = bytesOf(PING);
    const tag = [0x81, 0x00, 0x00, 0x2a];
    const tagged = Uint8Array.from([
      ...bytes.subarray(0, 12),
      ...tag,
      ...bytes.subarray(12, 62),
      0x88,
      0xa8,
      0x00,
      0x07,
      ...tag,
      ...bytes.subarray(62),
    ]);
    const view = viewOf(tagged);
    ipv4.setTotalLength(view, 18, 142);
    udp.setLength(view, 38, 122);
    const packet = wrapped(view);
    expect([packet.ipAt, packet.innerAt, packet.innerPayloadAt, packet.innerKind]).toEqual([
      18,
      54,
      76,
      InnerKind.icmp,
    ]);
    expect([packet.innerEtherType, packet.innerSequence, packet.vni]).toEqual([0x0800, 0, 4097]);
  });

  type Change = (view: DataView) => void;
  const refused: readonly [string, Status, Change][] = [
    ["IPv6 outside", Status.unsupported, (view) => view.setUint16(12, 0x86dd)],
    ["version 5", Status.badVersion, (view) => view.setUint8(OUTER_IP, 0x55)],
    ["header length 16", Status.badHeaderLength, (view) => view.setUint8(OUTER_IP, 0x44)],
    ["total length 19", Status.badTotalLength, (view) => ipv4.setTotalLength(view, OUTER_IP, 19)],
    ["total length beyond the frame", Status.truncated, (view) => ipv4.setTotalLength(view, OUTER_IP, 135)],
    ["a fragment", Status.mismatch, (view) => ipv4.setFlagsAndFragmentOffset(view, OUTER_IP, 0x2000)],
    ["TCP outside", Status.mismatch, (view) => ipv4.setProtocol(view, OUTER_IP, 6)],
    ["UDP length 7", Status.badTotalLength, (view) => udp.setLength(view, OUTER_UDP, 7)],
    ["UDP length beyond IPv4's", Status.truncated, (view) => udp.setLength(view, OUTER_UDP, 115)],
    ["no VXLAN header", Status.truncated, (view) => udp.setLength(view, OUTER_UDP, 15)],
    ["VNI flag clear", Status.badFlags, (view) => vxlan.setFlags(view, OUTER_VXLAN, 0xf7)],
    ["no inner Ethernet header", Status.truncated, (view) => udp.setLength(view, OUTER_UDP, 29)],
  ];
  it.each(refused)("refuses %s", (_name, status, change) => {
    const view = packetView(PING);
    change(view);
    expect(new VxlanPacket(view).wrap(0, view.byteLength)).toBe(status);
  });

  const inside: readonly [string, InnerKind, Status, string, Change][] = [
    ["ARP", InnerKind.frame, Status.unsupported, PING, (view) => view.setUint16(INNER + 12, 0x0806)],
    ["version 6", InnerKind.frame, Status.badVersion, PING, (view) => view.setUint8(INNER_IP, 0x65)],
    [
      "a total length too long",
      InnerKind.frame,
      Status.truncated,
      PING,
      (view) => ipv4.setTotalLength(view, INNER_IP, 85),
    ],
    ["a fragment", InnerKind.ipv4, Status.mismatch, PING, (view) => ipv4.setFlagsAndFragmentOffset(view, INNER_IP, 1)],
    ["another protocol", InnerKind.ipv4, Status.unsupported, PING, (view) => ipv4.setProtocol(view, INNER_IP, 50)],
    ["a short ICMP message", InnerKind.ipv4, Status.truncated, PING, (view) => ipv4.setTotalLength(view, INNER_IP, 27)],
    [
      "a TCP header too short",
      InnerKind.ipv4,
      Status.badHeaderLength,
      SYN,
      (view) => view.setUint8(TRANSPORT + 12, 0x40),
    ],
    ["a TCP header too long", InnerKind.ipv4, Status.truncated, SYN, (view) => view.setUint8(TRANSPORT + 12, 0xb0)],
    [
      "a UDP length too short",
      InnerKind.ipv4,
      Status.badTotalLength,
      DATAGRAM,
      (view) => udp.setLength(view, TRANSPORT, 7),
    ],
    ["a UDP length too long", InnerKind.ipv4, Status.truncated, DATAGRAM, (view) => udp.setLength(view, TRANSPORT, 46)],
  ];
  it.each(inside)("wraps the tunnel and says what is inside: %s", (_name, kind, status, hex, change) => {
    const view = packetView(hex);
    change(view);
    const packet = wrapped(view);
    expect([packet.innerKind, packet.innerStatus]).toEqual([kind, status]);
  });

  it("takes the transport's end from UDP where it is shorter than IPv4", () => {
    const view = packetView(DATAGRAM);
    udp.setLength(view, TRANSPORT, 12);
    const packet = wrapped(view);
    expect([packet.innerKind, packet.transportEnd]).toEqual([InnerKind.udp, TRANSPORT + 12]);
  });

  it("looks for no TCP header behind the end of the view", () => {
    const length = TRANSPORT + 8;
    const view = viewOf(bytesOf(SYN).slice(0, length));
    ipv4.setTotalLength(view, OUTER_IP, length - OUTER_IP);
    udp.setLength(view, OUTER_UDP, length - OUTER_UDP);
    ipv4.setTotalLength(view, INNER_IP, length - INNER_IP);
    const packet = wrapped(view);
    expect([packet.innerKind, packet.innerStatus]).toEqual([InnerKind.ipv4, Status.truncated]);
  });

  it("answers a status for every prefix", () => {
    for (const hex of [PING, SYN, DATAGRAM]) {
      const whole = packetView(hex);
      for (let end = 0; end < whole.byteLength; end++) {
        expect(new VxlanPacket(new DataView(whole.buffer, 0, end)).wrap(0, end)).toBe(Status.truncated);
      }
    }
  });
});

/** The same, said with the functions of each protocol. */
function composed(view: DataView, at: number, end: number): [Status, ...number[]] {
  const behindTags = (from: number, limit: number): number => {
    let next = from + 14;
    while (limit - next >= 4 && [0x8100, 0x88a8].includes(view.getUint16(next - 2))) next += 4;
    return next;
  };
  const first = ethernet.check(view, at, end);
  if (first !== Status.ok) return [first];
  const ip = behindTags(at, end);
  if (view.getUint16(ip - 2) !== 0x0800) return [Status.unsupported];
  const ipStatus = ipv4.check(view, ip, end);
  if (ipStatus !== Status.ok) return [ipStatus];
  if (ipv4.isFragment(view, ip) || ipv4.protocol(view, ip) !== 17) return [Status.mismatch];
  const u = ipv4.payloadStart(view, ip);
  const ipEnd = ipv4.payloadEnd(view, ip, end);
  const udpStatus = udp.check(view, u, ipEnd);
  if (udpStatus !== Status.ok) return [udpStatus];
  if (udp.dstPort(view, u) !== 4789) return [Status.mismatch];
  const udpEnd = udp.payloadEnd(view, u, ipEnd);
  const vxlanStatus = vxlan.check(view, u + 8, udpEnd);
  if (vxlanStatus !== Status.ok) return [vxlanStatus];
  const inner = u + 16;
  const innerStatus = ethernet.check(view, inner, udpEnd);
  if (innerStatus !== Status.ok) return [innerStatus];
  const innerIp = behindTags(inner, udpEnd);
  const tunnel: [Status, ...number[]] = [Status.ok, ip, inner, udpEnd, innerIp, ipv4.totalLength(view, ip)];
  const frame = (status: Status): [Status, ...number[]] => [...tunnel, InnerKind.frame, status, 0, 0, innerIp, udpEnd];
  if (view.getUint16(innerIp - 2) !== 0x0800) return frame(Status.unsupported);
  const innerIpStatus = ipv4.check(view, innerIp, udpEnd);
  if (innerIpStatus !== Status.ok) return frame(innerIpStatus);
  const transport = ipv4.payloadStart(view, innerIp);
  const innerEnd = ipv4.payloadEnd(view, innerIp, udpEnd);
  const protocol = ipv4.protocol(view, innerIp);
  const packet = (kind: InnerKind, status: Status, transportEnd = innerEnd): [Status, ...number[]] => [
    ...tunnel,
    kind,
    status,
    ipv4.totalLength(view, innerIp),
    protocol,
    transport,
    transportEnd,
  ];
  if (ipv4.isFragment(view, innerIp)) return packet(InnerKind.ipv4, Status.mismatch);
  if (protocol === 1) {
    const isWhole = innerEnd - transport >= 8;
    return packet(isWhole ? InnerKind.icmp : InnerKind.ipv4, isWhole ? Status.ok : Status.truncated);
  }
  if (protocol === 6) {
    const status = tcp.check(view, transport, innerEnd);
    return packet(status === Status.ok ? InnerKind.tcp : InnerKind.ipv4, status);
  }
  if (protocol === 17) {
    const status = udp.check(view, transport, innerEnd);
    return status === Status.ok
      ? packet(InnerKind.udp, status, udp.payloadEnd(view, transport, innerEnd))
      : packet(InnerKind.ipv4, status);
  }
  return packet(InnerKind.ipv4, Status.unsupported);
}

/** What `composed` says, as the packet says it. */
function answered(view: DataView): readonly number[] {
  const packet = new VxlanPacket(view);
  const status = packet.wrap(0, view.byteLength);
  if (status !== Status.ok) return [status];
  return [
    status,
    packet.ipAt,
    packet.innerAt,
    packet.innerEnd,
    packet.innerPayloadAt,
    packet.totalLength,
    packet.innerKind,
    packet.innerStatus,
    packet.innerTotalLength,
    packet.innerProtocol,
    packet.transportAt,
    packet.transportEnd,
  ];
}

it("answers what the protocols' own functions answer, for each value of each byte", () => {
  const wrong: string[] = [];
  for (const hex of [PING, SYN, DATAGRAM]) {
    const view = packetView(hex);
    for (let at = 0; at < view.byteLength; at++) {
      const byte = view.getUint8(at);
      for (let value = 0; value < 256; value++) {
        view.setUint8(at, value);
        if (String(answered(view)) !== String(composed(view, 0, view.byteLength))) wrong.push(`${value} at ${at}`);
      }
      view.setUint8(at, byte);
    }
  }
  expect(wrong).toEqual([]);
});

it("knows a fragment by any bit of its flags and offset", () => {
  const wrong: string[] = [];
  for (const hex of [PING, SYN, DATAGRAM]) {
    for (const at of [OUTER_IP, INNER_IP]) {
      const view = packetView(hex);
      for (let word = 0; word < 0x10000; word++) {
        ipv4.setFlagsAndFragmentOffset(view, at, word);
        const isWhole = (word & 0x3fff) === 0;
        const packet = new VxlanPacket(view);
        const status = packet.wrap(0, view.byteLength);
        if ((status === Status.ok && packet.innerStatus === Status.ok) !== isWhole) wrong.push(`${word} at ${at}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

it("answers what the protocols' own functions answer, for damaged packets too", () => {
  const change = fc.tuple(fc.nat(107), fc.oneof(fc.nat(255), fc.constantFrom(0x45, 0x46, 0x81, 0x00, 0x08, 1, 6, 17)));
  fc.assert(
    fc.property(
      fc.constantFrom(PING, SYN, DATAGRAM),
      fc.array(change, { maxLength: 4 }),
      fc.nat(6),
      (hex, changes, padding) => {
        const view = packetView(hex, padding);
        for (const [at, byte] of changes) view.setUint8(Math.min(at, view.byteLength - 1), byte);
        expect(answered(view)).toEqual(composed(view, 0, view.byteLength));
      },
    ),
    { numRuns: 1000 },
  );
});

/** PING, SYN or DATAGRAM with VLAN tags and IPv4 options put in, or padding behind. */
function unusual(hex: string, outerTags: number, outerWords: number, innerTags: number, innerWords: number): DataView {
  const bytes = [...bytesOf(hex)];
  const tag = [0x81, 0x00, 0x00, 0x2a];
  const options = (words: number): number[] => Array.from({ length: words * 4 }, () => 1);
  const tags = (count: number): number[] => Array.from({ length: count }, () => tag).flat();
  const view = viewOf(
    Uint8Array.from([
      ...bytes.slice(0, 12),
      ...tags(outerTags),
      ...bytes.slice(12, OUTER_UDP),
      ...options(outerWords),
      ...bytes.slice(OUTER_UDP, INNER + 12),
      ...tags(innerTags),
      ...bytes.slice(INNER + 12, TRANSPORT),
      ...options(innerWords),
      ...bytes.slice(TRANSPORT),
    ]),
  );
  const ip = OUTER_IP + outerTags * 4;
  const innerIp = INNER_IP + (outerTags + outerWords + innerTags) * 4;
  const inside = (innerTags + innerWords) * 4;
  view.setUint8(ip, 0x45 + outerWords);
  ipv4.setTotalLength(view, ip, ipv4.totalLength(view, ip) + outerWords * 4 + inside);
  const udpAt = ip + 20 + outerWords * 4;
  udp.setLength(view, udpAt, udp.length(view, udpAt) + inside);
  view.setUint8(innerIp, 0x45 + innerWords);
  ipv4.setTotalLength(view, innerIp, ipv4.totalLength(view, innerIp) + innerWords * 4);
  return view;
}

/** Every getter beside the same field read by its protocol's functions. */
function fields(packet: VxlanPacket): [number[], number[]] {
  const { view, at, ipAt, innerAt, innerPayloadAt, transportAt } = packet;
  const udpAt = innerAt - 16;
  const outer: [number, number][] = [
    [packet.dstMac, ethernet.dstMac(view, at)],
    [packet.srcMac, ethernet.srcMac(view, at)],
    [packet.tos, ipv4.tos(view, ipAt)],
    [packet.totalLength, ipv4.totalLength(view, ipAt)],
    [packet.identification, ipv4.identification(view, ipAt)],
    [packet.ttl, ipv4.ttl(view, ipAt)],
    [packet.srcIp, ipv4.srcIp(view, ipAt)],
    [packet.dstIp, ipv4.dstIp(view, ipAt)],
    [packet.srcPort, udp.srcPort(view, udpAt)],
    [packet.udpLength, udp.length(view, udpAt)],
    [packet.udpChecksum, udp.checksum(view, udpAt)],
    [packet.flags, vxlan.flags(view, udpAt + 8)],
    [packet.vni, vxlan.vni(view, udpAt + 8)],
    [packet.innerDstMac, ethernet.dstMac(view, innerAt)],
    [packet.innerDstMacHigh, ethernet.dstMacHigh(view, innerAt)],
    [packet.innerDstMacLow, ethernet.dstMacLow(view, innerAt)],
    [packet.innerSrcMac, ethernet.srcMac(view, innerAt)],
    [packet.innerSrcMacHigh, ethernet.srcMacHigh(view, innerAt)],
    [packet.innerSrcMacLow, ethernet.srcMacLow(view, innerAt)],
    [packet.innerEtherType, view.getUint16(innerPayloadAt - 2)],
  ];
  const ip = innerPayloadAt;
  const inner: [number, number][] =
    packet.innerKind < InnerKind.ipv4
      ? []
      : [
          [packet.innerTos, ipv4.tos(view, ip)],
          [packet.innerTotalLength, ipv4.totalLength(view, ip)],
          [packet.innerIdentification, ipv4.identification(view, ip)],
          [packet.innerTtl, ipv4.ttl(view, ip)],
          [packet.innerProtocol, ipv4.protocol(view, ip)],
          [packet.innerSrcIp, ipv4.srcIp(view, ip)],
          [packet.innerDstIp, ipv4.dstIp(view, ip)],
        ];
  const transport: [number, number][] =
    packet.innerKind < InnerKind.icmp
      ? []
      : [
          [packet.innerSrcPort, udp.srcPort(view, transportAt)],
          [packet.innerDstPort, udp.dstPort(view, transportAt)],
          [packet.innerIcmpType, view.getUint8(transportAt)],
          [packet.innerIdentifier, view.getUint16(transportAt + 4)],
          [packet.innerSequence, view.getUint16(transportAt + 6)],
        ];
  const pairs = [...outer, ...inner, ...transport];
  return [pairs.map(([read]) => read), pairs.map(([, expected]) => expected)];
}

it("reads the same fields as the protocols' own functions, usual and unusual packets in turn", () => {
  const packet = new VxlanPacket(new DataView(new ArrayBuffer(0)));
  const count = fc.constantFrom(0, 0, 0, 1, 2);
  const change = fc.tuple(fc.nat(107), fc.nat(255));
  fc.assert(
    fc.property(
      fc.constantFrom(PING, SYN, DATAGRAM),
      fc.tuple(count, count, count, count),
      fc.array(change, { maxLength: 2 }),
      (hex, [outerTags, outerWords, innerTags, innerWords], changes) => {
        const view = unusual(hex, outerTags, outerWords, innerTags, innerWords);
        for (const [at, byte] of changes) view.setUint8(at, byte);
        packet.view = view;
        const status = packet.wrap(0, view.byteLength);
        if (changes.length === 0) {
          const kind = hex === PING ? InnerKind.icmp : hex === SYN ? InnerKind.tcp : InnerKind.udp;
          expect([status, packet.innerKind, packet.innerStatus]).toEqual([Status.ok, kind, Status.ok]);
        }
        if (status !== Status.ok) return;
        const [read, expected] = fields(packet);
        expect(read).toEqual(expected);
      },
    ),
    { numRuns: 1000 },
  );
});

it("reads packets that lie behind the first GiB", () => {
  const at = 2 ** 30 + 8;
  const bytes = new Uint8Array(at + 148);
  bytes.set(bytesOf(PING), at);
  const packet = new VxlanPacket(viewOf(bytes));
  expect(packet.wrap(at, bytes.length)).toBe(Status.ok);
  expect([packet.at, packet.transportAt, packet.transportEnd]).toEqual([at, at + TRANSPORT, at + 148]);
  expect([packet.innerKind, packet.vni, packet.innerIdentifier]).toEqual([InnerKind.icmp, 4097, 25]);
  const [read, expected] = fields(packet);
  expect(read).toEqual(expected);
});

describe("verifyChecksums", () => {
  const simd = createSimdChecksum(4096)!;

  /** The plain code and the kernel must agree. */
  function faults(view: DataView): number {
    const plain = wrapped(view).verifyChecksums();
    simd.bytes.fill(0x5a);
    simd.bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), 3);
    const packet = new VxlanPacket(simd.view);
    packet.wrap(3, 3 + view.byteLength);
    expect(packet.verifyChecksums(simd)).toBe(plain);
    return plain;
  }

  it.each([PING, SYN, DATAGRAM])("finds captured packets right", (hex) => {
    expect(faults(packetView(hex))).toBe(ChecksumFault.none);
    const view = packetView(hex);
    udp.setChecksum(view, OUTER_UDP, 0);
    expect(faults(view)).toBe(ChecksumFault.none);
  });

  it("names each fault", () => {
    const last = packetView(PING);
    last.setUint8(147, 1);
    expect(faults(last)).toBe(ChecksumFault.outerUdp | ChecksumFault.innerTransport);
    const outer = packetView(PING);
    ipv4.setTtl(outer, OUTER_IP, 63);
    expect(faults(outer)).toBe(ChecksumFault.outerIp);
    const inner = packetView(PING);
    ipv4.setTtl(inner, INNER_IP, 63);
    expect(faults(inner)).toBe(ChecksumFault.innerIp | ChecksumFault.outerUdp);
    const vni = packetView(SYN);
    vxlan.setVni(vni, OUTER_VXLAN, 5);
    expect(faults(vni)).toBe(ChecksumFault.outerUdp);
  });

  it("knows that UDP without a checksum is right, and that other protocols have none it can read", () => {
    const view = packetView(DATAGRAM);
    udp.setChecksum(view, TRANSPORT, 0);
    expect(faults(view)).toBe(ChecksumFault.outerUdp);
    udp.setChecksum(view, OUTER_UDP, 0);
    expect(faults(view)).toBe(ChecksumFault.none);
    const esp = packetView(PING);
    udp.setChecksum(esp, OUTER_UDP, 0);
    ipv4.setProtocol(esp, INNER_IP, 50);
    ipv4.fillChecksum(esp, INNER_IP);
    expect(faults(esp)).toBe(ChecksumFault.none);
  });

  it("adds up padding behind an inner packet of odd length", () => {
    // 6 bytes of padding inside the UDP datagram, and a payload of odd length.
    for (const length of [83, 82, 29, 28]) {
      const view = packetView(PING);
      ipv4.setTotalLength(view, INNER_IP, length);
      ipv4.fillChecksum(view, INNER_IP);
      view.setUint16(TRANSPORT + 2, 0);
      const end = INNER_IP + length;
      let sum = 0;
      for (let at = TRANSPORT; at < end; at++) sum += view.getUint8(at) << (((at - TRANSPORT) & 1) === 0 ? 8 : 0);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      view.setUint16(TRANSPORT + 2, ~sum);
      view.setUint8(end, 0x37);
      view.setUint8(147, 0x11);
      const pseudo = 0xc0a8 + 0x4d0b + 0xc0a8 + 0x4d0c + 17 + 114;
      udp.fillChecksum(view, OUTER_UDP, 148, (pseudo & 0xffff) + (pseudo >>> 16));
      expect(faults(view)).toBe(ChecksumFault.none);
      view.setUint8(end, 0x38);
      expect(faults(view)).toBe(ChecksumFault.outerUdp);
    }
  });

  it("agrees between plain code and kernel for any damage", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(PING, SYN, DATAGRAM),
        fc.array(fc.tuple(fc.nat(107), fc.nat(255)), { maxLength: 3 }),
        (hex, changes) => {
          const view = packetView(hex);
          for (const [at, byte] of changes) view.setUint8(Math.min(at, view.byteLength - 1), byte);
          if (new VxlanPacket(view).wrap(0, view.byteLength) === Status.ok) faults(view);
        },
      ),
    );
  });
});
