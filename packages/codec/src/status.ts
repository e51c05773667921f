/**
 * Why a check said no. A small integer, because it travels through the hot path; the words are for the edge.
 *
 * Functions that answer with an offset (`decapsulate`, `encapsulate`) answer `-status` instead when they refuse.
 */
export const Status = {
  ok: 0,
  /** The header or what its length field promises goes past the bound. */
  truncated: 1,
  /** A version field holds a version this protocol file does not describe. */
  badVersion: 2,
  /** A header length field is smaller than the fixed header, or larger than what holds it. */
  badHeaderLength: 3,
  /** A total or payload length field contradicts the header length. */
  badTotalLength: 4,
  /** A flag that must be set is clear, or one that must be clear is set. */
  badFlags: 5,
  /** An option, label or other list item contradicts the length around it. */
  badOption: 6,
  /** A name's compression pointers do not lead strictly backwards (RFC 1035 §4.1.4). */
  badPointer: 7,
  /** A checksum was asked for and is wrong. */
  badChecksum: 8,
  /** Well-formed, but of a kind this library does not read. */
  unsupported: 9,
  /** More layers inside each other than the caller allows. */
  tooDeep: 10,
  /** Not addressed to what was asked for: another port, another VNI, a fragment where a whole packet is needed. */
  mismatch: 11,
} as const;
export type Status = (typeof Status)[keyof typeof Status];
export type StatusName = keyof typeof Status;

const NAMES = Object.keys(Status) as StatusName[];

/** The stable name of a status: `"truncated"`. */
export function statusName(status: Status): StatusName {
  return NAMES[status]!;
}
