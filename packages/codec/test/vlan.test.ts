import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EtherType } from "../src/code-points.ts";
import * as ethernet from "../src/ethernet.ts";
import { Status } from "../src/status.ts";
import * as vlan from "../src/vlan.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** A frame with a service tag and a customer tag around an IPv4 header; made by hand, read by Wireshark as commented. */
const STACKED = bytesOf(
  "02420a000905 02420a000903 88a8" +
    "0064 8100" + // 802.1ad, priority 0, DEI 0, id 100
    "b0c8 0800" + // 802.1Q, priority 5, DEI 1, id 200
    "4500001c00010000401154c90a0009030a000905 0400 0050 0008 0000",
);

describe("a stack of tags", () => {
  const view = viewOf(STACKED);

  it("is one layer a tag: service tag, then customer tag (802.1ad)", () => {
    expect(ethernet.etherType(view, 0)).toBe(EtherType.serviceVlan);
    const outer = ethernet.payloadStart(view, 0);
    expect(vlan.check(view, outer, STACKED.length)).toBe(Status.ok);
    expect(vlan.plain(view, outer)).toEqual({ pcp: 0, dei: false, vid: 100, etherType: EtherType.vlan });
    expect(vlan.tci(view, outer)).toBe(100);
    const inner = vlan.payloadStart(view, outer);
    expect(inner).toBe(18);
    expect(vlan.plain(view, inner)).toEqual({ pcp: 5, dei: true, vid: 200, etherType: EtherType.ipv4 });
    expect(vlan.tci(view, inner)).toBe(0xb0c8);
    expect(vlan.payloadStart(view, inner)).toBe(22);
    expect(vlan.payloadEnd(view, inner, STACKED.length)).toBe(STACKED.length);
  });

  it("reads as a person would say it", () => {
    expect(vlan.format(view, 14)).toBe("vlan 100");
    expect(vlan.format(view, 18)).toBe("vlan 200 priority 5 drop eligible");
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(6);
    vlan.setPcp(built, 1, 5);
    vlan.setDei(built, 1, true);
    vlan.setVid(built, 1, 200);
    vlan.setEtherType(built, 1, EtherType.ipv4);
    expect(hexOfView(built)).toBe("a5b0c80800a5");
    vlan.setDei(built, 1, false);
    expect(hexOfView(built)).toBe("a5a0c80800a5");
  });

  it("is built by encoding from the inside out", () => {
    const inner = vlan.encode({ pcp: 5, dei: true, vid: 200, etherType: EtherType.ipv4 }, STACKED.slice(22));
    const outer = vlan.encode({ vid: 100, etherType: EtherType.vlan }, inner);
    expect(hexOf(outer)).toBe(hexOf(STACKED.slice(14)));
  });

  it("is refused in every prefix that does not hold a tag", () => {
    expectPrefixesRefused(vlan, bytesOf("b0c8080045"), vlan.HEADER_LENGTH);
    expect(vlan.check(view, 14, 17)).toBe(Status.truncated);
  });
});

it("says that a tag with id 0 is a priority only (IEEE 802.1Q table 9-2)", () => {
  expect(vlan.format(viewOf(bytesOf("e0000800")), 0)).toBe("priority tag, priority 7");
});

it("ends a payload in the length form where the length says (IEEE 802.3 §3.2.6)", () => {
  const view = viewOf(bytesOf(`00640003 424203 ${"00".repeat(40)}`));
  expect(vlan.payloadEnd(view, 0, 47)).toBe(7);
  expect(vlan.payloadEnd(view, 0, 6)).toBe(6);
});

describe("laws", () => {
  it("layout, accessors and setters agree", () => {
    expectLayoutAgrees(vlan.layout, vlan);
    expectSettersAgree(vlan.layout, {
      pcp: vlan.setPcp,
      dei: vlan.setDei,
      vid: vlan.setVid,
      etherType: vlan.setEtherType,
    });
  });

  it("bytes and values survive", () => {
    expectBytesSurvive(vlan, fc.uint8Array({ minLength: 4, maxLength: 30 }));
    const values = fc.record({
      pcp: fc.nat({ max: 7 }),
      dei: fc.boolean(),
      vid: fc.nat({ max: 4095 }),
      etherType: fc.nat({ max: 0xffff }),
    });
    expectValuesSurvive(vlan, values);
  });

  it.each([
    { vid: 4096, etherType: 0x0800 },
    { vid: 1, etherType: 0x10000 },
    { vid: 1, etherType: 0x0800, pcp: 8 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => vlan.encode(value)).toThrow(RangeError);
  });
});
