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
  readonly #littleEndian: boolean;
  readonly #microseconds: boolean;
  readonly #options: PcapWriterOptions;
  #headed = false;

  constructor(output: CaptureOutput, options: PcapWriterOptions = {}) {
    // Before the file is made: a link type that is out of range must not leave an empty one.
    joinLinkType(options.linkType ?? 1, options.fcsLength);
    super(output);
    this.#littleEndian = options.littleEndian ?? true;
    this.#microseconds = options.resolution === "microseconds";
    this.#options = options;
    this.finishHeader();
  }

  protected override finishHeader(): void {
    if (this.#headed) return;
    this.#headed = true;
    const { versionMajor = 2, versionMinor = 4, reserved1 = 0, reserved2 = 0 } = this.#options;
    const { snapLength = MAX_PACKET_LENGTH, linkType = 1, fcsLength } = this.#options;
    const littleEndian = this.#littleEndian;
    const at = this.reserve(FILE_HEADER_LENGTH);
    this.view.setUint32(at, this.#microseconds ? MAGIC_MICROSECONDS : MAGIC_NANOSECONDS, littleEndian);
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
   * Seconds are 0 to 2^32 - 1, nanoseconds 0 to 999,999,999; a file of microseconds cuts them down.
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
    if (!(length >= 0)) throw new RangeError(`packet from ${start} to ${end}, expected an end behind the start`);
    if (seconds >>> 0 !== seconds) this.#refuseTime(seconds);
    const at = this.reserve(RECORD_HEADER_LENGTH + length);
    const out = this.view;
    const littleEndian = this.#littleEndian;
    out.setUint32(at, seconds, littleEndian);
    out.setUint32(at + 4, this.#microseconds ? (nanoseconds / 1000) | 0 : nanoseconds, littleEndian);
    out.setUint32(at + 8, length, littleEndian);
    out.setUint32(at + 12, wireLength, littleEndian);
    this.copy(view, start, end, at + RECORD_HEADER_LENGTH);
    this.at = at + RECORD_HEADER_LENGTH + length;
    return this.isReady;
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
