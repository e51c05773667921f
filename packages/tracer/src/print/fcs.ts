/**
 * The frame check sequence behind a frame, where the file says that there is one: a pcap file in its link type word, a
 * pcapng file for an interface (if_fcslen) or a packet (epb_flags). Ethernet's is verified: CRC-32, the first byte on
 * the wire the least significant (IEEE 802.3 §3.2.9).
 *
 * Not covered: those of other link types, which are named only; any other length than four bytes for Ethernet, which is
 * not believed.
 */
import type { PrintedFrame } from "./printed.ts";

export interface FrameCheck {
  /** Bytes [start, end) from the start of the frame. */
  readonly start: number;
  readonly end: number;
  readonly checksum: "valid" | "invalid" | "notVerified";
}

const ETHERNET = 1;
const CRC_LENGTH = 4;

/** Bytes of frame check sequence at the end of the captured bytes; 0 if there is none or the capture has cut it. */
export function fcsLength(packet: PrintedFrame): number {
  // Bits 5 to 8 of the packet's flags; 0 leaves it to the interface.
  const declared = ((packet.options?.flags ?? 0) >>> 5) & 15 || (packet.interface.fcsLength ?? 0);
  if (declared === 0 || (declared !== CRC_LENGTH && packet.interface.linkType === ETHERNET)) return 0;
  const captured = packet.end - packet.start;
  return captured < packet.wireLength || captured < declared ? 0 : declared;
}

/** Undefined if the frame has none. */
export function frameCheck(packet: PrintedFrame): FrameCheck | undefined {
  const length = fcsLength(packet);
  if (length === 0) return undefined;
  const end = packet.end - packet.start;
  const isEthernet = packet.interface.linkType === ETHERNET;
  const checksum = isEthernet ? (crcOf(packet) === crcIn(packet) ? "valid" : "invalid") : "notVerified";
  return { start: end - length, end, checksum };
}

/** In Wireshark's form, bytes in the order of the wire: `0x01020304, incorrect, should be 0x5ae17ea2`. */
export function frameCheckText(packet: PrintedFrame, { checksum, start, end }: FrameCheck): string {
  if (checksum === "notVerified") return `${end - start} bytes, not verified`;
  const words = checksum === "valid" ? "correct" : `incorrect, should be ${hex(crcOf(packet))}`;
  return `${hex(crcIn(packet))}, ${words}`;
}

function hex(crc: number): string {
  const bytes = new DataView(new ArrayBuffer(CRC_LENGTH));
  bytes.setUint32(0, crc, true);
  return `0x${bytes.getUint32(0).toString(16).padStart(8, "0")}`;
}

/** What the frame has. */
function crcIn({ view, end }: PrintedFrame): number {
  return view.getUint32(end - CRC_LENGTH, true);
}

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb88320;
  return value | 0;
});

/** What it should have. */
function crcOf({ view, start, end }: PrintedFrame): number {
  let value = -1;
  for (let at = start; at < end - CRC_LENGTH; at++) value = TABLE[(value ^ view.getUint8(at)) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}
