/** Who adds up long payloads: plain code by default, or the SIMD kernel of checksum-simd.ts for frames in its memory. */
import { sum } from "./checksum.ts";

export interface Summer {
  /** What checksum.ts's `sum` answers: the folded sum of [at, end) plus `initial`, not complemented. */
  sum(view: DataView, at: number, end: number, initial: number): number;
}

/** Works on any view. */
export const plainSummer: Summer = { sum };
