/** Byte arrays of plain values: copied out of a view, and put together. Cold functions only: each makes an array. */

/** The bytes [at, end) of `view` in an array of their own. */
export function bytesAt(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
}

/** One behind the other in a new array, after `headLength` zeros for the caller to fill. */
export function joined(parts: readonly Uint8Array[], headLength: number = 0): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, headLength));
  let at = headLength;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
