import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv6 } from "../src/address.ts";
import * as nd from "../src/icmpv6-nd.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOfView, viewOf } from "./hex.ts";
import { expectLayoutAgrees } from "./laws.ts";

/** Sent by a container's interface: duplicate address detection with a nonce (RFC 7527), and a router solicitation. */
const REAL_SOLICITATION = bytesOf("8700cb2d00000000fe80000000000000589408fffe0f3369 0e01d61d30e3d56a");
const REAL_ROUTER_SOLICITATION = bytesOf("8500531500000000 01015a94080f3369");
/** Made here and found right by tshark. */
const ADVERTISEMENT = bytesOf("88004e06e0000000fe8000000000000000420afffe000905 020102420a000905");
const ROUTER_ADVERTISEMENT = bytesOf(
  "86007ae640c0070800007530000003e8 010102420a000903 05010000000005aa" +
    "030440c000015180000038400000000020010db8000000000000000000000000",
);
const REDIRECT = bytesOf(
  "890089c500000000fe8000000000000000420afffe00090520010db8000000000000000000000001 020102420a000905" +
    "0408000000000000 6000000000101140fe8000000000000000420afffe000905fe8000000000000000420afffe000903" +
    "1388e94f00105be36161616161616161",
);
const MESSAGES = [REAL_SOLICITATION, REAL_ROUTER_SOLICITATION, ADVERTISEMENT, ROUTER_ADVERTISEMENT, REDIRECT];
const TARGET = parseIpv6("fe80::42:aff:fe00:905")!;

function plain(bytes: Uint8Array): nd.NdMessage {
  expect(nd.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
  return nd.plain(viewOf(bytes), 0, bytes.length);
}

function format(bytes: Uint8Array): string {
  return nd.format(viewOf(bytes), 0, bytes.length);
}

describe("messages", () => {
  it("are the five of RFC 4861 §4", () => {
    expect([132, 133, 134, 135, 136, 137, 138].map(nd.isNd)).toEqual([false, true, true, true, true, true, false]);
    expect([133, 134, 135, 136, 137].map(nd.optionsOffset)).toEqual([8, 16, 24, 24, 40]);
  });

  it("a real neighbor solicitation reads", () => {
    expect(plain(REAL_SOLICITATION)).toEqual({
      message: "neighborSolicitation",
      reserved: 0,
      target: parseIpv6("fe80::5894:8ff:fe0f:3369"),
      options: [{ option: "raw", type: 14, data: bytesOf("d61d30e3d56a") }],
    });
    expect(format(REAL_SOLICITATION)).toBe(
      "neighbor solicitation who has fe80::5894:8ff:fe0f:3369, option 14 (6 bytes)",
    );
  });

  it("a real router solicitation reads", () => {
    expect(plain(REAL_ROUTER_SOLICITATION)).toEqual({
      message: "routerSolicitation",
      reserved: 0,
      options: [{ option: "sourceLinkLayerAddress", mac: 0x5a94080f3369 }],
    });
    expect(format(REAL_ROUTER_SOLICITATION)).toBe("router solicitation, source 5a:94:08:0f:33:69");
  });

  it("a neighbor advertisement reads", () => {
    const view = viewOf(ADVERTISEMENT);
    expect(nd.neighborFlags(view, 0)).toBe(
      nd.NeighborFlag.router | nd.NeighborFlag.solicited | nd.NeighborFlag.override,
    );
    expect(nd.target(view, 0)).toEqual(TARGET);
    const option = nd.findOption(view, 0, ADVERTISEMENT.length, nd.NdOptionType.targetLinkLayerAddress);
    expect(nd.linkLayerAddress(view, option)).toBe(0x02420a000905);
    expect(nd.findOption(view, 0, ADVERTISEMENT.length, nd.NdOptionType.sourceLinkLayerAddress)).toBe(-1);
    expect(format(ADVERTISEMENT)).toBe(
      "neighbor advertisement fe80::42:aff:fe00:905 router solicited override, target 02:42:0a:00:09:05",
    );
  });

  it("a router advertisement reads", () => {
    const view = viewOf(ROUTER_ADVERTISEMENT);
    expect(nd.currentHopLimit(view, 0)).toBe(64);
    expect(nd.routerFlags(view, 0)).toBe(nd.RouterFlag.managed | nd.RouterFlag.other);
    expect(nd.routerLifetime(view, 0)).toBe(1800);
    expect(nd.reachableTime(view, 0)).toBe(30_000);
    expect(nd.retransmissionTimer(view, 0)).toBe(1000);
    const option = nd.findOption(view, 0, ROUTER_ADVERTISEMENT.length, nd.NdOptionType.mtu);
    expect(nd.mtu(view, option)).toBe(1450);
    expect(plain(ROUTER_ADVERTISEMENT).options).toEqual([
      { option: "sourceLinkLayerAddress", mac: 0x02420a000903 },
      { option: "mtu", reserved: 0, mtu: 1450 },
      {
        option: "prefixInformation",
        prefixLength: 64,
        flags: nd.PrefixFlag.onLink | nd.PrefixFlag.autonomous,
        validLifetime: 86_400,
        preferredLifetime: 14_400,
        reserved: 0,
        prefix: parseIpv6("2001:db8::"),
      },
    ]);
    expect(format(ROUTER_ADVERTISEMENT)).toBe(
      "router advertisement hop limit 64 lifetime 1800s managed other, source 02:42:0a:00:09:03, mtu 1450, " +
        "prefix 2001:db8::/64 valid 86400s",
    );
  });

  it("a redirect reads", () => {
    const view = viewOf(REDIRECT);
    expect(nd.target(view, 0)).toEqual(TARGET);
    expect(nd.destination(view, 0)).toEqual(parseIpv6("2001:db8::1"));
    expect(plain(REDIRECT).options[1]).toEqual({
      option: "redirectedHeader",
      reserved: new Uint8Array(6),
      data: REDIRECT.slice(56),
    });
    expect(format(REDIRECT)).toBe(
      "redirect 2001:db8::1 to fe80::42:aff:fe00:905, target 02:42:0a:00:09:05, redirected packet (56 bytes)",
    );
  });

  it("encode to themselves but for the checksum, which is not theirs", () => {
    for (const message of MESSAGES) {
      const expected = message.slice();
      expected.fill(0, 2, 4);
      expect(nd.encode(plain(message))).toEqual(expected);
    }
  });

  it("are built from their parts in a dirty buffer", () => {
    const built = dirtyView(40);
    nd.setNeighborFlags(built, 0, nd.NeighborFlag.solicited);
    nd.setTarget(built, 0, TARGET);
    nd.setDestination(built, 0, parseIpv6("2001:db8::1")!);
    expect(hexOfView(built)).toBe("a5a5a5a540a5a5a5fe8000000000000000420afffe00090520010db8000000000000000000000001");
  });
});

describe("check", () => {
  it("refuses an option of length 0: a receiver must discard the message (RFC 4861 §4.6)", () => {
    const bytes = REAL_SOLICITATION.with(25, 0);
    expect(nd.check(viewOf(bytes), 0, bytes.length)).toBe(Status.badOption);
  });

  it("refuses a prefix and an MTU of another length than theirs (RFC 4861 §4.6.2, §4.6.4)", () => {
    for (const option of ["0501", "0304"]) {
      const good = bytesOf(`8500000000000000 ${option} ${"00".repeat(Number(option.slice(3)) * 8 - 2)}`);
      expect(nd.check(viewOf(good), 0, good.length)).toBe(Status.ok);
      const bad = bytesOf(`8500000000000000 ${option.slice(0, 2)}02 ${"00".repeat(14)}`);
      expect(nd.check(viewOf(bad), 0, bad.length)).toBe(Status.badOption);
    }
  });

  it("refuses every prefix that ends inside the message or an option", () => {
    for (const message of MESSAGES) {
      const whole = new Set([nd.optionsOffset(message[0]!)]);
      for (let at = nd.optionsOffset(message[0]!); at < message.length; ) {
        at += message[at + 1]! * 8;
        whole.add(at);
      }
      for (let end = 4; end <= message.length; end++) {
        expect(nd.check(viewOf(message), 0, end)).toBe(whole.has(end) ? Status.ok : Status.truncated);
        expect(nd.messageLength(viewOf(message), 0, end) > end).toBe(!whole.has(end));
      }
    }
  });
});

describe("layouts", () => {
  it("agree with the accessors", () => {
    const { reserved, currentHopLimit, routerFlags, routerLifetime, reachableTime, retransmissionTimer } = nd;
    const { neighborFlags } = nd;
    /** Of an address the number that the law has written into its last bits. */
    const low =
      (accessor: (view: DataView, at: number) => Uint8Array) =>
      (view: DataView, at: number): number =>
        accessor(view, at).reduce((number, byte) => number * 256 + byte, 0);
    const target = low(nd.target);
    const destination = low(nd.destination);
    expectLayoutAgrees(nd.layouts[133]!, { reserved });
    expectLayoutAgrees(nd.layouts[134]!, {
      currentHopLimit,
      routerFlags,
      routerLifetime,
      reachableTime,
      retransmissionTimer,
    });
    expectLayoutAgrees(nd.layouts[135]!, { reserved, target });
    expectLayoutAgrees(nd.layouts[136]!, { neighborFlags, target });
    expectLayoutAgrees(nd.layouts[137]!, { reserved, target, destination });
  });
});

const byte = fc.integer({ min: 0, max: 255 });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
const option: fc.Arbitrary<nd.NdOption> = fc.oneof(
  fc.record({
    option: fc.constantFrom("sourceLinkLayerAddress" as const, "targetLinkLayerAddress" as const),
    mac: fc.integer({ min: 0, max: 0xffffffffffff }),
  }),
  fc.record({
    option: fc.constant("prefixInformation" as const),
    prefixLength: byte,
    flags: byte,
    validLifetime: uint32,
    preferredLifetime: uint32,
    reserved: uint32,
    prefix: address,
  }),
  fc.record({
    option: fc.constant("redirectedHeader" as const),
    reserved: fc.uint8Array({ minLength: 6, maxLength: 6 }),
    data: fc
      .integer({ min: 0, max: 2 })
      .chain((units) => fc.uint8Array({ minLength: units * 8, maxLength: units * 8 })),
  }),
  fc.record({ option: fc.constant("mtu" as const), reserved: uint16, mtu: uint32 }),
  fc.record({
    option: fc.constant("raw" as const),
    type: fc.constantFrom(0, 14, 24, 25, 31, 255),
    data: fc
      .integer({ min: 0, max: 2 })
      .chain((units) => fc.uint8Array({ minLength: 6 + units * 8, maxLength: 6 + units * 8 })),
  }),
);
const list = fc.array(option, { maxLength: 3 });
const message: fc.Arbitrary<nd.NdMessage> = fc.oneof(
  fc.record({ message: fc.constant("routerSolicitation" as const), reserved: uint32, options: list }),
  fc.record({
    message: fc.constant("routerAdvertisement" as const),
    currentHopLimit: byte,
    routerFlags: byte,
    routerLifetime: uint16,
    reachableTime: uint32,
    retransmissionTimer: uint32,
    options: list,
  }),
  fc.record({
    message: fc.constant("neighborSolicitation" as const),
    reserved: uint32,
    target: address,
    options: list,
  }),
  fc.record({
    message: fc.constant("neighborAdvertisement" as const),
    neighborFlags: byte,
    reserved: fc.integer({ min: 0, max: 0xffffff }),
    target: address,
    options: list,
  }),
  fc.record({
    message: fc.constant("redirect" as const),
    reserved: uint32,
    target: address,
    destination: address,
    options: list,
  }),
);

describe("encode", () => {
  it("is undone by plain", () => {
    fc.assert(
      fc.property(message, (value) => {
        const bytes = nd.encode(value);
        expect(plain(bytes)).toEqual(value);
        expect(format(bytes)).not.toBe("");
      }),
    );
  });

  it("pads an option to a multiple of eight bytes (RFC 4861 §4.6)", () => {
    const options = [{ option: "raw", type: 25, data: bytesOf("aabbccddeeff11") }] as const;
    expect(nd.encode({ message: "routerSolicitation", reserved: 0, options })).toEqual(
      bytesOf("8500000000000000 1902aabbccddeeff11 00000000000000"),
    );
  });

  it("keeps a link-layer address that is longer than Ethernet's", () => {
    const bytes = bytesOf("8500000000000000 0102 00112233445566778899aabbccdd");
    expect(plain(bytes).options).toEqual([{ option: "raw", type: 1, data: bytesOf("00112233445566778899aabbccdd") }]);
    expect(nd.encode(plain(bytes))).toEqual(bytes);
  });

  it("refuses values that do not fit", () => {
    const solicitation = { message: "neighborSolicitation", reserved: 0, target: TARGET } as const;
    expect(() => nd.encode({ ...solicitation, target: new Uint8Array(4), options: [] })).toThrow(
      "nd target has 4 bytes",
    );
    expect(() =>
      nd.encode({ ...solicitation, options: [{ option: "raw", type: 14, data: new Uint8Array(2039) }] }),
    ).toThrow("nd option length is 256");
    expect(() => nd.encode({ ...solicitation, reserved: 2 ** 32, options: [] })).toThrow(RangeError);
  });
});
