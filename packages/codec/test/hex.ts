/** Bytes in and out of the tests' hex constants. */

/** `"0800 0a"` as bytes; blanks are for the reader. */
export function bytesOf(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, "");
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new RangeError(`not hex: ${hex}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A view of `length` bytes that all hold 0xa5, so that a byte nobody wrote shows. */
export function dirtyView(length: number): DataView {
  return viewOf(new Uint8Array(length).fill(0xa5));
}

export function hexOfView(view: DataView, at: number = 0, end: number = view.byteLength): string {
  return hexOf(new Uint8Array(view.buffer, view.byteOffset + at, end - at));
}
