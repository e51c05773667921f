/**
 * Eight bytes of a header as one number, for writers that prepare what does not change: `setFloat64(at, octets, true)`
 * puts them down with one store where 32-bit words take two and swap their bytes. A double, because 64-bit integers are
 * objects, made anew on Node 20.
 *
 * A double that is a NaN need not keep its bits, so the last two bytes must be ones that cannot make it one: a zero, an
 * EtherType.
 */

const scratch = new DataView(new ArrayBuffer(8));

/** `first` and `last` are four bytes each, in the order of the wire. */
export function octets(first: number, last: number): number {
  scratch.setInt32(0, first);
  scratch.setInt32(4, last);
  const value = scratch.getFloat64(0, true);
  if (Number.isNaN(value)) throw new RangeError(`a double cannot hold bytes that end in ${last & 0xffff}`);
  return value;
}

/** A MAC address of 48 bits and the two bytes behind it, which must not be 0x7ff0 or more in reverse. */
export function macOctets(mac: number, behind: number): number {
  return octets(Math.floor(mac / 0x10000) | 0, ((mac % 0x10000) << 16) | behind);
}
