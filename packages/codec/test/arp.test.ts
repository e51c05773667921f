import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import * as arp from "../src/arp.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

const REQUEST = bytesOf("0001 0800 06 04 0001 02420a000903 0a000903 000000000000 0a000905");
const REPLY = bytesOf("0001 0800 06 04 0002 02420a000905 0a000905 02420a000903 0a000903");
/** What Docker sends for a new container's address, target MAC all ones. */
const ANNOUNCEMENT = bytesOf("0001 0800 06 04 0001 02420a00091b 0a00091b ffffffffffff 0a00091b");

const CLIENT = parseIpv4("10.0.9.3")!;
const SERVER = parseIpv4("10.0.9.5")!;

/** A changed copy of the request. */
function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = REQUEST.slice();
  change(viewOf(bytes));
  return bytes;
}

describe("a real request", () => {
  const view = viewOf(REQUEST);

  it("reads", () => {
    expect(arp.check(view, 0, 28)).toBe(Status.ok);
    expect(arp.hardwareType(view, 0)).toBe(arp.HardwareType.ethernet);
    expect(arp.protocolType(view, 0)).toBe(0x0800);
    expect(arp.hardwareLength(view, 0)).toBe(6);
    expect(arp.protocolLength(view, 0)).toBe(4);
    expect(arp.operation(view, 0)).toBe(arp.ArpOperation.request);
    expect(arp.senderMac(view, 0)).toBe(0x02420a000903);
    expect(arp.senderIp(view, 0)).toBe(CLIENT);
    expect(arp.targetMac(view, 0)).toBe(0);
    expect(arp.targetIp(view, 0)).toBe(SERVER);
    expect(arp.isProbe(view, 0)).toBe(false);
    expect(arp.isGratuitous(view, 0)).toBe(false);
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(30);
    arp.setFixed(built, 1);
    arp.setOperation(built, 1, arp.ArpOperation.request);
    arp.setSenderMac(built, 1, 0x02420a000903);
    arp.setSenderIp(built, 1, CLIENT);
    arp.setTargetMac(built, 1, 0);
    arp.setTargetIp(built, 1, SERVER);
    expect(hexOfView(built)).toBe(`a5${hexOf(REQUEST)}a5`);
  });

  it("is what encode makes of the least it takes", () => {
    expect(arp.encode({ operation: 1, senderMac: 0x02420a000903, senderIp: CLIENT, targetIp: SERVER })).toEqual(
      REQUEST,
    );
  });

  it("has no payload: the Ethernet padding behind it is none (RFC 826)", () => {
    const padded = viewOf(bytesOf(`${hexOf(REQUEST)}${"00".repeat(18)}`));
    expect(arp.payloadStart(padded, 0)).toBe(28);
    expect(arp.payloadEnd(padded, 0, 46)).toBe(28);
  });
});

describe("format", () => {
  it.each([
    ["a request", REQUEST, "who has 10.0.9.5 tell 10.0.9.3"],
    ["a reply", REPLY, "10.0.9.5 is at 02:42:0a:00:09:05"],
    ["an announcement (RFC 5227 §1.1)", ANNOUNCEMENT, "gratuitous: 10.0.9.27 is at 02:42:0a:00:09:1b"],
    ["a probe (RFC 5227 §1.1)", changed((view) => arp.setSenderIp(view, 0, 0)), "probe: who has 10.0.9.5"],
    [
      "a gratuitous reply",
      changed((view) => {
        arp.setOperation(view, 0, 2);
        arp.setTargetIp(view, 0, CLIENT);
      }),
      "gratuitous reply: 10.0.9.3 is at 02:42:0a:00:09:03",
    ],
    [
      "another operation",
      changed((view) => arp.setOperation(view, 0, 8)),
      "operation 8 from 02:42:0a:00:09:03 10.0.9.3 to 00:00:00:00:00:00 10.0.9.5",
    ],
  ])("%s", (_name, bytes, line) => {
    expect(arp.format(viewOf(bytes), 0)).toBe(line);
  });

  it("tells announcement and probe apart: neither is the other", () => {
    expect(arp.isGratuitous(viewOf(ANNOUNCEMENT), 0)).toBe(true);
    expect(arp.isProbe(viewOf(ANNOUNCEMENT), 0)).toBe(false);
    const probe = viewOf(changed((view) => arp.setSenderIp(view, 0, 0)));
    expect(arp.isProbe(probe, 0)).toBe(true);
    // All zeros on both sides claims nothing.
    arp.setTargetIp(probe, 0, 0);
    expect(arp.isGratuitous(probe, 0)).toBe(false);
  });
});

describe("check", () => {
  it("refuses every prefix", () => {
    expectPrefixesRefused(arp, REQUEST, arp.HEADER_LENGTH);
    for (let length = 0; length < 28; length++) expect(arp.check(viewOf(REQUEST), 0, length)).toBe(Status.truncated);
  });

  it.each([
    ["hardware type", changed((view) => arp.setHardwareType(view, 0, 32))],
    ["protocol type", changed((view) => arp.setProtocolType(view, 0, 0x86dd))],
    ["hardware length", changed((view) => arp.setHardwareLength(view, 0, 8))],
    ["protocol length", changed((view) => arp.setProtocolLength(view, 0, 16))],
  ])("does not read another %s, but its first eight bytes", (_name, bytes) => {
    expect(arp.check(viewOf(bytes), 0, bytes.length)).toBe(Status.unsupported);
    expect(arp.check(viewOf(bytes), 0, arp.FIXED_LENGTH)).toBe(Status.unsupported);
    expect(arp.operation(viewOf(bytes.slice(0, arp.FIXED_LENGTH)), 0)).toBe(1);
    expect(arp.decode(bytes)).toMatchObject({ ok: false, error: { code: "unsupported", layer: "arp" } });
  });

  it("takes IEEE 802's hardware type for Ethernet's, as Linux does", () => {
    const bytes = changed((view) => arp.setHardwareType(view, 0, arp.HardwareType.ieee802));
    expect(arp.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
  });
});

describe("laws", () => {
  const macs = fc.maxSafeNat().map((value) => value % 2 ** 48);

  it("layout, accessors and setters agree", () => {
    expectLayoutAgrees(arp.layout, arp);
    expectSettersAgree(arp.layout, {
      hardwareType: arp.setHardwareType,
      protocolType: arp.setProtocolType,
      hardwareLength: arp.setHardwareLength,
      protocolLength: arp.setProtocolLength,
      operation: arp.setOperation,
      senderMac: arp.setSenderMac,
      senderIp: arp.setSenderIp,
      targetMac: arp.setTargetMac,
      targetIp: arp.setTargetIp,
    });
  });

  it("bytes and values survive", () => {
    const likely = fc.uint8Array({ minLength: 20, maxLength: 60 }).map((rest) => bytesOf(`000108000604${hexOf(rest)}`));
    expectBytesSurvive(arp, likely);
    const values = fc.record({
      hardwareType: fc.constantFrom(1, 6),
      protocolType: fc.constant(0x0800),
      hardwareLength: fc.constant(6),
      protocolLength: fc.constant(4),
      operation: fc.nat({ max: 0xffff }),
      senderMac: macs,
      senderIp: fc.integer(),
      targetMac: macs,
      targetIp: fc.integer(),
    });
    expectValuesSurvive(arp, values);
    expectValuesSurvive(arp, values, {});
  });

  it("encode writes a wrong length if asked to keep it", () => {
    const wrong = { operation: 1, senderMac: 0, senderIp: 0, targetIp: 0, hardwareLength: 8, protocolLength: 16 };
    expect(hexOf(arp.encode(wrong, undefined, { lengths: "keep" }).slice(4, 6))).toBe("0810");
    expect(hexOf(arp.encode(wrong).slice(4, 6))).toBe("0604");
    const { hardwareLength: _hardware, protocolLength: _protocol, ...usual } = wrong;
    expect(hexOf(arp.encode(usual, undefined, { lengths: "keep" }).slice(4, 6))).toBe("0604");
  });

  it.each([
    { operation: 0x10000, senderMac: 0, senderIp: 0, targetIp: 0 },
    { operation: 1, senderMac: 2 ** 48, senderIp: 0, targetIp: 0 },
    { operation: 1, senderMac: 0, senderIp: 0, targetIp: 0, targetMac: -1 },
    { operation: 1, senderMac: 0, senderIp: 0, targetIp: 0, hardwareType: 0x10000 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => arp.encode(value)).toThrow(RangeError);
  });
});
