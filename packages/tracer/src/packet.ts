/**
 * A captured packet as a plain value, the same for pcap and pcapng, and the bits of pcapng's flags word
 * (draft-ietf-opsawg-pcapng §4.3.1).
 */
import type { CaptureInterface } from "./capture-interface.ts";
import type { CustomOption, Integer64, PacketHash, PacketOptions, Verdict } from "./pcapng-options.ts";

/** Whether the interface received or sent the packet. */
export type Direction = "in" | "out";

/** All properties are there in every packet, in this order. */
export interface Packet {
  /** Counts from 1, as packet lists do. */
  readonly number: number;
  /** Byte offset of its record in the file, after decompression. */
  readonly offset: number;
  /** Index of the interface across the whole file. */
  readonly interfaceId: number;
  readonly interface: CaptureInterface;
  /** False for pcapng's simple packets, which have no time; seconds and nanoseconds are 0 then. */
  readonly hasTime: boolean;
  /** Since 1970-01-01 00:00:00 UTC; negative before. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
  /** Bytes that are there. */
  readonly capturedLength: number;
  /** Bytes that the packet had on the wire. */
  readonly wireLength: number;
  /** The captured bytes. */
  readonly data: Uint8Array;
  /** The memory that `data` is in: [start, end) of `view`. */
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  readonly direction: Direction | undefined;
  /** The whole flags word, 0 if there is none. */
  readonly flags: number;
  /** The same for all packets of a file that are one packet seen in several places. */
  readonly packetId: Integer64 | undefined;
  /** Packets lost between this one and its interface's last. */
  readonly dropCount: Integer64 | undefined;
  readonly queue: number | undefined;
  readonly verdicts: readonly Verdict[];
  readonly hashes: readonly PacketHash[];
  readonly comments: readonly string[];
  readonly custom: readonly CustomOption[];
  /** All options, those above included; undefined if the record has none. */
  readonly options: PacketOptions | undefined;
}

/** A packet that has no options has these. */
export const NONE: readonly never[] = Object.freeze([]);

/** Fields of the flags word: how far to shift right, and how many bits there are then. */
export const PacketFlags = {
  direction: { shift: 0, bits: 2 },
  /** 0 unknown, 1 unicast, 2 multicast, 3 broadcast, 4 promiscuous. */
  reception: { shift: 2, bits: 3 },
  /** Bytes; 0 says unknown. */
  fcsLength: { shift: 5, bits: 4 },
  /** Checksums were left to the network card. */
  checksumNotReady: { shift: 9, bits: 1 },
  checksumValid: { shift: 10, bits: 1 },
  /** Several packets of the wire in one, or one that is still to be cut. */
  segmentationOffloaded: { shift: 11, bits: 1 },
  /** Of the link layer: bit 8 CRC, 9 too long, 10 too short, 11 gap, 12 unaligned, 13 delimiter, 14 preamble, 15 symbol. */
  linkErrors: { shift: 16, bits: 16 },
} as const;

/** One field of a flags word. */
export function packetFlag(flags: number, field: keyof typeof PacketFlags): number {
  const { shift, bits } = PacketFlags[field];
  return (flags >>> shift) & (2 ** bits - 1);
}

/** Direction bits: 1 in, 2 out; 0 and 3 say nothing. */
export function directionOf(flags: number): Direction | undefined {
  const bits = flags & 3;
  if (bits === 1) return "in";
  return bits === 2 ? "out" : undefined;
}

/** A flags word that says only the direction. */
export function flagsOf(direction: Direction | undefined): number {
  if (direction === undefined) return 0;
  return direction === "in" ? 1 : 2;
}
