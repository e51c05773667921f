import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import * as ethernet from "../src/ethernet.ts";
import * as ipv4 from "../src/ipv4.ts";
import { Status } from "../src/status.ts";
import * as udp from "../src/udp.ts";
import * as vxlan from "../src/vxlan.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

const HEADER = bytesOf("0800000000100100");
/** A ping in VXLAN, 100 bytes, computed by an independent script. */
const FRAME = bytesOf(
  "525400000b0b525400000a0a080045000056000100004011f730c0a8010ac0a8" +
    "010ba97712b500429439080000000010010002420a00010702420a0001030800" +
    "4500002400014000400124cf0a0001030a000107080054351234000161626364" +
    "65666768",
);

describe("a header", () => {
  const view = viewOf(HEADER);

  it("reads", () => {
    expect(vxlan.check(view, 0, 8)).toBe(Status.ok);
    expect(vxlan.flags(view, 0)).toBe(vxlan.VxlanFlag.vni);
    expect(vxlan.hasGroupPolicy(view, 0)).toBe(false);
    expect(vxlan.hasNextProtocol(view, 0)).toBe(false);
    expect(vxlan.reserved1(view, 0)).toBe(0);
    expect(vxlan.groupPolicyId(view, 0)).toBe(0);
    expect(vxlan.vni(view, 0)).toBe(4097);
    expect(vxlan.reserved2(view, 0)).toBe(0);
    expect(vxlan.payloadStart(view, 0)).toBe(8);
    expect(vxlan.payloadEnd(view, 0, 8)).toBe(8);
    expect(vxlan.format(view, 0)).toBe("vni 4097");
  });

  it.each([
    [4097, "0800000000100100"],
    [4096, "0800000000100000"],
    [0, "0800000000000000"],
    [0xffffff, "08000000ffffff00"],
  ])("of VNI %i is %s", (vni, hex) => {
    expect(hexOf(vxlan.encode({ vni }))).toBe(hex);
    const built = dirtyView(10);
    vxlan.setHeader(built, 1, vni);
    expect(hexOfView(built)).toBe(`a5${hex}a5`);
    expect(vxlan.vni(built, 1)).toBe(vni);
  });

  it("is refused in every prefix", () => {
    expectPrefixesRefused(vxlan, HEADER, 8);
  });

  it("is refused without a valid VNI (RFC 7348 §5, the I flag)", () => {
    const bytes = bytesOf("f700000000100100");
    expect(vxlan.check(viewOf(bytes), 0, 8)).toBe(Status.badFlags);
    expect(vxlan.decode(bytes)).toMatchObject({ ok: false, error: { code: "badFlags", layer: "vxlan" } });
  });

  it("is taken with reserved bits set, which a receiver ignores (RFC 7348 §5)", () => {
    const bytes = bytesOf("ffffffffffffffff");
    expect(vxlan.check(viewOf(bytes), 0, 8)).toBe(Status.ok);
    expect(vxlan.vni(viewOf(bytes), 0)).toBe(0xffffff);
  });
});

describe("a whole frame", () => {
  it("is 50 bytes more than what it carries", () => {
    const view = viewOf(FRAME);
    const ip = ethernet.payloadStart(view, 0);
    const datagram = ipv4.payloadStart(view, ip);
    const header = udp.payloadStart(view, datagram);
    expect(udp.dstPort(view, datagram)).toBe(vxlan.PORT);
    expect(vxlan.vni(view, header)).toBe(4097);
    expect(vxlan.payloadStart(view, header)).toBe(vxlan.OVERHEAD);
    expect(ethernet.dstMac(view, vxlan.OVERHEAD)).toBe(0x02420a000107);
  });

  it("is built by encoding from the inside out", () => {
    const addresses = { srcIp: parseIpv4("192.168.1.10")!, dstIp: parseIpv4("192.168.1.11")! };
    const inner = FRAME.slice(vxlan.OVERHEAD);
    const tunnel = vxlan.encode({ vni: 4097 }, inner);
    const datagram = udp.encode({ srcPort: 43383, dstPort: 4789 }, tunnel, { pseudo: addresses });
    const packet = ipv4.encode({ protocol: 17, identification: 1, ...addresses }, datagram);
    const outer = { dstMac: 0x525400000b0b, srcMac: 0x525400000a0a, etherType: 0x0800 };
    expect(hexOf(ethernet.encode(outer, packet))).toBe(hexOf(FRAME));
  });
});

describe("group policy (GBP) and generic protocol extension (GPE)", () => {
  it("are told apart by their bits", () => {
    const gbp = viewOf(bytesOf("8848000500100100"));
    expect(vxlan.hasGroupPolicy(gbp, 0)).toBe(true);
    expect(vxlan.hasNextProtocol(gbp, 0)).toBe(false);
    expect(vxlan.groupPolicyId(gbp, 0)).toBe(5);
    expect(vxlan.dontLearn(gbp, 0)).toBe(true);
    expect(vxlan.policyApplied(gbp, 0)).toBe(true);
    expect(vxlan.format(gbp, 0)).toBe("vni 4097 group 5");
    const gpe = viewOf(bytesOf("0c00000100100100"));
    expect(vxlan.hasGroupPolicy(gpe, 0)).toBe(false);
    expect(vxlan.hasNextProtocol(gpe, 0)).toBe(true);
    expect(vxlan.nextProtocol(gpe, 0)).toBe(vxlan.GpeProtocol.ipv4);
    expect(vxlan.dontLearn(gpe, 0)).toBe(false);
    expect(vxlan.policyApplied(gpe, 0)).toBe(false);
    expect(vxlan.format(gpe, 0)).toBe("vni 4097");
  });

  it("read one bit each of the first byte: G is bit 0, P is bit 5", () => {
    for (let bit = 0; bit < 8; bit++) {
      const view = viewOf(Uint8Array.from([0x80 >> bit, 0, 0, 0, 0, 0, 0, 0]));
      expect(vxlan.hasGroupPolicy(view, 0), `bit ${bit}`).toBe(bit === 0);
      expect(vxlan.hasNextProtocol(view, 0), `bit ${bit}`).toBe(bit === 5);
    }
  });

  it("read one bit each of the second byte: D is bit 9, A is bit 12", () => {
    for (let bit = 0; bit < 8; bit++) {
      const view = viewOf(Uint8Array.from([0x88, 0x80 >> bit, 0, 0, 0, 0, 0, 0]));
      expect(vxlan.dontLearn(view, 0), `bit ${8 + bit}`).toBe(bit === 1);
      expect(vxlan.policyApplied(view, 0), `bit ${8 + bit}`).toBe(bit === 4);
    }
  });

  it("keep their bits through decode and encode", () => {
    for (const hex of ["8848000500100100", "0c00000100100100", "0f00000300100101"]) {
      const result = vxlan.decode(bytesOf(hex));
      expect(result.ok && hexOf(vxlan.encode(result.value))).toBe(hex);
    }
  });
});

describe("laws", () => {
  it("layout, accessors and setters agree; setVni leaves the byte behind it", () => {
    expectLayoutAgrees(vxlan.layout, vxlan);
    expectSettersAgree(vxlan.layout, {
      flags: vxlan.setFlags,
      reserved1: vxlan.setReserved1,
      groupPolicyId: vxlan.setGroupPolicyId,
      vni: vxlan.setVni,
      reserved2: vxlan.setReserved2,
    });
  });

  it("bytes and values survive", () => {
    const likely = fc.uint8Array({ minLength: 8, maxLength: 40 }).map((bytes) => {
      bytes[0]! |= vxlan.VxlanFlag.vni;
      return bytes;
    });
    expectBytesSurvive(vxlan, likely);
    const values = fc.record({
      flags: fc.nat({ max: 255 }).map((flags) => flags | vxlan.VxlanFlag.vni),
      reserved1: fc.nat({ max: 255 }),
      groupPolicyId: fc.nat({ max: 0xffff }),
      vni: fc.nat({ max: 0xffffff }),
      reserved2: fc.nat({ max: 255 }),
    });
    expectValuesSurvive(vxlan, values);
  });

  it.each([
    { vni: 2 ** 24 },
    { vni: -1 },
    { vni: 1, flags: 256 },
    { vni: 1, groupPolicyId: 65536 },
    { vni: 1, reserved2: 256 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => vxlan.encode(value)).toThrow(RangeError);
  });
});
