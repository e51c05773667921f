/**
 * CRC32c (Castagnoli), reflected: polynomial 0x1edc6f41, all ones before and after (RFC 9260, Appendix A). One table of
 * 256 words, a byte a step.
 *
 * Not covered: slicing by several bytes, which would be faster; no hot path asks for it.
 */

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f63b78;
  return value | 0;
});

/** What {@link update} begins with. */
export const INITIAL = -1;

/** Takes the bytes of [at, end) into a running value (int32). */
export function update(running: number, view: DataView, at: number, end: number): number {
  let value = running;
  for (let from = at; from < end; from++) value = TABLE[(value ^ view.getUint8(from)) & 0xff]! ^ (value >>> 8);
  return value;
}

/** The CRC for a running value, uint32. */
export function finish(running: number): number {
  return ~running >>> 0;
}
