/**
 * Opens a capture of any format: pcap or pcapng, in both byte orders, plain or compressed, recognised by its first
 * bytes. Names and extensions of files say nothing here.
 */
import {
  type CaptureInput,
  type ChunkSource,
  FileSource,
  inputName,
  IterableSource,
  type SyncChunkSource,
  SyncFileSource,
} from "./chunk-source.ts";
import { compressionOf, DecompressedSource } from "./decompress.ts";
import { CaptureError, type CaptureErrorCode, hex32 } from "./error.ts";
import { pcapMagic, PcapReader } from "./pcap-reader.ts";
import { BlockType, type RawBlock } from "./pcapng-blocks.ts";
import { PcapngReader } from "./pcapng-reader.ts";
import { CHUNK_LENGTH, type ReaderInput } from "./record-reader.ts";

/** What both ways to open a capture answer; `format` tells the two apart. */
export type CaptureReader = PcapReader | PcapngReader;

export interface OpenOptions {
  /** What errors call the capture. Default: the path, or a word such as `stdin`. */
  readonly name?: string;
  /**
   * Memory to read through, such as part of a WebAssembly memory. The longest record must fit. Default: memory of the
   * reader's own, which grows if it must.
   */
  readonly buffer?: Uint8Array;
  /** Called for each pcapng block that is not a packet while packets are read; its bytes hold until it returns. */
  readonly onBlock?: (block: RawBlock) => void;
}

/** Bytes that say what a file is. */
const MAGIC_LENGTH = 4;
const MIN_CHUNK_LENGTH = 4096;

/**
 * Opens a file, a descriptor or bytes in memory, to be read without waiting: `while (reader.next()) …`. Bytes in memory
 * are read where they are. Compressed captures need {@link openCapture}.
 */
export function openCaptureSync(input: string | URL | number | Uint8Array, options: OpenOptions = {}): CaptureReader {
  const file = options.name ?? inputName(input);
  if (input instanceof Uint8Array) return begun(readerOf(inMemory(input, file), options));
  const source = new SyncFileSource(input);
  try {
    return begun(readerOf(headSync(source, file, options), options));
  } catch (error) {
    source.closeSync();
    throw error;
  }
}

/** Opens anything, compressed or not, to be read as it arrives: `for await (const packet of await openCapture(…))`. */
export async function openCapture(input: CaptureInput, options: OpenOptions = {}): Promise<CaptureReader> {
  const file = options.name ?? inputName(input);
  if (input instanceof Uint8Array && compressionOf(input) === undefined) {
    return begun(readerOf(inMemory(input, file), options));
  }
  let source = await sourceOf(input);
  try {
    let head = await headOf(source, file, options);
    const compression = compressionOf(head.bytes.subarray(0, head.filled));
    if (compression !== undefined) {
      source = new DecompressedSource(compression, head.bytes.slice(0, head.filled), source, file);
      head = await headOf(source, file, options);
    }
    const reader = readerOf(head, options);
    while (!reader.begin()) await reader.more();
    return reader;
  } catch (error) {
    await source.close();
    throw error;
  }
}

function begun(reader: CaptureReader): CaptureReader {
  reader.begin();
  return reader;
}

function sourceOf(input: CaptureInput): Promise<ChunkSource> | ChunkSource {
  if (input instanceof Uint8Array) return new IterableSource(once(input));
  if (typeof input === "string" || typeof input === "number" || input instanceof URL) return FileSource.open(input);
  return new IterableSource(input);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/** Never a Buffer: one kind of array at every site (and `slice` copies). */
function inMemory(input: Uint8Array, file: string): ReaderInput {
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.length);
  return { file, bytes, filled: bytes.length, growable: false, syncSource: undefined, source: undefined };
}

/** A small file gets a small chunk, with a byte to spare that finds its end. */
function chunkOf(options: OpenOptions, size: number = CHUNK_LENGTH): Uint8Array {
  const { buffer } = options;
  if (buffer === undefined) return new Uint8Array(Math.min(Math.max(size + 1, MIN_CHUNK_LENGTH), CHUNK_LENGTH));
  if (buffer.length < MAGIC_LENGTH) throw new RangeError(`buffer has ${buffer.length} bytes, expected at least 4`);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** Reads until it can be said what the file is. */
function headSync(source: SyncChunkSource, file: string, options: OpenOptions): ReaderInput {
  const bytes = chunkOf(options, source.size);
  let filled = 0;
  while (filled < MAGIC_LENGTH) {
    const count = source.readSync(bytes, filled, bytes.length - filled);
    if (count === 0) break;
    filled += count;
  }
  return { file, bytes, filled, growable: options.buffer === undefined, syncSource: source, source: undefined };
}

async function headOf(source: ChunkSource, file: string, options: OpenOptions): Promise<ReaderInput> {
  const bytes = chunkOf(options, source.size);
  let filled = 0;
  while (filled < MAGIC_LENGTH) {
    const count = await source.read(bytes, filled, bytes.length - filled);
    if (count === 0) break;
    filled += count;
  }
  return { file, bytes, filled, growable: options.buffer === undefined, syncSource: undefined, source };
}

function readerOf(input: ReaderInput, options: OpenOptions): CaptureReader {
  const { bytes, filled, file } = input;
  const refuse = (code: CaptureErrorCode, problem: string): never => {
    throw new CaptureError({ code, file, offset: 0, problem });
  };
  if (filled === 0) refuse("ERR_NOT_A_CAPTURE", "there is nothing in it");
  if (filled < MAGIC_LENGTH) refuse("ERR_NOT_A_CAPTURE", `there are only ${filled} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) === BlockType.section) return new PcapngReader(input, options.onBlock);
  if (pcapMagic(view, 0) !== undefined) return new PcapReader(input);
  const compression = compressionOf(bytes);
  if (compression === undefined) {
    return refuse(
      "ERR_NOT_A_CAPTURE",
      `it begins with ${hex32(view.getUint32(0))}, which neither pcap nor pcapng does`,
    );
  }
  const how =
    input.source === undefined ? "openCapture can read that, openCaptureSync cannot" : "within a compressed file";
  return refuse("ERR_COMPRESSION_UNSUPPORTED", `compressed with ${compression}: ${how}`);
}
