/**
 * The internet checksum (RFC 1071, RFC 1624) over a DataView.
 *
 * `sum` answers a folded 16-bit ones' complement sum that is **not** complemented, so sums can be added: pseudo-header,
 * header, payload. A packet that carries a right checksum sums to 0xffff.
 */

/** What a layer's checksum field turned out to be. An invalid checksum is a fact about a packet, not a decode error. */
export const ChecksumStatus = {
  /** Nobody looked, or the bytes it covers were not all captured, or it is a fragment. */
  notVerified: 0,
  valid: 1,
  invalid: 2,
  /** The sender computed none: zero in UDP over IPv4 (RFC 768). */
  absent: 3,
  /**
   * Left for the network card to complete (checksum offload): the field holds the pseudo-header's sum only, or, around a
   * tunnel, what will be right once the inner one is complete.
   */
  partial: 4,
} as const;
export type ChecksumStatus = (typeof ChecksumStatus)[keyof typeof ChecksumStatus];
export type ChecksumStatusName = keyof typeof ChecksumStatus;
const NAMES = Object.keys(ChecksumStatus) as ChecksumStatusName[];

export function checksumStatusName(status: ChecksumStatus): ChecksumStatusName {
  return NAMES[status]!;
}

/** Folds carries into 16 bits. Takes any sum below 2^32, as int32 or uint32. */
export function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once + (once >>> 16)) & 0xffff;
}

/** Adds two folded sums. */
export function add(a: number, b: number): number {
  const sum = a + b;
  return (sum & 0xffff) + (sum >>> 16);
}

/**
 * Ones' complement sum of the big-endian 16-bit words in [at, end), plus `initial` (a folded sum); an odd last byte
 * is the high half of a word (RFC 1071 §4.1). Up to 128 KiB: the halves' sums stay below 2^32.
 */
export function sum(view: DataView, at: number, end: number, initial: number = 0): number {
  let high = 0;
  let low = initial;
  let from = at;
  // Whole 32-bit words, carries left for the end (RFC 1071 §2): four a turn keeps the loop's own cost small.
  for (const stop = end - 15; from < stop; from += 16) {
    const a = view.getInt32(from);
    const b = view.getInt32(from + 4);
    const c = view.getInt32(from + 8);
    const d = view.getInt32(from + 12);
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
  }
  for (const stop = end - 1; from < stop; from += 2) low = (low + view.getUint16(from)) | 0;
  if (from < end) low = (low + (view.getUint8(from) << 8)) | 0;
  return add(fold(high), fold(low));
}

/** The checksum field's value for a folded sum: its complement. */
export function complement(sum: number): number {
  return ~sum & 0xffff;
}

/**
 * The checksum after one 16-bit word it covers changed: RFC 1624 §3, equation 3, `HC' = ~(~HC + ~m + m')`.
 * Unlike RFC 1141's form it is right at the 0x0000/0xffff corner.
 */
export function updated(checksum: number, oldWord: number, newWord: number): number {
  return ~fold((~checksum & 0xffff) + (~oldWord & 0xffff) + newWord) & 0xffff;
}

/** {@link updated} for a 32-bit value at an even offset, such as an IPv4 address. */
export function updated32(checksum: number, oldValue: number, newValue: number): number {
  const sum =
    (~checksum & 0xffff) + (~oldValue >>> 16) + (~oldValue & 0xffff) + (newValue >>> 16) + (newValue & 0xffff);
  return ~fold(sum) & 0xffff;
}

/** Sum of the IPv4 pseudo-header (RFC 768, RFC 9293 §3.1): addresses as int32, upper-layer length in bytes. */
export function pseudoHeader4(srcIp: number, dstIp: number, protocol: number, length: number): number {
  return fold(
    (srcIp >>> 16) +
      (srcIp & 0xffff) +
      (dstIp >>> 16) +
      (dstIp & 0xffff) +
      protocol +
      (length >>> 16) +
      (length & 0xffff),
  );
}

/** Sum of the IPv6 pseudo-header (RFC 8200 §8.1): the 32 bytes of both addresses start at `addressesAt`. */
export function pseudoHeader6(view: DataView, addressesAt: number, nextHeader: number, length: number): number {
  return sum(view, addressesAt, addressesAt + 32, fold(nextHeader + (length >>> 16) + (length & 0xffff)));
}
