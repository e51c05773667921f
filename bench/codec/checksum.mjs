// The internet checksum of so many bytes, at sixteen different starts, in cache.
import { complement, sum } from "@hopscope/codec/checksum";
import { createSimdChecksum } from "@hopscope/codec/checksum-simd";

function fill(view) {
  for (let at = 0; at < 16_384; at++) view.setUint8(at, at * 7 + (at >> 8));
}

function plain(length) {
  return () => {
    const view = new DataView(new ArrayBuffer(65_536));
    fill(view);
    const run = () => {
      let total = 0;
      for (let index = 0; index < 1024; index++) {
        const at = (index & 15) * 4;
        total = (total + complement(sum(view, at, at + length, 0))) | 0;
      }
      return total;
    };
    return { run, items: 1024, averageLength: length };
  };
}

function simd(length) {
  return () => {
    const kernel = createSimdChecksum(65_000);
    const { view } = kernel;
    fill(view);
    const run = () => {
      let total = 0;
      for (let index = 0; index < 1024; index++) {
        const at = (index & 15) * 4;
        total = (total + complement(kernel.sum(view, at, at + length, 0))) | 0;
      }
      return total;
    };
    return { run, items: 1024, averageLength: length };
  };
}

const SIZES = [20, 64, 576, 1500, 9000];

export const cases = Object.fromEntries(
  SIZES.flatMap((size) => [
    [`checksum-${size}`, plain(size)],
    [`checksum-simd-${size}`, simd(size)],
  ]),
);
