import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4, parseIpv6 } from "../src/address.ts";
import { ChecksumStatus, pseudoHeader4, sum } from "../src/checksum.ts";
import { pseudoHeaderSum } from "../src/encode.ts";
import { Status } from "../src/status.ts";
import * as udp from "../src/udp.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

const CLIENT = parseIpv4("10.0.9.3")!;
const SERVER = parseIpv4("10.0.9.5")!;
/** 32 bytes from 10.0.9.3 to 10.0.9.5 on a virtual link: the checksum was left to a network card that never came. */
const OFFLOADED = bytesOf(`e94f 1388 0028 2641 70696e672d30303033322d${"78".repeat(21)}`);
/** UDP of a VXLAN frame of 100 bytes from 192.168.1.10 to 192.168.1.11, its checksum computed by an independent script. */
const COMPUTED = bytesOf(
  "a97712b500429439080000000010010002420a00010702420a0001030800" +
    "4500002400014000400124cf0a0001030a00010708005435123400016162636465666768",
);
const OUTER = { srcIp: parseIpv4("192.168.1.10")!, dstIp: parseIpv4("192.168.1.11")! };

describe("a real datagram", () => {
  const view = viewOf(OFFLOADED);
  const pseudo = pseudoHeader4(CLIENT, SERVER, 17, 40);

  it("reads", () => {
    expect(udp.check(view, 0, 40)).toBe(Status.ok);
    expect(udp.srcPort(view, 0)).toBe(59727);
    expect(udp.dstPort(view, 0)).toBe(5000);
    expect(udp.length(view, 0)).toBe(40);
    expect(udp.checksum(view, 0)).toBe(0x2641);
    expect(udp.payloadStart(view, 0)).toBe(8);
    expect(udp.format(view, 0)).toBe("59727 > 5000 length 40");
  });

  it("ends where its length says, whatever follows", () => {
    expect(udp.payloadEnd(view, 0, 40)).toBe(40);
    expect(udp.payloadEnd(view, 0, 60)).toBe(40);
  });

  it("holds the pseudo-header's sum only: a partial checksum", () => {
    expect(udp.verifyChecksum(view, 0, 40, pseudo)).toBe(ChecksumStatus.partial);
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(10);
    udp.setSrcPort(built, 1, 59727);
    udp.setDstPort(built, 1, 5000);
    udp.setLength(built, 1, 40);
    udp.setChecksum(built, 1, 0x2641);
    expect(hexOfView(built)).toBe("a5e94f138800282641a5");
  });
});

describe("the checksum (RFC 768)", () => {
  const pseudo = pseudoHeader4(OUTER.srcIp, OUTER.dstIp, 17, 66);

  it("is that of an independent script", () => {
    expect(udp.verifyChecksum(viewOf(COMPUTED), 0, 66, pseudo)).toBe(ChecksumStatus.valid);
    expect(hexOf(udp.encode({ srcPort: 43383, dstPort: 4789 }, COMPUTED.slice(8), { pseudo: OUTER }))).toBe(
      hexOf(COMPUTED),
    );
  });

  it("is invalid if any bit changed, the addresses' too", () => {
    for (let bit = 0; bit < 66 * 8; bit++) {
      const bytes = COMPUTED.slice();
      bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
      expect(udp.verifyChecksum(viewOf(bytes), 0, 66, pseudo), `bit ${bit}`).toBe(ChecksumStatus.invalid);
    }
    const elsewhere = pseudoHeader4(OUTER.srcIp, OUTER.dstIp + 1, 17, 66);
    expect(udp.verifyChecksum(viewOf(COMPUTED), 0, 66, elsewhere)).toBe(ChecksumStatus.invalid);
  });

  it("is absent if zero", () => {
    const bytes = COMPUTED.slice();
    udp.setChecksum(viewOf(bytes), 0, 0);
    expect(udp.verifyChecksum(viewOf(bytes), 0, 66, pseudo)).toBe(ChecksumStatus.absent);
  });

  it("goes out as all ones when it computes to zero", () => {
    // A payload word that completes the sum to 0xffff without a checksum.
    const bytes = udp.encode({ srcPort: 1, dstPort: 2 }, bytesOf("0000"));
    const view = viewOf(bytes);
    const before = sum(view, 0, 10, pseudoHeader4(CLIENT, SERVER, 17, 10));
    view.setUint16(8, 0xffff - before);
    udp.fillChecksum(view, 0, 10, pseudoHeader4(CLIENT, SERVER, 17, 10));
    expect(udp.checksum(view, 0)).toBe(0xffff);
    expect(udp.verifyChecksum(view, 0, 10, pseudoHeader4(CLIENT, SERVER, 17, 10))).toBe(ChecksumStatus.valid);
  });

  it("is valid once filled, over IPv4 and IPv6, for odd lengths too", () => {
    const ipv6 = { srcIp: parseIpv6("fe80::42:aff:fe00:903")!, dstIp: parseIpv6("ff02::fb")! };
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 41 }),
        fc.constantFrom(OUTER, ipv6),
        fc.nat({ max: 0xffff }),
        (payload, addresses, srcPort) => {
          const bytes = udp.encode({ srcPort, dstPort: 53 }, payload, { pseudo: addresses });
          const sumOf = pseudoHeaderSum(addresses, 17, bytes.length);
          expect(udp.checksum(viewOf(bytes), 0)).not.toBe(0);
          expect(udp.verifyChecksum(viewOf(bytes), 0, bytes.length, sumOf)).toBe(ChecksumStatus.valid);
        },
      ),
    );
  });

  it("cannot be computed without addresses: the field says absent", () => {
    expect(udp.checksum(viewOf(udp.encode({ srcPort: 1, dstPort: 2, checksum: 7 })), 0)).toBe(0);
  });
});

describe("check", () => {
  it("refuses every prefix", () => {
    expectPrefixesRefused(udp, OFFLOADED, 40);
    expect(udp.decode(OFFLOADED.slice(0, 20))).toMatchObject({
      ok: false,
      error: { code: "truncated", layer: "udp", required: 40, available: 20 },
    });
  });

  it.each([
    [7, Status.badTotalLength],
    [1, Status.badTotalLength],
    [8, Status.ok],
    [40, Status.ok],
    [41, Status.truncated],
  ])("of length %i answers %i", (length, status) => {
    const bytes = OFFLOADED.slice();
    udp.setLength(viewOf(bytes), 0, length);
    expect(udp.check(viewOf(bytes), 0, 40)).toBe(status);
    expect(udp.decode(bytes).ok).toBe(status === Status.ok);
  });

  it("takes length 0 for: to the end, as segmentation offload leaves it", () => {
    const bytes = OFFLOADED.slice();
    udp.setLength(viewOf(bytes), 0, 0);
    expect(udp.check(viewOf(bytes), 0, 40)).toBe(Status.ok);
    expect(udp.payloadEnd(viewOf(bytes), 0, 40)).toBe(40);
  });
});

describe("laws", () => {
  const ports = fc.nat({ max: 0xffff });

  it("layout, accessors and setters agree", () => {
    expectLayoutAgrees(udp.layout, udp);
    expectSettersAgree(udp.layout, {
      srcPort: udp.setSrcPort,
      dstPort: udp.setDstPort,
      length: udp.setLength,
      checksum: udp.setChecksum,
    });
  });

  it("bytes survive, those behind the datagram too", () => {
    const likely = fc.uint8Array({ minLength: 8, maxLength: 60 }).map((bytes) => {
      udp.setLength(viewOf(bytes), 0, bytes[4]! % 5 === 0 ? 0 : 8 + (bytes[5]! % (bytes.length - 7)));
      return bytes;
    });
    expectBytesSurvive(udp, likely);
  });

  it("values survive", () => {
    expectValuesSurvive(udp, fc.record({ srcPort: ports, dstPort: ports, length: fc.constant(8), checksum: ports }));
  });

  it("encode counts header and payload unless told to keep a length", () => {
    expect(udp.length(viewOf(udp.encode({ srcPort: 1, dstPort: 2, length: 5 }, new Uint8Array(3))), 0)).toBe(11);
    const kept = udp.encode({ srcPort: 1, dstPort: 2, length: 5 }, new Uint8Array(3), { lengths: "keep" });
    expect(udp.length(viewOf(kept), 0)).toBe(5);
  });

  it.each([
    { srcPort: 65536, dstPort: 1 },
    { srcPort: 1, dstPort: -1 },
    { srcPort: 1, dstPort: 1, checksum: 0x10000 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => udp.encode(value)).toThrow(RangeError);
  });

  it("encode refuses more than 65,535 bytes", () => {
    expect(() => udp.encode({ srcPort: 1, dstPort: 2 }, new Uint8Array(65528))).toThrow(RangeError);
    expect(udp.encode({ srcPort: 1, dstPort: 2 }, new Uint8Array(65527)).length).toBe(65535);
  });
});
