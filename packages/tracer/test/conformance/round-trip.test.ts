/** Every recording, read, written and read again: nothing is lost, and where the format allows it no byte differs. */
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { CAPTURES, captureBytes } from "../../../codec/test/conformance/captures.ts";
import { LinkType } from "../../../codec/src/code-points.ts";
import { PcapReader } from "../../src/pcap-reader.ts";
import { PcapWriter } from "../../src/pcap-writer.ts";
import { decodeBlock, type RawBlock } from "../../src/pcapng-blocks.ts";
import { PcapngWriter } from "../../src/pcapng-writer.ts";
import { type CaptureReader, openCaptureSync } from "../../src/reader.ts";
import { Kept } from "../captures.ts";

const PCAP = CAPTURES.filter((name) => name.endsWith(".pcap"));
const PCAPNG = CAPTURES.filter((name) => name.endsWith(".pcapng"));

/** The blocks of a little-endian file, found by their lengths alone. */
function* rawBlocks(bytes: Uint8Array): Generator<RawBlock> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset < bytes.length; ) {
    const length = view.getUint32(offset + 4, true);
    yield {
      type: view.getUint32(offset, true),
      littleEndian: true,
      offset,
      bytes: bytes.subarray(offset, offset + length),
    };
    offset += length;
  }
}

/** What a packet says of itself, but for where it stands in the file. */
function factsOf(reader: CaptureReader): object {
  const { number, seconds, nanoseconds, wireLength, data, direction, flags, options } = reader.packet();
  const { name, linkType, snapLength, description } = reader.interface;
  return {
    number,
    seconds,
    nanoseconds,
    wireLength,
    data,
    direction,
    flags,
    options,
    name,
    linkType,
    snapLength,
    description,
  };
}

/** Numbers of the packets that are not the same in both files. */
function differences(actual: Uint8Array, expected: Uint8Array): number[] {
  const ours = openCaptureSync(actual);
  const theirs = openCaptureSync(expected);
  const wrong: number[] = [];
  while (theirs.next()) {
    if (!ours.next() || !isDeepStrictEqual(factsOf(ours), factsOf(theirs))) wrong.push(theirs.number);
  }
  expect(ours.next()).toBe(false);
  expect(theirs.number).toBeGreaterThan(0);
  return wrong;
}

/** The lab's own sniffer writes the flags of a packet before its comment; we write options by ascending code. */
const OTHER_ORDER = /^(?:docker-28\/)?s\d/;

describe("pcapng, block by block", () => {
  it.each(PCAPNG)("%s: raw blocks go out as they came", (name) => {
    const original = captureBytes(name);
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    for (const raw of rawBlocks(original)) writer.writeBlock(raw);
    writer.closeSync();
    expect(isDeepStrictEqual(kept.bytes, original)).toBe(true);
  });

  it.each(PCAPNG)("%s: decoded blocks go out as the same", (name) => {
    const original = captureBytes(name);
    const kept = new Kept();
    const writer = new PcapngWriter(kept);
    for (const raw of rawBlocks(original)) writer.writeBlock(decodeBlock(raw)!);
    writer.closeSync();
    if (!OTHER_ORDER.test(name)) expect(isDeepStrictEqual(kept.bytes, original)).toBe(true);
    const written = rawBlocks(kept.bytes);
    const wrong: number[] = [];
    for (const raw of rawBlocks(original)) {
      const copy = written.next().value!;
      const isSame = copy.offset === raw.offset && isDeepStrictEqual(decodeBlock(copy), decodeBlock(raw));
      if (!isSame || copy.bytes.length !== raw.bytes.length) wrong.push(raw.offset);
    }
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(written.next().done).toBe(true);
  });
});

describe("pcapng, packet by packet", () => {
  it.each(PCAPNG)("%s", (name) => {
    const original = captureBytes(name);
    const kept = new Kept();
    const reader = openCaptureSync(original);
    const writer = new PcapngWriter(kept, { ...reader.sections[0]!.options, littleEndian: false });
    let written = 0;
    while (reader.next()) {
      for (; written < reader.interfaces.length; written++) {
        const { linkType, snapLength, options } = reader.interfaces[written]!;
        writer.addInterface({ linkType, snapLength, ...options });
      }
      writer.writePacket(reader.packet());
    }
    writer.closeSync();
    expect(differences(kept.bytes, original).slice(0, 10)).toEqual([]);
  });
});

describe("pcap", () => {
  it.each(PCAP)("%s is the same bytes", (name) => {
    const original = captureBytes(name);
    const reader = openCaptureSync(original);
    if (!(reader instanceof PcapReader)) throw new TypeError(`${name} is no pcap`);
    const kept = new Kept();
    const writer = new PcapWriter(kept, reader.header);
    while (reader.next()) {
      writer.write(reader.view, reader.start, reader.end, reader.seconds, reader.nanoseconds, reader.wireLength);
    }
    writer.closeSync();
    expect(isDeepStrictEqual(kept.bytes, original)).toBe(true);
  });

  const ONE_LINK_TYPE = PCAPNG.filter((name) => name !== "odd-packets.pcapng");
  it.each(ONE_LINK_TYPE)("holds the times and bytes of %s, big-endian", (name) => {
    const kept = new Kept();
    const writer = new PcapWriter(kept, { littleEndian: false, linkType: LinkType.ethernet });
    const reader = openCaptureSync(captureBytes(name));
    while (reader.next()) {
      writer.write(reader.view, reader.start, reader.end, reader.seconds, reader.nanoseconds, reader.wireLength);
    }
    writer.closeSync();
    const copy = openCaptureSync(kept.bytes);
    const original = openCaptureSync(captureBytes(name));
    const wrong: number[] = [];
    while (original.next()) {
      if (!copy.next()) break;
      const isSame =
        copy.seconds === original.seconds &&
        copy.nanoseconds === original.nanoseconds &&
        copy.wireLength === original.wireLength &&
        Buffer.from(copy.packet().data).equals(original.packet().data);
      if (!isSame) wrong.push(original.number);
    }
    expect(wrong).toEqual([]);
    expect(copy.number).toBe(original.number);
    expect(copy.next()).toBe(false);
  });
});
