/**
 * @hopscope/tracer: captures in and out. Every module has a subpath too (`@hopscope/tracer/pcapng-blocks`).
 *
 * Comfortable:
 *
 *     for await (const packet of await openCapture("node-a.pcapng.gz")) console.log(packet.seconds, packet.data);
 *
 * Fast, with nothing allocated for a packet:
 *
 *     const capture = openCaptureSync("node-a.pcap");
 *     while (capture.next()) dissect(capture.view, capture.start, capture.end, capture.interface.linkType, layers);
 *
 * Writing, at once or at the pace of a stream:
 *
 *     const writer = new PcapngWriter("trace.pcapng", { application: "hopscope" });
 *     const id = writer.addInterface({ name: "node-a/br0" });
 *     writer.write(view, start, end, seconds, nanoseconds, wireLength, id, flagsOf("in"));
 *     writer.closeSync();
 *
 *     const piped = new PcapWriter(process.stdout);
 *     if (!piped.writePacket(packet)) await piped.drained();
 *     await piped.close();
 */
export type { CaptureInterface, CaptureSection } from "./capture-interface.ts";
export type { CaptureOutput, Sink, SyncSink } from "./chunk-sink.ts";
export type { CaptureInput, ChunkSource, SyncChunkSource } from "./chunk-source.ts";
export { CaptureError, CaptureErrorCode } from "./error.ts";
export { linkTypeName, MAX_PACKET_LENGTH, maxPacketLength } from "./link-type.ts";
export { type Direction, directionOf, flagsOf, type Packet, packetFlag, PacketFlags } from "./packet.ts";
export { type PcapHeader, PcapReader } from "./pcap-reader.ts";
export { type PcapPacketInit, PcapWriter, type PcapWriterOptions } from "./pcap-writer.ts";
export { type Block, BlockType, decodeBlock, encodeBlock, type RawBlock } from "./pcapng-blocks.ts";
export { type InterfaceOptions, type PacketOptions, type SectionOptions } from "./pcapng-options.ts";
export { PcapngReader } from "./pcapng-reader.ts";
export { type InterfaceInit, type PcapngPacketInit, PcapngWriter, type SectionInit } from "./pcapng-writer.ts";
export { type CaptureReader, openCapture, openCaptureSync, type OpenOptions } from "./reader.ts";
export {
  addNs,
  compareTimestamps,
  deltaNs,
  formatSeconds,
  formatUtc,
  parseSeconds,
  type Timestamp,
} from "./timestamp.ts";
