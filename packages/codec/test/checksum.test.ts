import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import {
  add,
  ChecksumStatus,
  checksumStatusName,
  complement,
  fold,
  pseudoHeader4,
  pseudoHeader6,
  sum,
  updated,
  updated32,
} from "../src/checksum.ts";
import { pseudoHeaderSum } from "../src/encode.ts";
import { bytesOf, viewOf } from "./hex.ts";

/** RFC 1071 §1 as it is written: add 16-bit words, carry around after each. */
function naiveSum(bytes: Uint8Array, initial: number = 0): number {
  let total = initial;
  for (let at = 0; at < bytes.length; at += 2) {
    total += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}

const word = (): fc.Arbitrary<number> => fc.oneof(fc.constantFrom(0, 1, 0xfffe, 0xffff), fc.nat({ max: 0xffff }));

describe("sum", () => {
  it("adds RFC 1071's example to ddf2", () => {
    expect(sum(viewOf(bytesOf("0001 f203 f4f5 f6f7")), 0, 8)).toBe(0xddf2);
  });

  it("is 0 of nothing and of zeros, and never 0 of anything else", () => {
    expect(sum(viewOf(new Uint8Array(0)), 0, 0)).toBe(0);
    expect(sum(viewOf(new Uint8Array(40)), 0, 40)).toBe(0);
    expect(sum(viewOf(new Uint8Array(40).fill(0xff)), 0, 40)).toBe(0xffff);
  });

  it("takes an odd last byte for the high half of a word (RFC 1071 §4.1)", () => {
    expect(sum(viewOf(bytesOf("000112")), 0, 3)).toBe(0x1201);
  });

  it("agrees with the naive sum from any start to any end, whatever it starts with", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.nat({ max: 120 }),
        fc.nat({ max: 120 }),
        word(),
        (bytes, first, second, initial) => {
          const at = Math.min(first, second, bytes.length);
          const end = Math.min(Math.max(first, second), bytes.length);
          expect(sum(viewOf(bytes), at, end, initial)).toBe(naiveSum(bytes.subarray(at, end), initial));
        },
      ),
    );
  });

  it("reads nothing outside its bounds", () => {
    for (let length = 0; length < 40; length++) {
      const bytes = new Uint8Array(length + 8).fill(0xa5);
      bytes.fill(0, 4, 4 + length);
      expect(sum(viewOf(bytes), 4, 4 + length), `${length} bytes`).toBe(0);
    }
  });

  it("keeps its carries over 128 KiB of ones", () => {
    const bytes = new Uint8Array(128 * 1024).fill(0xff);
    expect(sum(viewOf(bytes), 0, bytes.length)).toBe(0xffff);
    expect(sum(viewOf(bytes), 0, bytes.length, 0xffff)).toBe(0xffff);
    expect(sum(viewOf(bytes), 1, bytes.length, 0xffff)).toBe(naiveSum(bytes.subarray(1), 0xffff));
    bytes[0] = 0x12;
    expect(sum(viewOf(bytes), 0, bytes.length)).toBe(naiveSum(bytes));
  });

  it("can be added up from parts that start at even offsets (RFC 1071 §2)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 32 }), (bytes, half) => {
        const middle = Math.min(half * 2, bytes.length);
        const view = viewOf(bytes);
        expect(add(sum(view, 0, middle), sum(view, middle, bytes.length))).toBe(naiveSum(bytes));
      }),
    );
  });
});

describe("fold", () => {
  it("folds int32 and uint32 alike", () => {
    expect(fold(0)).toBe(0);
    expect(fold(0xffff)).toBe(0xffff);
    expect(fold(0x1_0000)).toBe(1);
    expect(fold(0xffff_ffff)).toBe(0xffff);
    expect(fold(-1)).toBe(0xffff);
    expect(fold(0xfffe_0003)).toBe(2);
  });
});

describe("updated (RFC 1624)", () => {
  it("computes the RFC's own example: a sum that gets to 0xffff gives 0x0000, not 0xffff", () => {
    expect(updated(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it("leaves a checksum alone when nothing changes, at both corners too", () => {
    expect(updated(0x0000, 0x1234, 0x1234)).toBe(0x0000);
    expect(updated(0x1234, 0xffff, 0xffff)).toBe(0x1234);
    expect(updated(0x1234, 0, 0)).toBe(0x1234);
  });

  it("equals recomputation, whatever changes", () => {
    fc.assert(
      fc.property(fc.array(word(), { minLength: 2, maxLength: 12 }), fc.nat(), word(), (words, where, newWord) => {
        // A header that is all zeros has no meaning and is the one case where 0xffff is right; no header is.
        const header = [0x4500, ...words];
        const changed = 1 + (where % words.length);
        const before = viewOf(Uint8Array.from(header.flatMap((each) => [each >> 8, each & 255])));
        const oldWord = before.getUint16(changed * 2);
        const checksum = complement(sum(before, 0, before.byteLength));
        before.setUint16(changed * 2, newWord);
        expect(updated(checksum, oldWord, newWord)).toBe(complement(sum(before, 0, before.byteLength)));
      }),
    );
  });

  it("equals recomputation for 32-bit values, given as int32 or uint32", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.nat({ max: 4 }),
        fc.oneof(fc.constantFrom(0, -1, 1, -65536, 65535), fc.integer()),
        (bytes, at, newValue) => {
          bytes[0] = 0x45;
          const offset = 4 * Math.max(at, 1);
          const view = viewOf(bytes);
          const oldValue = view.getInt32(offset);
          const checksum = complement(sum(view, 0, 20));
          view.setInt32(offset, newValue);
          const expected = complement(sum(view, 0, 20));
          expect(updated32(checksum, oldValue, newValue)).toBe(expected);
          expect(updated32(checksum, oldValue >>> 0, newValue >>> 0)).toBe(expected);
        },
      ),
    );
  });
});

describe("pseudo-headers", () => {
  it("sums addresses, protocol and length for IPv4 (RFC 768)", () => {
    const addresses = bytesOf("c0a8010a c0a8010b 0011 0042");
    const expected = naiveSum(addresses);
    expect(pseudoHeader4(parseIpv4("192.168.1.10")!, parseIpv4("192.168.1.11")!, 17, 0x42)).toBe(expected);
  });

  it("takes lengths of more than 16 bits, and addresses of either sign", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer(),
        fc.nat({ max: 255 }),
        fc.nat({ max: 0x1ffff }),
        (src, dst, protocol, length) => {
          const bytes = new Uint8Array(16);
          const view = viewOf(bytes);
          view.setInt32(0, src);
          view.setInt32(4, dst);
          view.setUint32(8, length);
          view.setUint32(12, protocol);
          expect(pseudoHeader4(src, dst, protocol, length)).toBe(naiveSum(bytes));
          expect(pseudoHeader4(src >>> 0, dst >>> 0, protocol, length)).toBe(naiveSum(bytes));
          expect(pseudoHeaderSum({ srcIp: src, dstIp: dst }, protocol, length)).toBe(naiveSum(bytes));
        },
      ),
    );
  });

  it("sums 128-bit addresses for IPv6 (RFC 8200 §8.1), read in place or given", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        fc.nat({ max: 255 }),
        fc.nat({ max: 0x1ffff }),
        (header, nextHeader, length) => {
          const bytes = new Uint8Array(40);
          bytes.set(header.subarray(8, 40), 0);
          viewOf(bytes).setUint32(32, length);
          viewOf(bytes).setUint32(36, nextHeader);
          const pseudo = { srcIp: header.slice(8, 24), dstIp: header.slice(24, 40) };
          expect(pseudoHeader6(viewOf(header), 8, nextHeader, length)).toBe(naiveSum(bytes));
          expect(pseudoHeaderSum(pseudo, nextHeader, length)).toBe(naiveSum(bytes));
        },
      ),
    );
  });

  it("sum to all ones together with a datagram whose checksum is right", () => {
    // UDP without data to ff02::fb, and the same addresses around ICMPv6.
    const header = bytesOf("60000000 0008 11ff fe800000000000000042aafffe000903 ff0200000000000000000000000000fb");
    const datagram = bytesOf("14e9 14e9 0008 0000");
    const pseudo = pseudoHeader6(viewOf(header), 8, 17, 8);
    viewOf(datagram).setUint16(6, complement(sum(viewOf(datagram), 0, 8, pseudo)));
    expect(sum(viewOf(datagram), 0, 8, pseudo)).toBe(0xffff);
    expect(sum(viewOf(datagram), 0, 8, pseudoHeader6(viewOf(header), 8, 58, 8))).not.toBe(0xffff);
  });
});

it("names every state", () => {
  expect(Object.values(ChecksumStatus).map(checksumStatusName)).toEqual(Object.keys(ChecksumStatus));
});
