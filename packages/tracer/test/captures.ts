/** Small captures made by hand, byte by byte, so that the readers are not tested with what the writers think. */
import { Readable, Writable } from "node:stream";
import { CaptureError } from "../src/error.ts";
import type { Packet } from "../src/packet.ts";
import { type CaptureReader, openCapture, openCaptureSync } from "../src/reader.ts";

/** `bytesOf("0a0d 0d0a")` */
export function bytesOf(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16),
  );
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Bytes that count up from `first`. */
export function counting(length: number, first: number = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => first + at);
}

/** 16 or 32 bits in either byte order. */
export function u16(value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, value, littleEndian);
  return bytes;
}

export function u32(value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, littleEndian);
  return bytes;
}

export interface PcapShape {
  readonly littleEndian: boolean;
  readonly magic?: number;
  readonly snapLength?: number;
  readonly linkType?: number;
  readonly version?: readonly [number, number];
}

export function pcapHeader(shape: PcapShape): Uint8Array {
  const { littleEndian, magic = 0xa1b2c3d4, snapLength = 65535, linkType = 1, version = [2, 4] } = shape;
  return concat([
    u32(magic, littleEndian),
    u16(version[0], littleEndian),
    u16(version[1], littleEndian),
    u32(0, littleEndian),
    u32(0, littleEndian),
    u32(snapLength, littleEndian),
    u32(linkType, littleEndian),
  ]);
}

export function pcapRecord(
  littleEndian: boolean,
  seconds: number,
  units: number,
  data: Uint8Array,
  wireLength: number = data.length,
): Uint8Array {
  return concat([...[seconds, units, data.length, wireLength].map((value) => u32(value, littleEndian)), data]);
}

/** A block of any type around a body that is padded here. */
export function block(littleEndian: boolean, type: number, ...body: readonly Uint8Array[]): Uint8Array {
  const inner = concat(body);
  const padding = new Uint8Array(-inner.length & 3);
  const length = u32(12 + inner.length + padding.length, littleEndian);
  return concat([u32(type, littleEndian), length, inner, padding, length]);
}

/** An option with its padding. */
export function option(littleEndian: boolean, code: number, value: Uint8Array): Uint8Array {
  return concat([u16(code, littleEndian), u16(value.length, littleEndian), value, new Uint8Array(-value.length & 3)]);
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function sectionBlock(littleEndian: boolean, ...options: readonly Uint8Array[]): Uint8Array {
  const length = [u32(0xffffffff, littleEndian), u32(0xffffffff, littleEndian)];
  const version = [u16(1, littleEndian), u16(0, littleEndian)];
  return block(littleEndian, 0x0a0d0d0a, u32(0x1a2b3c4d, littleEndian), ...version, ...length, ...options);
}

export function interfaceBlock(
  littleEndian: boolean,
  linkType: number = 1,
  snapLength: number = 0,
  ...options: readonly Uint8Array[]
): Uint8Array {
  const fixed = [u16(linkType, littleEndian), u16(0, littleEndian), u32(snapLength, littleEndian)];
  return block(littleEndian, 1, ...fixed, ...options);
}

/** `ticks` are the time's two halves. */
export function packetBlock(
  littleEndian: boolean,
  id: number,
  ticks: readonly [number, number],
  data: Uint8Array,
  ...options: readonly Uint8Array[]
): Uint8Array {
  const fixed = [id, ticks[0], ticks[1], data.length, data.length].map((value) => u32(value, littleEndian));
  return block(littleEndian, 6, ...fixed, data, new Uint8Array(-data.length & 3), ...options);
}

/** What is compared of a packet. */
export interface Seen {
  readonly number: number;
  readonly offset: number;
  readonly interfaceId: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly wireLength: number;
  readonly data: string;
}

export function seenOf(packet: Packet): Seen {
  const { number, offset, interfaceId, seconds, nanoseconds, wireLength, data } = packet;
  return { number, offset, interfaceId, seconds, nanoseconds, wireLength, data: hexOf(data) };
}

/** All packets up to the end or the error. */
export interface Outcome {
  readonly packets: readonly Packet[];
  readonly error: CaptureError | undefined;
}

/** Reads everything without waiting. Anything but a CaptureError is thrown on. */
export function readSync(input: string | Uint8Array, buffer?: Uint8Array): Outcome {
  const packets: Packet[] = [];
  try {
    const reader = openCaptureSync(input, buffer === undefined ? {} : { buffer });
    while (reader.next()) packets.push(reader.packet(true));
    if (reader.next()) throw new Error("a packet after the end");
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { packets, error };
  }
  return { packets, error: undefined };
}

/** Reads everything as it arrives. */
export async function readAsync(input: Parameters<typeof openCapture>[0]): Promise<Outcome> {
  const packets: Packet[] = [];
  try {
    const reader = await openCapture(input);
    for await (const packet of reader.packets({ copy: true })) packets.push(packet);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { packets, error };
  }
  return { packets, error: undefined };
}

/** A stream that hands out `step` bytes at a time, as a slow pipe does. */
export function dripping(bytes: Uint8Array, step: number): Readable {
  function* chunks(): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += step) yield bytes.slice(at, at + step);
  }
  return Readable.from(chunks(), { objectMode: false });
}

/** A sink that keeps what it gets. */
export class Kept {
  readonly file = "kept";
  readonly chunks: Uint8Array[] = [];

  writeSync(bytes: Uint8Array): void {
    this.chunks.push(bytes.slice());
  }

  closeSync(): void {}

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }

  /** What was written, opened again. */
  reader(): CaptureReader {
    return openCaptureSync(this.bytes);
  }
}

/** A stream that keeps what it gets, one chunk at a time, when `gate` lets it. */
export function slowStream(gate: () => Promise<void>): { readonly stream: Writable; readonly kept: Buffer[] } {
  const kept: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      void gate().then(() => {
        kept.push(Buffer.from(chunk));
        done();
      }, done);
    },
  });
  return { stream, kept };
}

/** mulberry32: the same numbers for the same seed, everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
