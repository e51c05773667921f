import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BROADCAST_MAC,
  formatIpv4,
  formatIpv6,
  formatMac,
  isGroupMac,
  macAt,
  parseIpv4,
  parseIpv6,
  parseMac,
  setMacAt,
} from "../src/address.ts";
import { bytesOf, dirtyView, hexOf, hexOfView } from "./hex.ts";

const macs = (): fc.Arbitrary<number> => fc.maxSafeNat().map((value) => value % 2 ** 48);

describe("MAC addresses", () => {
  it("read and write six bytes, and only those", () => {
    const view = dirtyView(8);
    setMacAt(view, 1, 0x02420a000903);
    expect(hexOfView(view)).toBe("a502420a000903a5");
    expect(macAt(view, 1)).toBe(0x02420a000903);
    setMacAt(view, 1, BROADCAST_MAC);
    expect(macAt(view, 1)).toBe(0xffffffffffff);
  });

  it("go through memory and text unchanged", () => {
    fc.assert(
      fc.property(macs(), (mac) => {
        const view = dirtyView(6);
        setMacAt(view, 0, mac);
        expect(macAt(view, 0)).toBe(mac);
        expect(formatMac(mac).replaceAll(":", "")).toBe(hexOfView(view));
        expect(parseMac(formatMac(mac))).toBe(mac);
      }),
    );
  });

  it("are written in lower case with colons", () => {
    expect(formatMac(0x02420a000107)).toBe("02:42:0a:00:01:07");
    expect(formatMac(0)).toBe("00:00:00:00:00:00");
  });

  it("parse with colons or dashes, in any case", () => {
    expect(parseMac("02:42:0A:00:09:FF")).toBe(0x02420a0009ff);
    expect(parseMac("02-42-0a-00-09-ff")).toBe(0x02420a0009ff);
  });

  it.each([
    "",
    "02:42:0a:00:09",
    "02:42:0a:00:09:03:04",
    "2:42:a:0:9:3",
    "02:42:0a:00:09:0g",
    "02:42-0a:00-09:03",
    "02420a000903",
    " 02:42:0a:00:09:03",
  ])("%j is none", (text) => {
    expect(parseMac(text)).toBeUndefined();
  });

  it("are group addresses if the first byte is odd", () => {
    expect(isGroupMac(BROADCAST_MAC)).toBe(true);
    expect(isGroupMac(0x01005e000016)).toBe(true);
    expect(isGroupMac(0x02420a000903)).toBe(false);
    expect(isGroupMac(0xfe0000000001)).toBe(false);
  });
});

describe("IPv4 addresses", () => {
  it("are int32", () => {
    expect(parseIpv4("10.0.9.3")).toBe(0x0a000903);
    expect(parseIpv4("192.168.77.11")).toBe(0xc0a84d0b | 0);
    expect(parseIpv4("255.255.255.255")).toBe(-1);
  });

  it("go through text unchanged, as int32 or uint32", () => {
    fc.assert(
      fc.property(fc.integer(), (address) => {
        expect(parseIpv4(formatIpv4(address))).toBe(address);
        expect(formatIpv4(address >>> 0)).toBe(formatIpv4(address));
      }),
    );
  });

  it.each([
    "",
    "10.0.9",
    "10.0.9.3.4",
    "10.0.9.256",
    "010.0.9.3",
    "10.0.9.03",
    "10.0.9.",
    "10.0.9.-1",
    "1e1.0.0.0",
    "10.0.9.3 ",
  ])("%j is none", (text) => {
    expect(parseIpv4(text)).toBeUndefined();
  });
});

describe("IPv6 addresses", () => {
  it.each([
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000000000001", "::1"],
    ["fe800000000000000042aafffe000903", "fe80::42:aaff:fe00:903"],
    ["ff0200000000000000000001ff000905", "ff02::1:ff00:905"],
    // RFC 5952 §4.2.2: one zero word is not shortened.
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    // RFC 5952 §4.2.3: the longest run; of equal ones the first.
    ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
    ["20010db8000100020003000400000000", "2001:db8:1:2:3:4::"],
    // RFC 5952 §4.1, §4.3: no leading zeros, lower case.
    ["20010db80000000000000000000aBCDE", "2001:db8::a:bcde"],
    // RFC 5952 §5: an IPv4-mapped address.
    ["00000000000000000000ffff0a000903", "::ffff:10.0.9.3"],
  ])("%s is %s and back", (hex, text) => {
    expect(formatIpv6(bytesOf(hex))).toBe(text);
    expect(hexOf(parseIpv6(text)!)).toBe(hex.toLowerCase());
  });

  it("go through text unchanged", () => {
    const words = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(words, (eight) => {
        const bytes = Uint8Array.from(eight.flatMap((word) => [word >> 8, word & 255]));
        expect(parseIpv6(formatIpv6(bytes))).toEqual(bytes);
        expect(parseIpv6(eight.map((word) => word.toString(16)).join(":"))).toEqual(bytes);
      }),
    );
  });

  it.each([
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
    ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
    ["1:2:3:4:5:6:192.0.2.33", "000100020003000400050006c0000221"],
  ])("%s parses", (text, hex) => {
    expect(hexOf(parseIpv6(text)!)).toBe(hex);
  });

  it.each([
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "g::",
    ":1::",
    "1:",
    "fe80::1%eth0",
    "::1.2.3",
    // IPv4 notation stands at the very end only (RFC 4291 §2.2).
    "1.2.3.4::",
    "1.2.3.4::5",
    "::1.2.3.4:5",
  ])("%j is none", (text) => {
    expect(parseIpv6(text)).toBeUndefined();
  });
});
