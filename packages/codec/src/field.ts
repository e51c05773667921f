/**
 * The layout table of a protocol: one row a field of the fixed header. The table is tested against the accessors and
 * shared by the tree and hex views, the documentation and the comparison with Wireshark.
 */
export interface Field {
  /** Name of the accessor and of the plain value's property. */
  readonly name: string;
  /** Offset of the first bit from the start of the header, in bits; the most significant bit of a byte is first. */
  readonly bit: number;
  /** Width in bits. */
  readonly bits: number;
  /** Wireshark's name of the same field, or "" where it has none. */
  readonly wireshark: string;
  /** How people write the value. */
  readonly as: FieldForm;
}

export type FieldForm = "decimal" | "hex" | "mac" | "ipv4" | "ipv6" | "flag" | "bytes";

export function field(name: string, bit: number, bits: number, wireshark: string, as: FieldForm = "decimal"): Field {
  return { name, bit, bits, wireshark, as };
}

/** Reads any field of up to 48 bits by its row: slow, for tests and views. Wider fields answer their first 48 bits. */
export function readField(view: DataView, at: number, row: Field): number {
  const bits = Math.min(row.bits, 48);
  let value = 0;
  for (let bit = row.bit; bit < row.bit + bits; ) {
    const inByte = bit & 7;
    const take = Math.min(8 - inByte, row.bit + bits - bit);
    const byte = view.getUint8(at + (bit >> 3));
    value = value * 2 ** take + ((byte >> (8 - inByte - take)) & (2 ** take - 1));
    bit += take;
  }
  return value;
}

/** Writes any field of up to 48 bits by its row: slow, for tests. */
export function writeField(view: DataView, at: number, row: Field, value: number): void {
  let rest = value;
  for (let bit = row.bit + row.bits - 1; bit >= row.bit; bit--) {
    const byteAt = at + (bit >> 3);
    const mask = 0x80 >> (bit & 7);
    const byte = view.getUint8(byteAt);
    view.setUint8(byteAt, rest % 2 === 1 ? byte | mask : byte & ~mask);
    rest = Math.floor(rest / 2);
  }
}
