/** What a capture file says about itself: its sections and the interfaces its packets were seen on. */
import type { InterfaceOptions, SectionOptions } from "./pcapng-options.ts";

/** A part of a pcapng file with its own byte order and interfaces. A pcap file is one section. */
export interface CaptureSection {
  /** Counts from 0. */
  readonly index: number;
  /** Byte offset of its header in the file, after decompression. */
  readonly offset: number;
  readonly littleEndian: boolean;
  readonly versionMajor: number;
  readonly versionMinor: number;
  /** Hardware, operating system, application, comments. Empty for pcap. */
  readonly options: SectionOptions;
  /** Interfaces in the order of their numbers in this section; grows while the file is read. */
  readonly interfaces: readonly CaptureInterface[];
}

/** Where an interface stands and what its fixed fields say. */
export interface InterfacePlace {
  /** Counts from 0 across all sections; the `interfaceId` of packets. */
  readonly index: number;
  /** Index of its section. */
  readonly section: number;
  /** Its number within the section, which is what the file's blocks call it. */
  readonly idInSection: number;
  /** Number of the tcpdump.org registry. */
  readonly linkType: number;
  /** Longest packet that was captured whole, in bytes; 0 says without limit. */
  readonly snapLength: number;
  /** Bytes of frame check sequence at the end of each packet; undefined if the file does not say. */
  readonly fcsLength: number | undefined;
  /** if_tsresol: 6 is microseconds, 9 nanoseconds, 128 + n is 2^-n seconds. */
  readonly timestampResolution: number;
  /** if_tsoffset: seconds that are added to every time in the file. The times of packets have it already. */
  readonly timestampOffset: number;
}

export interface CaptureInterface extends InterfacePlace {
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly hardware: string | undefined;
  readonly os: string | undefined;
  /** The capture filter if it is text; byte code is in `options`. */
  readonly filter: string | undefined;
  readonly comments: readonly string[];
  /** All options, those above included. Empty for pcap. */
  readonly options: InterfaceOptions;
}

const NO_COMMENTS: readonly string[] = Object.freeze([]);

/** Completes an interface with what its options say. All have their properties in this order. */
export function captureInterface(place: InterfacePlace, options: InterfaceOptions): CaptureInterface {
  return {
    index: place.index,
    section: place.section,
    idInSection: place.idInSection,
    linkType: place.linkType,
    snapLength: place.snapLength,
    fcsLength: place.fcsLength,
    timestampResolution: place.timestampResolution,
    timestampOffset: place.timestampOffset,
    name: options.name,
    description: options.description,
    hardware: options.hardware,
    os: options.os,
    filter: typeof options.filter?.value === "string" ? options.filter.value : undefined,
    comments: options.comments ?? NO_COMMENTS,
    options,
  };
}
