import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flowHash, sourcePort } from "../src/flow-hash.ts";

const HEADER = 14;

interface Flow {
  srcMac?: number;
  dstMac?: number;
  srcIp?: number;
  dstIp?: number;
  protocol?: number;
  srcPort?: number;
  dstPort?: number;
  fragment?: number;
  ihl?: number;
}

/** An Ethernet frame with an IPv4 header and four bytes of ports; other fields hold what does not matter. */
function ipv4Frame(flow: Flow, tags: readonly number[] = []): DataView {
  const ihl = flow.ihl ?? 5;
  const ip = HEADER + tags.length * 4;
  const view = new DataView(new ArrayBuffer(ip + ihl * 4 + 8));
  view.setInt32(2, flow.dstMac ?? 1);
  view.setInt32(8, flow.srcMac ?? 2);
  for (const [index, tag] of tags.entries()) {
    view.setUint16(12 + index * 4, tag);
    view.setUint16(14 + index * 4, 0x0042);
  }
  view.setUint16(ip - 2, 0x0800);
  view.setUint8(ip, 0x40 | ihl);
  view.setUint16(ip + 6, flow.fragment ?? 0);
  view.setUint8(ip + 9, flow.protocol ?? 17);
  view.setInt32(ip + 12, flow.srcIp ?? 0x0a000903);
  view.setInt32(ip + 16, flow.dstIp ?? 0x0a000905);
  view.setUint16(ip + ihl * 4, flow.srcPort ?? 40000);
  view.setUint16(ip + ihl * 4 + 2, flow.dstPort ?? 80);
  return view;
}

function ipv6Frame(src: readonly number[], dst: readonly number[], next: number, ports: number): DataView {
  const view = new DataView(new ArrayBuffer(HEADER + 48));
  view.setUint16(12, 0x86dd);
  view.setUint8(HEADER, 0x60);
  view.setUint8(HEADER + 6, next);
  for (const [index, word] of src.entries()) view.setUint16(HEADER + 8 + index * 2, word);
  for (const [index, word] of dst.entries()) view.setUint16(HEADER + 24 + index * 2, word);
  view.setInt32(HEADER + 40, ports);
  return view;
}

function hash(view: DataView, seed = 0): number {
  return flowHash(view, 0, view.byteLength, seed);
}

const ip = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const port = fc.nat(0xffff);

describe("flowHash", () => {
  it("is the same in both directions", () => {
    fc.assert(
      fc.property(
        ip,
        ip,
        port,
        port,
        fc.constantFrom(1, 6, 17),
        ip,
        (srcIp, dstIp, srcPort, dstPort, protocol, seed) => {
          const there = ipv4Frame({ srcIp, dstIp, srcPort, dstPort, protocol });
          const back = ipv4Frame({ srcIp: dstIp, dstIp: srcIp, srcPort: dstPort, dstPort: srcPort, protocol });
          expect(hash(there, seed)).toBe(hash(back, seed));
        },
      ),
    );
  });

  it("tells ports apart in UDP and TCP, and not in ICMP", () => {
    for (const protocol of [6, 17]) {
      expect(hash(ipv4Frame({ protocol, srcPort: 1 }))).not.toBe(hash(ipv4Frame({ protocol, srcPort: 2 })));
    }
    // All pings between two containers share one outer port.
    expect(hash(ipv4Frame({ protocol: 1, srcPort: 1 }))).toBe(hash(ipv4Frame({ protocol: 1, srcPort: 2 })));
  });

  it("leaves the ports of every fragment out, the first one's too", () => {
    const first = hash(ipv4Frame({ fragment: 0x2000, srcPort: 1 }));
    expect(hash(ipv4Frame({ fragment: 0x00b9, srcPort: 2 }))).toBe(first);
    expect(hash(ipv4Frame({ fragment: 0x4000, srcPort: 1 }))).not.toBe(first);
  });

  it("finds the ports behind IPv4 options and VLAN tags", () => {
    expect(hash(ipv4Frame({ ihl: 7, srcPort: 9 }))).toBe(hash(ipv4Frame({ srcPort: 9 })));
    expect(hash(ipv4Frame({ srcPort: 9 }, [0x8100]))).toBe(hash(ipv4Frame({ srcPort: 9 })));
    expect(hash(ipv4Frame({ srcPort: 9 }, [0x88a8, 0x8100]))).toBe(hash(ipv4Frame({ srcPort: 9 })));
  });

  it("covers IPv6 addresses and ports, in both directions alike", () => {
    const a = [0xfe80, 0, 0, 0, 0x42, 0xaff, 0xfe00, 0x903];
    const b = [0xfe80, 0, 0, 0, 0x42, 0xaff, 0xfe00, 0x905];
    const udp = hash(ipv6Frame(a, b, 17, 0x12340050));
    expect(hash(ipv6Frame(b, a, 17, 0x00501234))).toBe(udp);
    expect(hash(ipv6Frame(a, b, 17, 0x12350050))).not.toBe(udp);
    expect(hash(ipv6Frame(a, [...b.slice(0, 7), 0x906], 17, 0x12340050))).not.toBe(udp);
    expect(hash(ipv6Frame(a, b, 58, 1))).toBe(hash(ipv6Frame(a, b, 58, 2)));
  });

  it("falls back on the MAC addresses for what is not IP, in both directions alike", () => {
    const arp = (src: number, dst: number): DataView => {
      const view = ipv4Frame({ srcMac: src, dstMac: dst });
      view.setUint16(12, 0x0806);
      return view;
    };
    expect(hash(arp(5, 6))).toBe(hash(arp(6, 5)));
    expect(hash(arp(5, 6))).not.toBe(hash(arp(5, 7)));
  });

  it("differs by seed, as two hosts' hashes do", () => {
    expect(hash(ipv4Frame({}), 1)).not.toBe(hash(ipv4Frame({}), 2));
  });

  it("reads nothing behind the end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x0806), (bytes, type) => {
        const whole = new Uint8Array(80);
        whole.set(bytes);
        const view = new DataView(whole.buffer);
        if (bytes.length >= 14) view.setUint16(12, type);
        const before = flowHash(view, 0, bytes.length);
        whole.fill(0xa5, bytes.length);
        if (bytes.length >= 14) expect(flowHash(view, 0, bytes.length)).toBe(before);
        expect(() => flowHash(new DataView(whole.buffer, 0, bytes.length), 0, bytes.length)).not.toThrow();
      }),
    );
  });

  it("spreads the flows of one pair of containers over the port range", () => {
    const buckets = Array.from({ length: 16 }, () => 0);
    for (let srcPort = 32768; srcPort < 32768 + 4096; srcPort++) {
      const chosen = sourcePort(hash(ipv4Frame({ protocol: 6, srcPort })), 32768, 60999);
      const bucket = Math.floor(((chosen - 32768) * 16) / 28231);
      buckets[bucket] = buckets[bucket]! + 1;
    }
    // 256 expected; a fair spread stays within four standard deviations.
    for (const count of buckets) expect(Math.abs(count - 256)).toBeLessThan(64);
  });
});

describe("sourcePort", () => {
  it.each([
    [0x12345678, 40299],
    [0xdeadbeef, 43383],
    [0x0000ffff, 60998],
    [0xffffffff, 32768],
  ])("scales hash %i as udp_flow_src_port does", (value, expected) => {
    expect(sourcePort(value, 32768, 60999)).toBe(expected);
    expect(sourcePort(value | 0, 32768, 60999)).toBe(expected);
  });

  it("equals the 64-bit product for every range", () => {
    fc.assert(
      fc.property(ip, fc.nat(0xfffe), fc.nat(0xffff), (value, low, width) => {
        const high = Math.min(0xffff, low + 1 + width);
        const folded = BigInt.asUintN(32, BigInt(value ^ (value << 16)));
        expect(sourcePort(value, low, high)).toBe(Number((folded * BigInt(high - low)) >> 32n) + low);
      }),
    );
  });
});
