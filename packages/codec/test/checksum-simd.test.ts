import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { compile } from "../scripts/build-kernel.mjs";
import { sum } from "../src/checksum.ts";
import { KERNEL_HEX } from "../src/checksum-kernel.ts";
import { createSimdChecksum } from "../src/checksum-simd.ts";

const simd = createSimdChecksum(200_000)!;

/** Ones' complement addition as RFC 1071 §1 says it, word by word. */
function slowSum(bytes: Uint8Array, initial: number): number {
  let total = initial;
  for (const [at, byte] of bytes.entries()) {
    total += at % 2 === 0 ? byte * 256 : byte;
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}

it("is compiled from its source", async () => {
  expect(KERNEL_HEX.trim()).toBe(await compile());
});

describe("sum", () => {
  it("equals the plain sum for every start, length and initial value", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(70), fc.nat(0xffff), (bytes, at, initial) => {
        simd.bytes.fill(0xff, 0, 600);
        simd.bytes.set(bytes, at);
        const result = simd.sum(simd.view, at, at + bytes.length, initial);
        expect(result).toBe(sum(simd.view, at, at + bytes.length, initial));
        expect(result % 0xffff).toBe(slowSum(bytes, initial) % 0xffff);
      }),
    );
  });

  it("does not overflow with 128 KiB of ones", () => {
    simd.bytes.fill(0xff);
    expect(simd.sum(simd.view, 1, 1 + 131_072, 0xffff)).toBe(0xffff);
    simd.view.setUint16(1, 0xfffe);
    expect(simd.sum(simd.view, 1, 1 + 131_072, 0)).toBe(0xfffe);
  });

  it("reaches the last byte of its memory", () => {
    simd.bytes.fill(0);
    const end = simd.view.byteLength;
    simd.bytes[end - 1] = 7;
    expect(simd.sum(simd.view, end - 15, end)).toBe(0x0700);
    expect(simd.sum(simd.view, end - 16, end)).toBe(7);
    expect(simd.sum(simd.view, end, end)).toBe(0);
  });

  it("takes the plain way for memory that is not its own", () => {
    const view = new DataView(new ArrayBuffer(64));
    view.setUint16(40, 0x1234);
    expect(simd.sum(view, 0, 64)).toBe(0x1234);
  });
});

describe("createSimdChecksum", () => {
  it("gives at least the memory asked for, in pages that do not grow", () => {
    expect(simd.view.byteLength).toBeGreaterThanOrEqual(200_000);
    expect(createSimdChecksum(0)!.view.byteLength).toBe(65536 - 16);
    expect(createSimdChecksum(65536 - 16)!.view.byteLength).toBe(65536 - 16);
    expect(createSimdChecksum(65536 - 15)!.view.byteLength).toBe(2 * 65536 - 16);
    expect(() => createSimdChecksum(-100)).toThrow(RangeError);
    expect(() => createSimdChecksum(Number.NaN)).toThrow(RangeError);
  });

  it("answers undefined where there is no WebAssembly, or none that knows SIMD", () => {
    vi.stubGlobal("WebAssembly", undefined);
    expect(createSimdChecksum(1)).toBeUndefined();
    vi.stubGlobal("WebAssembly", {
      Module: function refuse(): never {
        throw new SyntaxError("invalid opcode");
      },
    });
    expect(createSimdChecksum(1)).toBeUndefined();
    vi.unstubAllGlobals();
    expect(createSimdChecksum(1)).toBeDefined();
  });
});
