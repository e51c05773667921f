/** The next multiple of four. */
export function padded(length: number): number {
  return length + (-length & 3);
}

/** Bytes that grow while they are written: for the parts of a capture file that are not packets. */
export class ByteWriter {
  readonly littleEndian: boolean;
  /** Bytes written so far. */
  length = 0;
  #bytes: Uint8Array = new Uint8Array(256);
  #view: DataView = new DataView(this.#bytes.buffer);

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  /** Makes room for `count` more bytes, which are zero, and answers where they start. */
  #grow(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, this.littleEndian);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, this.littleEndian);
    return this;
  }

  u64(value: number | bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), this.littleEndian);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Zeros up to a multiple of four bytes. */
  pad(): this {
    this.#grow(-this.length & 3);
    return this;
  }

  /** Overwrites 32 bits written before. */
  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, this.littleEndian);
  }

  /** What was written. Valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}
