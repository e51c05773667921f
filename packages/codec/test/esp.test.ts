import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as esp from "../src/esp.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** 52 bytes of IP through an encrypted overlay, from SPI to ICV: AES-GCM (RFC 4106) with an ICV of 8 bytes. */
const PACKET = bytesOf(
  "453f6df300000020 513441f4f4bffa73 81bb1959bed7d00a639f8e3194d43a0a35e33d81ab9e61de0b826f0c30d18b6b15a4936fe054a7ad" +
    "c2ad94c2701843e69b6fda080ca390e1629e745dffee61ad55e67959d480a9340f053587e334630ec410" +
    "2b8435bd006a570779a6",
);
const IV = 8;
const ICV = 8;

/** 11 bytes of data with NULL encryption (RFC 2410): no IV, padding 1 2 3, next header 17, an ICV of 12 bytes. */
const PLAIN = bytesOf(`00000100 00000001 ${"d0".repeat(11)} 010203 03 11 ${"1c".repeat(12)}`);

describe("a real packet", () => {
  const view = viewOf(PACKET);

  it("reads", () => {
    expect(esp.check(view, 0, PACKET.length)).toBe(Status.ok);
    expect(esp.spi(view, 0)).toBe(0x453f6df3);
    expect(esp.sequence(view, 0)).toBe(32);
    expect(esp.payloadStart(view, 0)).toBe(8);
    expect(esp.payloadEnd(view, 0, PACKET.length)).toBe(PACKET.length);
    expect(esp.format(view, 0)).toBe("spi 0x453f6df3 seq 32");
  });

  it("says where its parts are, given the lengths of IV and ICV", () => {
    expect(esp.dataStart(0, IV)).toBe(16);
    expect(esp.icvStart(PACKET.length, ICV)).toBe(PACKET.length - 8);
    expect(esp.trailerStart(PACKET.length, ICV)).toBe(PACKET.length - 10);
    // Encrypted data and trailer fill whole words (RFC 4303 §2.4).
    expect((esp.icvStart(PACKET.length, ICV) - esp.dataStart(0, IV)) % 4).toBe(0);
  });

  it("is built from its parts in a dirty buffer", () => {
    const built = dirtyView(10);
    esp.setSpi(built, 1, 0xce838555);
    esp.setSequence(built, 1, 1);
    expect(hexOfView(built)).toBe("a5ce83855500000001a5");
    expect(esp.format(built, 1)).toBe("spi 0xce838555 seq 1");
  });

  it("is refused in every prefix that does not hold the header", () => {
    expectPrefixesRefused(esp, PACKET, esp.HEADER_LENGTH);
    expect(esp.check(view, 0, 7)).toBe(Status.truncated);
  });
});

describe("data and trailer that can be read", () => {
  const view = viewOf(PLAIN);
  const end = PLAIN.length;

  it("are found from the end (RFC 4303 §2.4 to §2.6)", () => {
    expect(esp.checkTrailer(view, 0, end, 0, 12)).toBe(Status.ok);
    expect(esp.padLength(view, end, 12)).toBe(3);
    expect(esp.nextHeader(view, end, 12)).toBe(17);
    expect(esp.dataStart(0, 0)).toBe(8);
    expect(esp.dataEnd(view, end, 12)).toBe(19);
    expect(esp.trailerStart(end, 12)).toBe(22);
    expect(esp.icvStart(end, 12)).toBe(24);
  });

  it("are refused if the padding is longer than what is there", () => {
    const bytes = PLAIN.slice();
    bytes[22] = 14;
    expect(esp.checkTrailer(viewOf(bytes), 0, end, 0, 12)).toBe(Status.ok);
    expect(esp.dataEnd(viewOf(bytes), end, 12)).toBe(8);
    bytes[22] = 15;
    expect(esp.checkTrailer(viewOf(bytes), 0, end, 0, 12)).toBe(Status.badTotalLength);
  });

  it("are refused if IV, trailer and ICV do not fit", () => {
    expect(esp.checkTrailer(viewOf(new Uint8Array(8 + 8 + 2 + 8)), 0, 26, 8, 8)).toBe(Status.ok);
    for (let length = 8; length < 26; length++) {
      expect(esp.checkTrailer(viewOf(new Uint8Array(length)), 0, length, 8, 8), `${length}`).toBe(Status.truncated);
    }
  });

  it("are what setTrailer writes: padding 1, 2, 3 (RFC 4303 §2.4)", () => {
    const built = dirtyView(end);
    esp.setSpi(built, 0, 0x100);
    esp.setSequence(built, 0, 1);
    for (let at = 8; at < 19; at++) built.setUint8(at, 0xd0);
    const icvAt = esp.setTrailer(built, 19, esp.paddingFor(11), 17);
    expect(icvAt).toBe(24);
    expect(hexOfView(built, 0, icvAt)).toBe(hexOf(PLAIN.slice(0, icvAt)));
    expect(built.getUint8(icvAt)).toBe(0xa5);
  });
});

describe("lengths", () => {
  it("pad data and trailer to the alignment, and no more than needed", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2000 }), fc.constantFrom(4, 8, 16), (length, alignment) => {
        const padding = esp.paddingFor(length, alignment);
        expect((length + padding + esp.TRAILER_LENGTH) % alignment).toBe(0);
        expect(padding).toBeGreaterThanOrEqual(0);
        expect(padding).toBeLessThan(alignment);
      }),
    );
  });

  // Encrypted overlay: inner IP packet plus Ethernet 14, VXLAN 8, UDP 8 is what ESP carries; outer IPv4 is 20 more.
  it.each([
    [28, 104],
    [40, 116],
    [60, 136],
    [84, 160],
    [576, 652],
    [1384, 1460],
    [1424, 1500],
    [1450, 1528],
  ])("make an inner packet of %i bytes an outer one of %i", (inner, outer) => {
    expect(20 + esp.encapsulatedLength(inner + 30, IV, ICV)).toBe(outer);
  });

  // The longest inner packet that leaves whole by an interface of that MTU.
  it.each([
    [1500, 1424],
    [1450, 1372],
    [1420, 1344],
    [9000, 8924],
  ])("leave room for inner packets, at an MTU of %i, of %i bytes", (mtu, inner) => {
    expect(esp.largestData(mtu - 20, IV, ICV) - 30).toBe(inner);
  });

  it("are largest where one byte more would not fit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 3000 }), fc.constantFrom(4, 8, 16), (room, alignment) => {
        const data = esp.largestData(room, IV, ICV, alignment);
        expect(esp.encapsulatedLength(data, IV, ICV, alignment)).toBeLessThanOrEqual(room);
        expect(esp.encapsulatedLength(data + 1, IV, ICV, alignment)).toBeGreaterThan(room);
      }),
    );
  });

  it("are those of the real packet: 52 bytes inside", () => {
    expect(esp.encapsulatedLength(52 + 30, IV, ICV)).toBe(PACKET.length);
  });
});

describe("what RFC 4106's cipher is given beside the data", () => {
  it("is a nonce of salt and IV, and the header", () => {
    const view = viewOf(PACKET);
    const nonce = dirtyView(esp.NONCE_LENGTH);
    esp.setNonce(nonce, 0x453f6df3, view, 0);
    expect(hexOfView(nonce, 0, esp.NONCE_LENGTH)).toBe("453f6df3513441f4f4bffa73");
    expect(hexOf(PACKET.slice(0, esp.AAD_LENGTH))).toBe("453f6df300000020");
  });

  it("has an IV that setIv writes behind the header", () => {
    const built = dirtyView(17);
    esp.setIv(built, 1, 0x513441f4, 0xf4bffa73);
    expect(hexOfView(built, 9, 17)).toBe("513441f4f4bffa73");
    expect(built.getUint8(8)).toBe(0xa5);
  });
});

describe("laws", () => {
  it("layout, accessors and setters agree", () => {
    expectLayoutAgrees(esp.layout, esp);
    expectSettersAgree(esp.layout, { spi: esp.setSpi, sequence: esp.setSequence });
  });

  it("bytes and values survive", () => {
    expectBytesSurvive(esp, fc.uint8Array({ minLength: 8, maxLength: 60 }));
    const words = fc.nat({ max: 0xffffffff });
    expectValuesSurvive(esp, fc.record({ spi: words, sequence: words }));
  });

  it.each([
    { spi: 2 ** 32, sequence: 1 },
    { spi: 1, sequence: -1 },
  ])("encode refuses what no field holds: %o", (value) => {
    expect(() => esp.encode(value)).toThrow(RangeError);
  });
});
