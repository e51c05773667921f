import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChecksumStatusName, checksumStatusName } from "../src/checksum.ts";
import { EtherType, IpProtocol, LinkType } from "../src/code-points.ts";
import * as icmp from "../src/icmp.ts";
import * as icmpv6 from "../src/icmpv6.ts";
import * as igmp from "../src/igmp.ts";
import * as ipv6 from "../src/ipv6.ts";
import * as extension from "../src/ipv6-extensions.ts";
import { layerName } from "../src/layers.ts";
import * as sctp from "../src/sctp.ts";
import * as tcp from "../src/tcp.ts";
import * as udp from "../src/udp.ts";
import { checksumOf } from "../src/verify.ts";
import { bytesOf, viewOf } from "./hex.ts";
import { counting, datagram, DST, ECHO_IN_VXLAN, ethernetFrame, glued, ip, SRC, tunneled, walk } from "./stack.ts";

/** `ipv4 valid, udp absent`: each layer that has a checksum. */
function statesOf(bytes: Uint8Array, linkType: number = LinkType.ethernet): string {
  const layers = walk(bytes, linkType);
  const words: string[] = [];
  for (let index = 0; index < layers.count; index++) {
    const status = checksumOf(viewOf(bytes), layers, index);
    if (status !== undefined) {
      const name: ChecksumStatusName = checksumStatusName(status);
      words.push(`${layerName(layers.kind(index))} ${name}`);
    }
  }
  return words.join(", ");
}

/** `bytes` with byte `at` changed. */
function damaged(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = copy[at]! ^ 0x10;
  return copy;
}

/** A SYN as the sending container's own interface showed it: its checksum is left to the network card. */
const SYN_OFFLOADED = bytesOf(
  "02420a00090502420a0009030800" +
    "4500003c7d824000400697320a0009030a000905" +
    "c7b8005022b89e2d00000000a002fd5c26360000020405820402080a0ac1788f000000000103030a",
);
/**
 * A SYN through VXLAN as a kernel hands it to a card that completes inner checksums: the inner one is not there yet,
 * and the outer one is computed as if it were.
 */
const SYN_OFFLOADED_IN_VXLAN = bytesOf(
  "0200000077120200000077130800" +
    "4500006e57ab00004011076ac0a84d0dc0a84d0c" +
    "df7e12b5005adc35" +
    "0800000000100100" +
    "02420a00010502420a00010b0800" +
    "4500003c111540003f0614980a00010b0a000105" +
    "8c380050513e8d3a00000000a002fd5c163e0000020405820402080ab41bba4d0000000001030307",
);
/** "Port unreachable" with the datagram it is about. */
const PORT_UNREACHABLE = bytesOf(
  "02420a00090302420a0009050800" +
    "45c000583920000040011abe0a0009050a000903" +
    "0303233e00000000" +
    "4500003c27dc40004011eccd0a0009030a000905" +
    "e7ee176f002888a8" +
    "70696e672d30303033322d787878787878787878787878787878787878787878",
);

describe("checksums of real frames", () => {
  it("are valid through VXLAN", () => {
    expect(statesOf(ECHO_IN_VXLAN)).toBe("ipv4 valid, udp valid, ipv4 valid, icmp valid");
  });

  it("are each invalid where a byte that they alone cover has changed", () => {
    expect(statesOf(damaged(ECHO_IN_VXLAN, 22))).toBe("ipv4 invalid, udp valid, ipv4 valid, icmp valid");
    expect(statesOf(damaged(ECHO_IN_VXLAN, 48))).toBe("ipv4 valid, udp invalid, ipv4 valid, icmp valid");
    expect(statesOf(damaged(ECHO_IN_VXLAN, 72))).toBe("ipv4 valid, udp invalid, ipv4 invalid, icmp valid");
    expect(statesOf(damaged(ECHO_IN_VXLAN, 100))).toBe("ipv4 valid, udp invalid, ipv4 valid, icmp invalid");
  });

  it("cover the pseudo-header: a changed address shows in the upper layer", () => {
    expect(statesOf(damaged(ECHO_IN_VXLAN, 30))).toBe("ipv4 invalid, udp invalid, ipv4 valid, icmp valid");
  });

  it("are partial where they are left to the network card", () => {
    expect(statesOf(SYN_OFFLOADED)).toBe("ipv4 valid, tcp partial");
  });

  it("of quoted packets are not verified, but for the quoted header's own", () => {
    expect(statesOf(PORT_UNREACHABLE)).toBe("ipv4 valid, icmp valid, ipv4 valid, udp notVerified");
  });

  it("are not verified where the capture has cut the bytes they cover", () => {
    expect(statesOf(ECHO_IN_VXLAN.subarray(0, 100))).toBe("ipv4 valid, udp notVerified, ipv4 valid, icmp notVerified");
  });
});

describe("a tunnel around a checksum that is left to the network card", () => {
  it("is partial with it: its own sum will be right when the inner one is", () => {
    expect(statesOf(SYN_OFFLOADED_IN_VXLAN)).toBe("ipv4 valid, udp partial, ipv4 valid, tcp partial");
  });

  it("is invalid if it would be wrong even then", () => {
    expect(statesOf(damaged(SYN_OFFLOADED_IN_VXLAN, 41))).toBe("ipv4 valid, udp invalid, ipv4 valid, tcp partial");
    expect(statesOf(damaged(SYN_OFFLOADED_IN_VXLAN, 48))).toBe("ipv4 valid, udp invalid, ipv4 valid, tcp partial");
  });

  it("is invalid if the inner one is simply wrong", () => {
    expect(statesOf(damaged(SYN_OFFLOADED_IN_VXLAN, 101))).toBe("ipv4 valid, udp invalid, ipv4 valid, tcp invalid");
  });

  it("holds whatever the segment, and whatever follows it in the tunnel", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: 9 }), (data, padding) => {
        const pseudo = { srcIp: SRC, dstIp: DST };
        const segment = tcp.encode({ srcPort: 1, dstPort: 2, window: 3 }, data, { pseudo });
        const inner = ethernetFrame(EtherType.ipv4, ip(IpProtocol.tcp, segment));
        // The tunnel's checksum is that of the finished packet; then the inner field goes back to what it is before.
        const frame = tunneled(4097, glued(inner, counting(padding)));
        const at = 50 + 34;
        expect(statesOf(frame)).toBe("ipv4 valid, udp valid, ipv4 valid, tcp valid");
        const offloaded = tcp.encode({ srcPort: 1, dstPort: 2, window: 3, checksum: halfDone(segment.length) }, data, {
          checksums: "keep",
        });
        frame.set(offloaded, at);
        expect(statesOf(frame)).toBe("ipv4 valid, udp partial, ipv4 valid, tcp partial");
      }),
    );
  });
});

/** What Linux leaves in the field of a TCP segment of that length: the pseudo-header's sum. */
function halfDone(length: number): number {
  const header = new DataView(new ArrayBuffer(12));
  header.setInt32(0, SRC);
  header.setInt32(4, DST);
  header.setUint16(8, 6);
  header.setUint16(10, length);
  let sum = 0;
  for (let at = 0; at < 12; at += 2) sum += header.getUint16(at);
  return (sum & 0xffff) + (sum >>> 16);
}

describe("checksums of each protocol", () => {
  it("UDP over IPv4 may have none", () => {
    const bare = ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, udp.encode({ srcPort: 1, dstPort: 2 }, counting(5))));
    expect(statesOf(bare)).toBe("ipv4 valid, udp absent");
  });

  it("UDP covers its own length, not what IPv4 holds beyond it", () => {
    const frame = ethernetFrame(
      EtherType.ipv4,
      ip(IpProtocol.udp, glued(datagram(1, 2, counting(7)).subarray(20), counting(9))),
    );
    expect(statesOf(frame)).toBe("ipv4 valid, udp valid");
  });

  it("padding of the frame is not covered", () => {
    const echo = icmp.encode({ kind: "echo", type: 8, identifier: 1, sequence: 2 }, counting(3));
    expect(statesOf(glued(ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, echo)), counting(15)))).toBe(
      "ipv4 valid, icmp valid",
    );
  });

  it("ICMP, IGMP", () => {
    const report = igmp.encode({ kind: "membership", type: 0x16, group: SRC });
    const frame = ethernetFrame(EtherType.ipv4, ip(IpProtocol.igmp, report));
    expect(statesOf(frame)).toBe("ipv4 valid, igmp valid");
    expect(statesOf(damaged(frame, 40))).toBe("ipv4 valid, igmp invalid");
  });

  it("SCTP, over its own bytes alone", () => {
    const packet = sctp.encode({ srcPort: 1, dstPort: 2, chunks: bytesOf("0b000004") });
    const frame = ethernetFrame(EtherType.ipv4, ip(IpProtocol.sctp, packet));
    expect(statesOf(frame)).toBe("ipv4 valid, sctp valid");
    expect(statesOf(glued(frame, new Uint8Array(10)))).toBe("ipv4 valid, sctp valid");
    expect(statesOf(damaged(frame, 40))).toBe("ipv4 valid, sctp invalid");
  });

  it("over IPv6: UDP, TCP, ICMPv6 with its pseudo-header", () => {
    const pseudo = { srcIp: counting(16), dstIp: counting(16).map((byte) => byte + 1) };
    const over = (nextHeader: number, payload: Uint8Array): string =>
      statesOf(ipv6.encode({ nextHeader, ...pseudo }, payload), LinkType.ipv6);
    expect(over(17, udp.encode({ srcPort: 1, dstPort: 2 }, counting(5), { pseudo }))).toBe("udp valid");
    expect(over(6, tcp.encode({ srcPort: 1, dstPort: 2 }, counting(5), { pseudo }))).toBe("tcp valid");
    const echo = icmpv6.encode({ body: { message: "echoRequest", identifier: 1, sequence: 2 } }, counting(5), {
      pseudo,
    });
    expect(over(58, echo)).toBe("icmpv6 valid");
    expect(over(58, damaged(echo, 9))).toBe("icmpv6 invalid");
  });

  it("behind a routing header with stops left, the destination is not the one that was summed (RFC 8200 §8.1)", () => {
    const pseudo = { srcIp: counting(16), dstIp: counting(16).map((byte) => byte + 1) };
    const datagramTo = udp.encode({ srcPort: 1, dstPort: 2 }, counting(5), { pseudo });
    const routed = (segmentsLeft: number): string => {
      const header = extension.encodeRouting(
        { nextHeader: 17, routingType: 2, segmentsLeft, data: new Uint8Array(20) },
        datagramTo,
      );
      return statesOf(ipv6.encode({ nextHeader: 43, ...pseudo }, header), LinkType.ipv6);
    };
    expect(routed(0)).toBe("udp valid");
    expect(routed(1)).toBe("udp notVerified");
  });

  it("a fragment's upper layer has none that could be read", () => {
    const fragment = ip(IpProtocol.udp, datagram(1, 2, counting(64)).subarray(20, 52), { moreFragments: true });
    expect(statesOf(ethernetFrame(EtherType.ipv4, fragment))).toBe("ipv4 valid");
  });

  it("layers without a checksum have no state", () => {
    const layers = walk(ECHO_IN_VXLAN);
    expect([0, 3, 4].map((index) => checksumOf(viewOf(ECHO_IN_VXLAN), layers, index))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("never throw, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...Object.values(LinkType)), (bytes, linkType) => {
        statesOf(bytes, linkType);
        statesOf(glued(ECHO_IN_VXLAN.subarray(0, 84), bytes));
      }),
    );
  });
});
