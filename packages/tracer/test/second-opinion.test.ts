/** pcap-parser is somebody else's reader of microsecond pcap files: it must see in ours what ours sees. */
import { createRequire } from "node:module";
import type * as PcapParser from "pcap-parser";
import { describe, expect, it } from "vitest";
import { PcapWriter } from "../src/pcap-writer.ts";
import { counting, dripping, hexOf, Kept, randomOf, readSync } from "./captures.ts";

const { parse } = createRequire(import.meta.url)("pcap-parser") as typeof PcapParser;

interface Told {
  readonly header: PcapParser.PcapParserHeader;
  readonly packets: PcapParser.PcapParserPacket[];
}

/** Everything that pcap-parser tells of a file. */
function parsed(bytes: Uint8Array, step: number): Promise<Told> {
  return new Promise((resolve, reject) => {
    const packets: PcapParser.PcapParserPacket[] = [];
    let header: PcapParser.PcapParserHeader | undefined;
    parse(dripping(Buffer.from(bytes), step))
      .on("globalHeader", (told) => {
        header = told;
      })
      .on("packet", (packet) => packets.push(packet))
      .on("error", reject)
      .on("end", () => resolve({ header: header!, packets }));
  });
}

describe("pcap-parser", () => {
  for (const littleEndian of [true, false]) {
    it(`sees the packets and times of our ${littleEndian ? "little" : "big"}-endian microsecond files`, async () => {
      const random = randomOf(littleEndian ? 1 : 2);
      const kept = new Kept();
      const writer = new PcapWriter(kept, { littleEndian, resolution: "microseconds", linkType: 113, snapLength: 200 });
      for (let at = 0; at < 200; at++) {
        writer.writePacket({
          data: counting(Math.floor(random() * 200), at),
          seconds: Math.floor(random() * 2 ** 32),
          nanoseconds: Math.floor(random() * 1e9),
          wireLength: 200 + at,
        });
      }
      writer.closeSync();
      const ours = readSync(kept.bytes).packets.map((packet) => ({
        seconds: packet.seconds,
        microseconds: packet.nanoseconds / 1000,
        capturedLength: packet.capturedLength,
        wireLength: packet.wireLength,
        data: hexOf(packet.data),
      }));
      for (const step of [97, 1e6]) {
        const theirs = await parsed(kept.bytes, step);
        expect(theirs.header).toMatchObject({ snapshotLength: 200, linkLayerType: 113 });
        expect(
          theirs.packets.map(({ header, data }) => ({
            seconds: header.timestampSeconds,
            microseconds: header.timestampMicroseconds,
            capturedLength: header.capturedLength,
            wireLength: header.originalLength,
            data: hexOf(data),
          })),
        ).toEqual(ours);
      }
      expect(ours).toHaveLength(200);
    });
  }
});
