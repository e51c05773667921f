import { describe, expect, it } from "vitest";
import { joinLinkType, linkTypeName, maxPacketLength, splitLinkType } from "../src/link-type.ts";

describe("link types", () => {
  it("have the registry's names", () => {
    expect(linkTypeName(1)).toBe("ETHERNET");
    expect(linkTypeName(113)).toBe("LINUX_SLL");
    expect(linkTypeName(276)).toBe("LINUX_SLL2");
    expect(linkTypeName(147)).toBe("LINKTYPE 147");
  });

  it("limit packets as Wireshark does", () => {
    expect(maxPacketLength(1)).toBe(262_144);
    expect(maxPacketLength(231)).toBe(128 * 1024 * 1024);
  });

  it("share their word with the FCS length, in units of two bytes", () => {
    expect(splitLinkType(1)).toEqual({ linkType: 1, fcsLength: undefined, reserved: 0 });
    expect(splitLinkType(0x24000001)).toEqual({ linkType: 1, fcsLength: 4, reserved: 0 });
    expect(splitLinkType(0xf4000069)).toEqual({ linkType: 105, fcsLength: 30, reserved: 0 });
    expect(splitLinkType(0x04000001)).toEqual({ linkType: 1, fcsLength: 0, reserved: 0 });
    expect(splitLinkType(0x08010001).reserved).toBe(0x08010000);
  });

  it("join again", () => {
    for (let fcsLength = 0; fcsLength <= 30; fcsLength += 2) {
      expect(splitLinkType(joinLinkType(276, fcsLength))).toEqual({ linkType: 276, fcsLength, reserved: 0 });
    }
    expect(joinLinkType(65535)).toBe(65535);
    expect(() => joinLinkType(1, 3)).toThrow("fcsLength is 3, expected an even number");
    expect(() => joinLinkType(1, 32)).toThrow(RangeError);
    expect(() => joinLinkType(65536)).toThrow("linkType is 65536");
  });
});
