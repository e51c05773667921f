import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as ethernet from "../src/ethernet.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** An ARP request between two containers. */
const REQUEST = "ffffffffffff 02420a000903 0806";
/** A bridge's spanning tree message in the length form, 38 bytes of LLC and BPDU, padded to 60 bytes on the wire. */
const BPDU = bytesOf(
  "0180c2000000 6a4b9b61ac3f 0026 424203 000000000080006a4b9b61ac3f0000000080006a4b9b61ac3f80010000140002000200" +
    "0000000000000000",
);

describe("a real frame", () => {
  const view = viewOf(bytesOf(`a5${REQUEST}`));

  it("reads", () => {
    expect(ethernet.check(view, 1, 15)).toBe(Status.ok);
    expect(ethernet.dstMac(view, 1)).toBe(0xffffffffffff);
    expect(ethernet.dstMacHigh(view, 1)).toBe(0xffff);
    expect(ethernet.dstMacLow(view, 1)).toBe(-1);
    expect(ethernet.srcMac(view, 1)).toBe(0x02420a000903);
    expect(ethernet.srcMacHigh(view, 1)).toBe(0x0242);
    expect(ethernet.srcMacLow(view, 1)).toBe(0x0a000903);
    expect(ethernet.etherType(view, 1)).toBe(0x0806);
    expect(ethernet.payloadStart(view, 1)).toBe(15);
    expect(ethernet.payloadEnd(view, 1, 43)).toBe(43);
    expect(ethernet.format(view, 1)).toBe("02:42:0a:00:09:03 > ff:ff:ff:ff:ff:ff");
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(16);
    ethernet.setDstMac(built, 1, 0xffffffffffff);
    ethernet.setSrcMac(built, 1, 0x02420a000903);
    ethernet.setEtherType(built, 1, 0x0806);
    expect(hexOfView(built)).toBe(`a5${REQUEST.replaceAll(" ", "")}a5`);
  });

  it("is refused in every prefix that does not hold the header", () => {
    expectPrefixesRefused(ethernet, bytesOf(`${REQUEST}00`), ethernet.HEADER_LENGTH);
    expect(ethernet.check(view, 1, 14)).toBe(Status.truncated);
    expect(ethernet.decode(bytesOf(REQUEST).slice(0, 13))).toEqual({
      ok: false,
      error: {
        code: "truncated",
        layer: "ethernet",
        at: 0,
        required: 14,
        available: 13,
        limitedBy: "buffer",
        message: "ethernet at byte 0: needs 14 bytes, there are 13 (limit: buffer)",
      },
    });
  });
});

describe("the length form (IEEE 802.3 §3.2.6)", () => {
  it("ends its payload where the length says, before the padding", () => {
    const view = viewOf(BPDU);
    expect(ethernet.etherType(view, 0)).toBe(38);
    expect(ethernet.payloadEnd(view, 0, BPDU.length)).toBe(14 + 38);
  });

  it("never ends behind the frame", () => {
    expect(ethernet.payloadEnd(viewOf(BPDU), 0, 30)).toBe(30);
  });

  it("is told from an EtherType at 0x0600", () => {
    const view = viewOf(BPDU.slice());
    ethernet.setEtherType(view, 0, 0x05ff);
    expect(ethernet.payloadEnd(view, 0, 2000)).toBe(14 + 0x05ff);
    ethernet.setEtherType(view, 0, 0x0600);
    expect(ethernet.payloadEnd(view, 0, 2000)).toBe(2000);
  });
});

describe("laws", () => {
  const macs = fc.maxSafeNat().map((value) => value % 2 ** 48);
  const types = fc.nat({ max: 0xffff });

  it("layout and accessors agree", () => {
    expectLayoutAgrees(ethernet.layout, ethernet);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 14, maxLength: 14 }), (bytes) => {
        const view = viewOf(bytes);
        const number = (high: number, low: number) => high * 2 ** 32 + (low >>> 0);
        expect(number(ethernet.dstMacHigh(view, 0), ethernet.dstMacLow(view, 0))).toBe(ethernet.dstMac(view, 0));
        expect(number(ethernet.srcMacHigh(view, 0), ethernet.srcMacLow(view, 0))).toBe(ethernet.srcMac(view, 0));
      }),
    );
  });

  it("layout and setters agree", () => {
    expectSettersAgree(ethernet.layout, {
      dstMac: ethernet.setDstMac,
      srcMac: ethernet.setSrcMac,
      etherType: ethernet.setEtherType,
    });
  });

  it("bytes and values survive", () => {
    expectBytesSurvive(ethernet, fc.uint8Array({ minLength: 14, maxLength: 80 }));
    expectValuesSurvive(ethernet, fc.record({ dstMac: macs, srcMac: macs, etherType: types }));
  });

  it.each([
    { dstMac: 2 ** 48, srcMac: 0, etherType: 0 },
    { dstMac: 0, srcMac: 2 ** 48, etherType: 0 },
    { dstMac: 0, srcMac: -1, etherType: 0 },
    { dstMac: 0, srcMac: 0, etherType: 0x10000 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => ethernet.encode(value)).toThrow(RangeError);
  });
});
