/** A process for the command's tests: streams in memory, and small captures. */
import { Readable, Writable } from "node:stream";
import type { Io } from "../src/io.ts";
import { run } from "../src/program.ts";

/** Collects what is written. */
export class Sink extends Writable {
  text = "";
  readonly isTTY: boolean;

  constructor(isTTY: boolean = false) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string, _encoding: BufferEncoding, callback: () => void): void {
    this.text += chunk;
    callback();
  }
}

export interface FakeOptions {
  readonly stdin?: Uint8Array;
  readonly tty?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a command line answers, writes and complains about. */
export async function outcomeOf(
  args: readonly string[],
  { stdin = new Uint8Array(), tty = false, env = {} }: FakeOptions = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const stdout = new Sink(tty);
  const stderr = new Sink(tty);
  const io: Io = { stdin: Readable.from([stdin.slice()], { objectMode: false }), stdout, stderr, env };
  const code = await run(args, io);
  return { code, out: stdout.text, err: stderr.text };
}

/** A pcap file, little-endian with microseconds: one packet a second from 1000 s on. */
export function pcapOf(frames: readonly Uint8Array[], linkType: number = 1): Uint8Array {
  const bytes = new Uint8Array(24 + frames.reduce((total, frame) => total + 16 + frame.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 262_144, true);
  view.setUint32(20, linkType, true);
  let at = 24;
  for (const [index, frame] of frames.entries()) {
    view.setUint32(at, 1000 + index, true);
    view.setUint32(at + 8, frame.length, true);
    view.setUint32(at + 12, frame.length, true);
    bytes.set(frame, at + 16);
    at += 16 + frame.length;
  }
  return bytes;
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Who has 10.0.9.5, tell 10.0.9.3. */
export const ARP: Uint8Array = bytesOf(
  "ffffffffffff02420a0009030806000108000604000102420a0009030a0009030000000000000a000905",
);
export const ARP_WORDS = "ARP who has 10.0.9.5 tell 10.0.9.3";

/** A datagram to UDP port 8472 with VXLAN 7 and an ARP request in it. */
export const VXLAN_ON_8472: Uint8Array = bytesOf(
  "52540077000c52540077000b0800" +
    "4500004e00000000401100000a0000010a000002" +
    "c0002118003a0000" +
    "0800000000000700" +
    "ffffffffffff02420a000903080600010800060400" +
    "0102420a0009030a0009030000000000000a000905",
);
