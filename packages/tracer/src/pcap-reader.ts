/**
 * pcap (draft-ietf-opsawg-pcap): one header, then records.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                         Magic Number                          | file header
 * |         Major Version         |         Minor Version         |
 * |                           Reserved1                           |
 * |                           Reserved2                           |
 * |                            SnapLen                            |
 * | FCS |f|0 0 0 0 0 0 0 0 0 0 0 0|           LinkType            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      Timestamp (Seconds)                      | each record
 * |            Timestamp (Microseconds or nanoseconds)            |
 * |                    Captured Packet Length                     |
 * |                    Original Packet Length                     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Both byte orders, microseconds and nanoseconds. Not covered: versions before 2.4, which may have the two lengths
 * exchanged, and the variants with longer record headers (magic numbers of their own, or AIX's).
 */
import { captureInterface } from "./capture-interface.ts";
import { type CaptureError, hex32 } from "./error.ts";
import { linkTypeName, maxPacketLength, splitLinkType } from "./link-type.ts";
import { RecordReader } from "./record-reader.ts";

export const FILE_HEADER_LENGTH = 24;
export const RECORD_HEADER_LENGTH = 16;
/** The same for the loop: what a module exports is looked up each time, what it keeps is a constant. */
const HEADER = RECORD_HEADER_LENGTH;
export const MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const MAGIC_NANOSECONDS = 0xa1b23c4d;

/** Subseconds that make a second. */
export type PcapResolution = "microseconds" | "nanoseconds";

/** The file header's fields. */
export interface PcapHeader {
  readonly littleEndian: boolean;
  readonly resolution: PcapResolution;
  readonly versionMajor: number;
  readonly versionMinor: number;
  /** Once "correction to local time", once "accuracy of timestamps". Always zero now. */
  readonly reserved1: number;
  readonly reserved2: number;
  readonly snapLength: number;
  readonly linkType: number;
  /** Bytes of frame check sequence at the end of each packet; undefined if the file does not say. */
  readonly fcsLength: number | undefined;
}

/** How the first four bytes say that a file is pcap; undefined if they do not. */
export function pcapMagic(
  view: DataView,
  at: number,
): { readonly littleEndian: boolean; readonly resolution: PcapResolution } | undefined {
  const magic = view.getUint32(at);
  if (magic === MAGIC_MICROSECONDS) return { littleEndian: false, resolution: "microseconds" };
  if (magic === MAGIC_NANOSECONDS) return { littleEndian: false, resolution: "nanoseconds" };
  const swapped = view.getUint32(at, true);
  if (swapped === MAGIC_MICROSECONDS) return { littleEndian: true, resolution: "microseconds" };
  if (swapped === MAGIC_NANOSECONDS) return { littleEndian: true, resolution: "nanoseconds" };
  return undefined;
}

/** Walks the records of a pcap file. Made by `openCapture` and `openCaptureSync`. */
export class PcapReader extends RecordReader {
  override readonly format = "pcap";
  /** Not `littleEndian`: V8 compares a boolean field with false first (docs/adr/0002-hot-path-api.md, 13). */
  #bigEndian = false;
  /** Subsecond units a second, and nanoseconds a unit. */
  #unitsPerSecond = 1_000_000;
  #nsPerUnit = 1000;
  #maxLength = 0;
  #header: PcapHeader | undefined = undefined;

  /** The file header. */
  get header(): PcapHeader {
    if (this.#header === undefined) throw new TypeError("the header has not been read: call begin");
    return this.#header;
  }

  override begin(): boolean {
    if (this.filled - this.position < FILE_HEADER_LENGTH) {
      return this.refill(FILE_HEADER_LENGTH) && this.begin();
    }
    const view = this.view;
    const at = this.position;
    const magic = pcapMagic(view, at);
    if (magic === undefined) this.fail("ERR_NOT_A_CAPTURE", at, `magic number ${hex32(view.getUint32(at))}`);
    const { littleEndian, resolution } = magic;
    const versionMajor = view.getUint16(at + 4, littleEndian);
    const versionMinor = view.getUint16(at + 6, littleEndian);
    if (versionMajor !== 2 || versionMinor !== 4) {
      this.fail("ERR_PCAP_VERSION", at + 4, `pcap version ${versionMajor}.${versionMinor}, expected 2.4`);
    }
    const word = view.getUint32(at + 20, littleEndian);
    const { linkType, fcsLength, reserved } = splitLinkType(word);
    if (reserved !== 0) {
      this.fail("ERR_PCAP_LINK_TYPE", at + 20, `link type ${hex32(word)} has reserved bits, ${hex32(reserved)}`);
    }
    this.#header = {
      littleEndian,
      resolution,
      versionMajor,
      versionMinor,
      reserved1: view.getUint32(at + 8, littleEndian),
      reserved2: view.getUint32(at + 12, littleEndian),
      snapLength: view.getUint32(at + 16, littleEndian),
      linkType,
      fcsLength,
    };
    this.#bigEndian = !littleEndian;
    this.#unitsPerSecond = resolution === "microseconds" ? 1_000_000 : 1_000_000_000;
    this.#nsPerUnit = resolution === "microseconds" ? 1000 : 1;
    this.#maxLength = maxPacketLength(linkType);
    this.#describe(this.#header);
    this.position = at + FILE_HEADER_LENGTH;
    return true;
  }

  /** The one interface and the one section. */
  #describe(header: PcapHeader): void {
    const place = {
      index: 0,
      section: 0,
      idInSection: 0,
      linkType: header.linkType,
      snapLength: header.snapLength,
      fcsLength: header.fcsLength,
      timestampResolution: header.resolution === "microseconds" ? 6 : 9,
      timestampOffset: 0,
    };
    this.allInterfaces.push(captureInterface(place, {}));
    this.allSections.push({
      index: 0,
      offset: 0,
      littleEndian: header.littleEndian,
      versionMajor: header.versionMajor,
      versionMinor: header.versionMinor,
      options: {},
      interfaces: this.allInterfaces,
    });
  }

  override next(): boolean {
    const at = this.position;
    // Says to V8 that no sum of it overflows.
    const base = (at << 2) >>> 2;
    const start = base + HEADER;
    const filled = this.filled;
    if (start <= filled && base === at) {
      const length = this.view.getInt32(base + 8, !this.#bigEndian);
      const end = (start + length) | 0;
      // Every link type may have packets below 256 KiB.
      if (end <= filled && length >>> 18 === 0) {
        this.recordAt = base;
        this.start = start;
        this.end = end;
        this.position = end;
        this.number++;
        return true;
      }
    }
    // Answers constants only: V8 then need not look at what a caller's loop got.
    if (!this.#nextUnusual()) return false;
    return true;
  }

  /** `next` where the chunk ends, behind its first GiB, and for the longest packets. */
  #nextUnusual(): boolean {
    for (;;) {
      const at = this.position;
      const start = at + HEADER;
      let needed = HEADER;
      if (start <= this.filled) {
        const length = this.view.getUint32(at + 8, !this.#bigEndian);
        if (length > this.#maxLength) this.#tooLarge(at, length);
        const end = start + length;
        if (end <= this.filled) {
          this.recordAt = at;
          this.start = start;
          this.end = end;
          this.position = end;
          this.number++;
          return true;
        }
        needed = end - at;
      }
      if (!this.refill(needed)) return false;
    }
  }

  override get wireLength(): number {
    return this.view.getUint32(this.recordAt + 12, !this.#bigEndian);
  }

  override get hasTime(): boolean {
    return true;
  }

  override get seconds(): number {
    const seconds = this.view.getUint32(this.recordAt, !this.#bigEndian);
    const units = this.view.getUint32(this.recordAt + 4, !this.#bigEndian);
    // Some writers count past the second.
    return units < this.#unitsPerSecond ? seconds : seconds + Math.floor(units / this.#unitsPerSecond);
  }

  override get nanoseconds(): number {
    const units = this.view.getUint32(this.recordAt + 4, !this.#bigEndian);
    return (units < this.#unitsPerSecond ? units : units % this.#unitsPerSecond) * this.#nsPerUnit;
  }

  #tooLarge(at: number, length: number): never {
    const { linkType } = this.interface;
    const problem = `record ${this.number + 1} has a captured length of ${length} bytes, ${linkTypeName(linkType)} packets have at most ${this.#maxLength}`;
    return this.fail("ERR_PCAP_PACKET_TOO_LARGE", at, problem);
  }

  protected override truncated(available: number, needed: number): CaptureError {
    if (this.#header === undefined) {
      const problem = `the pcap file header is cut: ${available} of ${FILE_HEADER_LENGTH} bytes`;
      return this.error("ERR_PCAP_TRUNCATED_HEADER", this.position, problem);
    }
    const what = needed === RECORD_HEADER_LENGTH ? "header" : "record";
    const problem = `record ${this.number + 1} is cut: its ${what} needs ${needed} bytes, there are ${available}`;
    return this.error("ERR_PCAP_TRUNCATED_RECORD", this.position, problem);
  }
}
