import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChecksumStatus, complement, pseudoHeader4, sum } from "../src/checksum.ts";
import {
  decapsulate,
  decapsulatedEnd,
  decapsulateEcn,
  encapsulate,
  encapsulatedEcn,
  flowHash,
  MAX_INNER_LENGTH,
  OVERHEAD,
  sourcePort,
  Verify,
  VxlanTunnel,
  type VxlanTunnelOptions,
} from "../src/encapsulation.ts";
import * as ethernet from "../src/ethernet.ts";
import * as ipv4 from "../src/ipv4.ts";
import { Status } from "../src/status.ts";
import * as udp from "../src/udp.ts";
import * as vxlan from "../src/vxlan.ts";
import { bytesOf, hexOf, hexOfView, viewOf } from "./hex.ts";

/** Ping between two containers of a Docker overlay, as it left the first node's network card. */
const PING = bytesOf(`
  52540077000c52540077000b0800 45000086786200004011e69cc0a84d0bc0a84d0c bd6412b50072d7eb 0800000000100100
  02420a00090502420a0009030800 45000054a2014000400172a00a0009030a000905
  0800b1bd001900008874bdb4 ${"00".repeat(52)}`);

/** The packet in a buffer of its own, with `padding` bytes behind. */
function packetView(padding = 0): DataView {
  const whole = new Uint8Array(PING.length + padding);
  whole.set(PING);
  return viewOf(whole);
}

const options: VxlanTunnelOptions = {
  srcMac: 0x52540077000b,
  dstMac: 0x52540077000c,
  srcIp: 0xc0a84d0b | 0,
  dstIp: 0xc0a84d0c | 0,
  vni: 4097,
};

/** The captured ping's inner frame behind `before` bytes of 0xa5. */
function innerPing(before: number = OVERHEAD): DataView {
  const bytes = new Uint8Array(before + PING.length - OVERHEAD).fill(0xa5);
  bytes.set(PING.subarray(OVERHEAD), before);
  return viewOf(bytes);
}

/** Where the outer headers start in PING. */
const OUTER_IP = 14;
const OUTER_UDP = 34;
const OUTER_VXLAN = 42;

describe("encapsulate", () => {
  it("writes the fifty bytes that the kernel wrote", () => {
    const view = innerPing();
    // The kernel's hash is keyed: force its port by leaving it no choice.
    const tunnel = new VxlanTunnel({ ...options, portRange: [48484, 48485] });
    expect(encapsulate(tunnel, view, OVERHEAD, view.byteLength, 0x7862)).toBe(0);
    expect(hexOfView(view)).toBe(hexOf(PING));
  });

  it("writes no UDP checksum on request (RFC 7348 §5)", () => {
    const view = innerPing();
    const tunnel = new VxlanTunnel({ ...options, udpChecksum: "zero" });
    encapsulate(tunnel, view, OVERHEAD, view.byteLength, 1);
    expect(udp.checksum(view, OUTER_UDP)).toBe(0);
    expect(decapsulate(view, 0, view.byteLength)).toBe(OVERHEAD);
  });

  it("takes the source port from the inner flow, as the kernel scales it", () => {
    const view = innerPing();
    const tunnel = new VxlanTunnel({ ...options, seed: 77 });
    encapsulate(tunnel, view, OVERHEAD, view.byteLength, 1);
    const hash = flowHash(view, OVERHEAD, view.byteLength, 77);
    expect(udp.srcPort(view, OUTER_UDP)).toBe(sourcePort(hash, 32768, 60999));
  });

  it("takes it from any frame as flowHash does", () => {
    const tunnel = new VxlanTunnel({ ...options, seed: -5, portRange: [1024, 65535] });
    const change = fc.tuple(fc.nat(25), fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x08, 0x45, 0x46, 6, 17)));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.integer({ min: 14, max: 60 }), (changes, length) => {
        const view = innerPing();
        for (const [at, byte] of changes) view.setUint8(OVERHEAD + 12 + at, byte);
        encapsulate(tunnel, view, OVERHEAD, OVERHEAD + length, 1);
        const hash = flowHash(view, OVERHEAD, OVERHEAD + length, -5);
        expect(udp.srcPort(view, OUTER_UDP)).toBe(sourcePort(hash, 1024, 65535));
        expect(ipv4.tos(view, OUTER_IP)).toBe(encapsulatedEcn(view, OVERHEAD, OVERHEAD + length));
      }),
    );
  });

  it("writes every option of the tunnel where it belongs", () => {
    const view = innerPing();
    const tunnel = new VxlanTunnel({ ...options, port: 8472, ttl: 7, tos: 0xb9, dontFragment: true, vni: 0xabcdef });
    encapsulate(tunnel, view, OVERHEAD, view.byteLength, 0x1ffff);
    expect(ipv4.plain(view, OUTER_IP)).toMatchObject({
      ttl: 7,
      tos: 0xb8,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      identification: 0xffff,
      totalLength: view.byteLength - 14,
    });
    expect(udp.dstPort(view, OUTER_UDP)).toBe(8472);
    expect(vxlan.plain(view, OUTER_VXLAN)).toEqual({
      flags: 8,
      reserved1: 0,
      groupPolicyId: 0,
      vni: 0xabcdef,
      reserved2: 0,
    });
    expect(decapsulate(view, 0, view.byteLength, 8472)).toBe(OVERHEAD);
  });

  it.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 2],
  ])("carries inner ECN %i outside as %i (RFC 6040 §4.1)", (inner, outer) => {
    const view = innerPing();
    ipv4.setTos(view, OVERHEAD + 14, 0xb8 | inner);
    encapsulate(new VxlanTunnel(options), view, OVERHEAD, view.byteLength, 1);
    expect(ipv4.tos(view, OUTER_IP)).toBe(outer);
    expect(ipv4.isChecksumValid(view, OUTER_IP)).toBe(true);
  });

  it("finds ECN in IPv6 too, and none in ARP", () => {
    const view = innerPing();
    view.setUint16(OVERHEAD + 12, 0x86dd);
    view.setUint16(OVERHEAD + 14, 0x6010);
    encapsulate(new VxlanTunnel(options), view, OVERHEAD, view.byteLength, 1);
    expect(ipv4.tos(view, OUTER_IP)).toBe(1);
    view.setUint16(OVERHEAD + 12, 0x0806);
    encapsulate(new VxlanTunnel(options), view, OVERHEAD, view.byteLength, 1);
    expect(ipv4.tos(view, OUTER_IP)).toBe(0);
  });

  it("refuses a frame without headroom, without an Ethernet header, or too long for IPv4", () => {
    const tunnel = new VxlanTunnel(options);
    const view = new DataView(new ArrayBuffer(OVERHEAD + MAX_INNER_LENGTH + 1));
    expect(encapsulate(tunnel, view, OVERHEAD - 1, 100, 1)).toBe(-Status.truncated);
    expect(encapsulate(tunnel, view, OVERHEAD, OVERHEAD + 13, 1)).toBe(-Status.truncated);
    expect(encapsulate(tunnel, view, OVERHEAD, OVERHEAD + 14, 1)).toBe(0);
    expect(encapsulate(tunnel, view, OVERHEAD, OVERHEAD + MAX_INNER_LENGTH, 1)).toBe(0);
    expect(ipv4.totalLength(view, OUTER_IP)).toBe(0xffff);
    expect(encapsulate(tunnel, view, OVERHEAD, OVERHEAD + MAX_INNER_LENGTH + 1, 1)).toBe(-Status.badTotalLength);
  });

  it.each([0, 1])("writes a right IPv4 checksum for every identification, double carries included, ECN %i", (ecn) => {
    const view = innerPing();
    ipv4.setTos(view, OVERHEAD + 14, ecn);
    const tunnel = new VxlanTunnel(options);
    for (let id = 0; id <= 0xffff; id++) {
      encapsulate(tunnel, view, OVERHEAD, view.byteLength, id);
      if (!ipv4.isChecksumValid(view, OUTER_IP)) expect.fail(`identification ${id}`);
    }
  });

  it("writes any tunnel's headers as the protocols' encoders write them", () => {
    const bits = (count: number) => fc.integer({ min: 0, max: 2 ** count - 1 });
    const address = fc.integer({ min: -0x80000000, max: 0x7fffffff });
    const anyTunnel = fc.record({
      srcMac: bits(48),
      dstMac: bits(48),
      srcIp: address,
      dstIp: address,
      vni: bits(24),
      port: bits(16),
      ttl: bits(8),
      tos: bits(6).map((dscp) => dscp << 2),
      dontFragment: fc.boolean(),
    });
    fc.assert(
      fc.property(anyTunnel, bits(16), fc.nat(3), (random, identification, ecn) => {
        const view = innerPing(OVERHEAD + 1);
        ipv4.setTos(view, OVERHEAD + 1 + 14, ecn);
        const tunnel = new VxlanTunnel({ ...random, udpChecksum: "zero", portRange: [777, 778] });
        expect(encapsulate(tunnel, view, OVERHEAD + 1, view.byteLength, identification)).toBe(1);
        const { srcIp, dstIp, vni, port: dstPort, ttl, dontFragment } = random;
        const frame = new Uint8Array(view.buffer, OVERHEAD + 1);
        const inside = udp.encode({ srcPort: 777, dstPort, checksum: 0 }, vxlan.encode({ vni }, frame));
        const tos = random.tos | (ecn === 3 ? 2 : ecn);
        const packet = ipv4.encode({ srcIp, dstIp, protocol: 17, ttl, tos, dontFragment, identification }, inside);
        const expected = ethernet.encode({ ...random, etherType: 0x0800 }, packet);
        expect(hexOfView(view, 1)).toBe(hexOf(expected));
        expect(view.getUint8(0)).toBe(0xa5);
      }),
    );
  });

  it("sends a computed zero checksum as all ones (RFC 768)", () => {
    const view = innerPing();
    const tunnel = new VxlanTunnel(options);
    const last = view.byteLength - 2;
    view.setUint16(last, 0);
    encapsulate(tunnel, view, OVERHEAD, view.byteLength, 1);
    // What is missing to a sum of 0xffff goes into the payload's last word.
    view.setUint16(last, udp.checksum(view, OUTER_UDP));
    encapsulate(tunnel, view, OVERHEAD, view.byteLength, 1);
    expect(udp.checksum(view, OUTER_UDP)).toBe(0xffff);
    expect(decapsulate(view, 0, view.byteLength)).toBe(OVERHEAD);
  });

  it("refuses options that the headers cannot hold", () => {
    expect(() => new VxlanTunnel({ ...options, vni: 0x1000000 })).toThrow("vni is 16777216");
    expect(() => new VxlanTunnel({ ...options, ttl: 256 })).toThrow(RangeError);
    expect(() => new VxlanTunnel({ ...options, srcMac: -1 })).toThrow(RangeError);
    expect(() => new VxlanTunnel({ ...options, portRange: [5, 5] })).toThrow("portRange is 5-5");
  });
});

describe("decapsulate", () => {
  it("finds the inner frame of a captured packet and its end before padding", () => {
    const view = packetView(6);
    expect(decapsulate(view, 0, view.byteLength)).toBe(OVERHEAD);
    expect(decapsulatedEnd(view, OVERHEAD)).toBe(view.byteLength - 6);
  });

  it("undoes encapsulate for any frame", () => {
    const frame = fc.uint8Array({ minLength: 14, maxLength: 300 });
    const bits = (count: number) => fc.integer({ min: 0, max: 2 ** count - 1 });
    fc.assert(
      fc.property(frame, bits(24), bits(16), bits(8), fc.boolean(), fc.nat(9), (inner, vni, id, tos, zero, room) => {
        const at = OVERHEAD + room;
        const view = new DataView(new ArrayBuffer(at + inner.length + 3));
        new Uint8Array(view.buffer).set(inner, at);
        const tunnel = new VxlanTunnel({ ...options, vni, tos, udpChecksum: zero ? "zero" : "compute" });
        const start = encapsulate(tunnel, view, at, at + inner.length, id);
        expect(start).toBe(room);
        expect(decapsulate(view, start, view.byteLength)).toBe(at);
        expect(decapsulatedEnd(view, at)).toBe(at + inner.length);
        expect(vxlan.vni(view, at - 8)).toBe(vni);
        expect(ipv4.check(view, start + 14, view.byteLength)).toBe(Status.ok);
        expect([...new Uint8Array(view.buffer, at, inner.length)]).toEqual([...inner]);
      }),
    );
  });

  it("accepts IPv4 options", () => {
    const plain = packetView();
    const bytes = new Uint8Array(plain.byteLength + 4);
    bytes.set(new Uint8Array(plain.buffer, 0, OUTER_UDP));
    bytes.set([1, 1, 1, 0], OUTER_UDP);
    bytes.set(new Uint8Array(plain.buffer, OUTER_UDP), OUTER_UDP + 4);
    const view = new DataView(bytes.buffer);
    ipv4.setHeaderLength(view, OUTER_IP, 24);
    ipv4.setTotalLength(view, OUTER_IP, ipv4.totalLength(view, OUTER_IP) + 4);
    ipv4.fillChecksum(view, OUTER_IP);
    expect(decapsulate(view, 0, view.byteLength)).toBe(OVERHEAD + 4);
  });

  type Break = (view: DataView) => void;
  const cases: readonly [string, Status, Break][] = [
    ["no IPv4", Status.unsupported, (view) => view.setUint16(12, 0x86dd)],
    ["version 6", Status.badVersion, (view) => view.setUint8(OUTER_IP, 0x65)],
    ["header length 16", Status.badHeaderLength, (view) => view.setUint8(OUTER_IP, 0x44)],
    ["total length beyond the frame", Status.truncated, (view) => ipv4.setTotalLength(view, OUTER_IP, 135)],
    ["total length inside the header", Status.badTotalLength, (view) => ipv4.setTotalLength(view, OUTER_IP, 19)],
    ["total length 0", Status.badTotalLength, (view) => ipv4.setTotalLength(view, OUTER_IP, 0)],
    ["no room for VXLAN in the packet", Status.truncated, (view) => ipv4.setTotalLength(view, OUTER_IP, 35)],
    ["a first fragment", Status.mismatch, (view) => ipv4.setFlagsAndFragmentOffset(view, OUTER_IP, 0x2000)],
    ["a last fragment", Status.mismatch, (view) => ipv4.setFlagsAndFragmentOffset(view, OUTER_IP, 0x0001)],
    ["TCP", Status.mismatch, (view) => ipv4.setProtocol(view, OUTER_IP, 6)],
    ["another port", Status.mismatch, (view) => udp.setDstPort(view, OUTER_UDP, 8472)],
    ["UDP length beyond IPv4's", Status.truncated, (view) => udp.setLength(view, OUTER_UDP, 115)],
    ["UDP length inside the header", Status.badTotalLength, (view) => udp.setLength(view, OUTER_UDP, 7)],
    ["UDP length 0", Status.badTotalLength, (view) => udp.setLength(view, OUTER_UDP, 0)],
    ["UDP length inside VXLAN", Status.truncated, (view) => udp.setLength(view, OUTER_UDP, 15)],
    ["UDP length inside inner Ethernet", Status.truncated, (view) => udp.setLength(view, OUTER_UDP, 29)],
    ["VNI flag clear", Status.badFlags, (view) => vxlan.setFlags(view, OUTER_VXLAN, 0)],
    ["a reserved flag", Status.badFlags, (view) => vxlan.setFlags(view, OUTER_VXLAN, 0x88)],
    ["a reserved bit after the flags", Status.badFlags, (view) => view.setUint8(OUTER_VXLAN + 3, 1)],
    ["a reserved bit after the VNI", Status.badFlags, (view) => view.setUint8(OUTER_VXLAN + 7, 1)],
    ["a wrong IPv4 checksum", Status.badChecksum, (view) => ipv4.setTtl(view, OUTER_IP, 63)],
    ["a wrong UDP checksum", Status.badChecksum, (view) => view.setUint8(view.byteLength - 1, 1)],
  ];

  it.each(cases)("refuses %s", (_name, status, change) => {
    const view = packetView();
    change(view);
    expect(decapsulate(view, 0, view.byteLength)).toBe(-status);
  });

  /** The same, said with the functions of each protocol. */
  function composed(view: DataView, end: number): number {
    if (end < 50) return -Status.truncated;
    if (view.getUint16(12) !== 0x0800) return -Status.unsupported;
    const status = ipv4.check(view, OUTER_IP, end);
    // "To the end", as offloaded frames have it, is no length that a tunnel's packet can have.
    const isOffloaded = ipv4.totalLength(view, OUTER_IP) === 0;
    if (isOffloaded && (status === Status.ok || status === Status.truncated)) return -Status.badTotalLength;
    if (status !== Status.ok) return -status;
    if (ipv4.isFragment(view, OUTER_IP) || ipv4.protocol(view, OUTER_IP) !== 17) return -Status.mismatch;
    const at = ipv4.payloadStart(view, OUTER_IP);
    const room = ipv4.payloadEnd(view, OUTER_IP, end) - at;
    if (room < 16) return -Status.truncated;
    if (udp.dstPort(view, at) !== 4789) return -Status.mismatch;
    const length = udp.length(view, at);
    if (length < 8) return -Status.badTotalLength;
    if (length > room || length < 16) return -Status.truncated;
    if (vxlan.check(view, at + 8, at + length) !== Status.ok) return -Status.badFlags;
    if (view.getInt32(at + 8) !== 0x08000000 || view.getUint8(at + 15) !== 0) return -Status.badFlags;
    if (length < 30) return -Status.truncated;
    if (ipv4.verifyChecksum(view, OUTER_IP) !== ChecksumStatus.valid) return -Status.badChecksum;
    const pseudo = pseudoHeader4(ipv4.srcIp(view, OUTER_IP), ipv4.dstIp(view, OUTER_IP), 17, length);
    const checksum = udp.verifyChecksum(view, at, at + length, pseudo);
    const isRight = checksum === ChecksumStatus.valid || checksum === ChecksumStatus.absent;
    return isRight ? at + 16 : -Status.badChecksum;
  }

  it("answers what the protocols' own functions answer, for damaged packets too", () => {
    const change = fc.tuple(fc.nat(60), fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x08, 0x45, 0x46, 17)));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 3 }), fc.boolean(), fc.nat(150), (changes, isRepaired, cut) => {
        const view = packetView(8);
        for (const [at, byte] of changes) view.setUint8(at, byte);
        if (isRepaired) {
          udp.setChecksum(view, OUTER_UDP, 0);
          ipv4.setHeaderChecksum(view, OUTER_IP, 0);
          ipv4.setHeaderChecksum(view, OUTER_IP, complement(sum(view, OUTER_IP, OUTER_UDP)));
        }
        const end = cut > 60 ? view.byteLength : cut;
        expect(decapsulate(view, 0, end)).toBe(composed(view, end));
      }),
      {
        numRuns: 1000,
        examples: [
          [
            [
              [17, 0],
              [20, 1],
            ],
            false,
            50,
          ],
          [
            [
              [14, 0x4f],
              [17, 0],
            ],
            false,
            50,
          ],
        ],
      },
    );
  });

  it("verifies what it is asked to", () => {
    const view = packetView();
    ipv4.setTtl(view, OUTER_IP, 63);
    udp.setChecksum(view, OUTER_UDP, 1);
    expect(decapsulate(view, 0, view.byteLength, vxlan.PORT, Verify.nothing)).toBe(OVERHEAD);
    expect(decapsulate(view, 0, view.byteLength, vxlan.PORT, Verify.udp)).toBe(-Status.badChecksum);
    expect(decapsulate(view, 0, view.byteLength, vxlan.PORT, Verify.header)).toBe(-Status.badChecksum);
    ipv4.fillChecksum(view, OUTER_IP);
    expect(decapsulate(view, 0, view.byteLength, vxlan.PORT, Verify.header)).toBe(OVERHEAD);
    expect(decapsulate(view, 0, view.byteLength, vxlan.PORT, Verify.all)).toBe(-Status.badChecksum);
  });

  it("answers a status for every prefix of a packet, and for any bytes", () => {
    const whole = packetView();
    for (let end = 0; end < whole.byteLength; end++) {
      expect(decapsulate(new DataView(whole.buffer, 0, end), 0, end)).toBe(-Status.truncated);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(120), (noise, length) => {
        const bytes = new Uint8Array(whole.buffer.slice(0));
        for (const [index, byte] of noise.entries()) if (byte < 8) bytes[index] = byte;
        const view = new DataView(bytes.buffer, 0, length);
        expect(decapsulate(view, 0, length)).toBeLessThanOrEqual(OVERHEAD);
      }),
    );
  });
});

describe("decapsulateEcn", () => {
  it.each([
    ["not congested", 0x02, 0x00, 0x00, Status.ok],
    ["congested, inner ECT(0)", 0x03, 0xb2, 0xb3, Status.ok],
    ["congested, inner ECT(1)", 0x03, 0x01, 0x03, Status.ok],
    ["congested, inner not capable", 0x03, 0xb0, 0xb0, Status.badFlags],
  ])("%s (RFC 6040 §4.2)", (_name, outerTos, before, after, status) => {
    const view = innerPing(0);
    ipv4.setTos(view, 14, before);
    ipv4.setHeaderChecksum(view, 14, 0);
    ipv4.setHeaderChecksum(view, 14, complement(sum(view, 14, 34)));
    expect(decapsulateEcn(view, outerTos, 0, view.byteLength)).toBe(status);
    expect(ipv4.tos(view, 14)).toBe(after);
    expect(ipv4.isChecksumValid(view, 14)).toBe(true);
  });

  it("marks IPv6 and leaves ARP alone", () => {
    const view = innerPing(0);
    view.setUint16(12, 0x86dd);
    view.setUint16(14, 0x6020);
    expect(decapsulateEcn(view, 3, 0, view.byteLength)).toBe(Status.ok);
    expect(view.getUint16(14)).toBe(0x6030);
    view.setUint16(14, 0x6000);
    expect(decapsulateEcn(view, 3, 0, view.byteLength)).toBe(Status.badFlags);
    view.setUint16(12, 0x0806);
    expect(decapsulateEcn(view, 3, 0, view.byteLength)).toBe(Status.ok);
    expect(view.getUint16(14)).toBe(0x6000);
  });
});
