/** Writes pcap (draft-ietf-opsawg-pcap; pcap-reader.ts draws it) in either byte order, micro- or nanoseconds. */
import type { CaptureOutput } from "./chunk-sink.ts";
import { joinLinkType, MAX_PACKET_LENGTH } from "./link-type.ts";
import {
  FILE_HEADER_LENGTH,
  MAGIC_MICROSECONDS,
  MAGIC_NANOSECONDS,
  type PcapHeader,
  RECORD_HEADER_LENGTH,
} from "./pcap-reader.ts";
import { RecordWriter } from "./record-writer.ts";

/** Of this module, as an imported constant is read each time. */
const HEADER: number = RECORD_HEADER_LENGTH;

/** What the file header says. A reader's `header` is fine: the copy begins with the same bytes then. */
export type PcapWriterOptions = {
  readonly [Key in keyof PcapHeader]?: PcapHeader[Key] | undefined;
};

/** A packet as a plain value: `Packet` of a reader is one. */
export interface PcapPacketInit {
  readonly data: Uint8Array;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Bytes on the wire. Default: those of `data`. */
  readonly wireLength?: number;
}

/**
 * Writes records one after the other. By default little-endian, nanoseconds, Ethernet, a snap length of 262,144 bytes.
 * `write` and `writePacket` answer false when the sink is behind: wait for `drained` then.
 */
export class PcapWriter extends RecordWriter {
  readonly #bigEndian: boolean;
  /** Of the file's resolution. A fraction from the start, so that V8 knows it as one. */
  #unitsPerNs = 0.001;
  readonly #options: PcapWriterOptions;
  #headed = false;

  constructor(output: CaptureOutput, options: PcapWriterOptions = {}) {
    // Before the file is made: a link type that is out of range must not leave an empty one.
    joinLinkType(options.linkType ?? 1, options.fcsLength);
    super(output);
    this.#bigEndian = options.littleEndian === false;
    if (options.resolution !== "microseconds") this.#unitsPerNs = 1;
    this.#options = options;
    this.finishHeader();
  }

  protected override finishHeader(): void {
    if (this.#headed) return;
    this.#headed = true;
    const { versionMajor = 2, versionMinor = 4, reserved1 = 0, reserved2 = 0 } = this.#options;
    const { snapLength = MAX_PACKET_LENGTH, linkType = 1, fcsLength } = this.#options;
    const littleEndian = !this.#bigEndian;
    const at = this.reserve(FILE_HEADER_LENGTH);
    const magic = this.#options.resolution === "microseconds" ? MAGIC_MICROSECONDS : MAGIC_NANOSECONDS;
    this.view.setUint32(at, magic, littleEndian);
    this.view.setUint16(at + 4, versionMajor, littleEndian);
    this.view.setUint16(at + 6, versionMinor, littleEndian);
    this.view.setUint32(at + 8, reserved1, littleEndian);
    this.view.setUint32(at + 12, reserved2, littleEndian);
    this.view.setUint32(at + 16, snapLength, littleEndian);
    this.view.setUint32(at + 20, joinLinkType(linkType, fcsLength), littleEndian);
    this.at = at + FILE_HEADER_LENGTH;
  }

  /**
   * Writes the packet in [start, end) of `view`; the bytes are copied before it returns.
   * Seconds are 0 to 2^32 - 1, nanoseconds 0 to 999,999,999, whole numbers both; a file of microseconds cuts them down. A
   * packet has less than 256 MiB.
   */
  write(
    view: DataView,
    start: number,
    end: number,
    seconds: number,
    nanoseconds: number,
    wireLength: number = end - start,
  ): boolean {
    const length = end - start;
    // LENGTH_LIMIT less one, as a constant of this place: also false for a fraction and for no number at all.
    if (length !== (length & 0xfffffff)) throw this.wrongRange(start, end);
    if (seconds >>> 0 !== seconds) this.#refuseTime(seconds);
    const at = this.reserve(HEADER + length);
    // The half keeps what is a whole number of units from falling short of it.
    const units = ((nanoseconds + 0.5) * this.#unitsPerNs) | 0;
    // Two calls, as the one that is inlined then has a constant in place of a test at each store.
    if (this.#bigEndian) this.#putHeader(at, seconds, units, length, wireLength, false);
    else this.#putHeader(at, seconds, units, length, wireLength, true);
    this.copy(view, start, end, at + HEADER);
    this.at = at + HEADER + length;
    return this.isReady;
  }

  #putHeader(
    at: number,
    seconds: number,
    units: number,
    length: number,
    wireLength: number,
    littleEndian: boolean,
  ): void {
    // Says to V8 that no sum of it overflows.
    const base = (at << 2) >>> 2;
    const out = this.view;
    out.setUint32(base, seconds, littleEndian);
    out.setUint32(base + 4, units, littleEndian);
    out.setUint32(base + 8, length, littleEndian);
    out.setUint32(base + 12, wireLength, littleEndian);
  }

  writePacket(packet: PcapPacketInit): boolean {
    const { data, seconds, nanoseconds, wireLength } = packet;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    return this.write(view, 0, data.length, seconds, nanoseconds, wireLength);
  }

  #refuseTime(seconds: number): never {
    return this.refuse("ERR_CAPTURE_TIME_RANGE", `seconds are ${seconds}, pcap holds 0 to ${2 ** 32 - 1}`);
  }
}
