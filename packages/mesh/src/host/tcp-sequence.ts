/** Order of sequence numbers, int32, on their circle (Linux include/net/tcp.h). */

export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** low <= sequence <= high. */
export function between(sequence: number, low: number, high: number): boolean {
  return (high - low) >>> 0 >= (sequence - low) >>> 0;
}
