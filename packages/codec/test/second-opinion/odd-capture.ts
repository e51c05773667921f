/** Writes pcapng by hand, so that reading the file is no test of our writer by itself. */
import { SmartBuffer } from "smart-buffer";
import type { OddPacket } from "./odd-packet.ts";

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const COMMENT = 1;
const INTERFACE_NAME = 2;

/** One section, an interface per link type, times one millisecond apart, each packet's name as its comment. */
export function pcapng(packets: readonly OddPacket[]): Uint8Array {
  const out = new SmartBuffer();
  const section = new SmartBuffer().writeUInt32LE(0x1a2b3c4d).writeUInt16LE(1).writeUInt16LE(0);
  writeBlock(out, SECTION, section.writeUInt32LE(0xffffffff).writeUInt32LE(0xffffffff));
  const linkTypes = [...new Set(packets.map((packet) => packet.linkType))];
  for (const linkType of linkTypes) {
    const body = new SmartBuffer().writeUInt16LE(linkType).writeUInt16LE(0).writeUInt32LE(0);
    writeBlock(out, INTERFACE, writeOption(body, INTERFACE_NAME, `link type ${linkType}`));
  }
  for (const [index, { linkType, bytes, name }] of packets.entries()) {
    const body = new SmartBuffer().writeUInt32LE(linkTypes.indexOf(linkType)).writeUInt32LE(0);
    body
      .writeUInt32LE(1000 * (index + 1))
      .writeUInt32LE(bytes.length)
      .writeUInt32LE(bytes.length);
    writeBlock(out, ENHANCED_PACKET, writeOption(writeAligned(body, Buffer.from(bytes)), COMMENT, name));
  }
  return Uint8Array.from(out.toBuffer());
}

function writeBlock(out: SmartBuffer, type: number, body: SmartBuffer): void {
  const bytes = body.toBuffer();
  const length = bytes.length + 12;
  out.writeUInt32LE(type).writeUInt32LE(length).writeBuffer(bytes).writeUInt32LE(length);
}

/** A text option, and the end of options. */
function writeOption(body: SmartBuffer, code: number, text: string): SmartBuffer {
  const bytes = Buffer.from(text);
  return writeAligned(body.writeUInt16LE(code).writeUInt16LE(bytes.length), bytes).writeUInt32LE(0);
}

function writeAligned(body: SmartBuffer, bytes: Buffer): SmartBuffer {
  return body.writeBuffer(bytes).writeBuffer(Buffer.alloc(-bytes.length & 3));
}
