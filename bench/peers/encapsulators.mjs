// Fifty bytes in front of a frame by other means. Each setup answers a function that encapsulates frame `index` and
// gives a sum of what it wrote. The source port is the same for all packets here: the packages have no flow hash.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

const HEADERS = Buffer.from(
  "5254001200015254001200020800450000000000000040110000c0a80a01c0a80a02c00012b5000000000800000000100100",
  "hex",
);

function headerChecksum(bytes, at) {
  let sum = 0;
  for (let offset = 0; offset < 20; offset += 2) sum += bytes.readUInt16BE(at + offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A new Buffer, the headers and the frame copied into it: what most code does. */
export function newBuffer({ view, starts, ends }) {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return (index) => {
    const start = starts[index] + 50;
    const length = ends[index] - start;
    const out = Buffer.allocUnsafe(length + 50);
    HEADERS.copy(out, 0);
    bytes.copy(out, 50, start, ends[index]);
    out.writeUInt16BE(length + 36, 16);
    out.writeUInt16BE(index & 0xffff, 18);
    out.writeUInt16BE(headerChecksum(out, 14), 24);
    out.writeUInt16BE(length + 16, 38);
    return out.readUInt16BE(24) + out.readUInt16BE(38);
  };
}

export function smartBuffer({ view, starts, ends }) {
  const { SmartBuffer } = require("smart-buffer");
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const ip = Buffer.alloc(20);
  return (index) => {
    const start = starts[index] + 50;
    const length = ends[index] - start;
    HEADERS.copy(ip, 0, 14, 34);
    ip.writeUInt16BE(length + 36, 2);
    ip.writeUInt16BE(index & 0xffff, 4);
    const checksum = headerChecksum(ip, 0);
    const writer = SmartBuffer.fromSize(length + 50);
    writer.writeUInt16BE(0x5254).writeUInt32BE(0x00120001).writeUInt16BE(0x5254).writeUInt32BE(0x00120002);
    writer
      .writeUInt16BE(0x0800)
      .writeUInt16BE(0x4500)
      .writeUInt16BE(length + 36)
      .writeUInt16BE(index & 0xffff);
    writer.writeUInt16BE(0).writeUInt8(64).writeUInt8(17).writeUInt16BE(checksum);
    writer.writeUInt32BE(0xc0a80a01).writeUInt32BE(0xc0a80a02).writeUInt16BE(0xc000).writeUInt16BE(4789);
    writer
      .writeUInt16BE(length + 16)
      .writeUInt16BE(0)
      .writeUInt32BE(0x08000000)
      .writeUInt32BE(4097 << 8);
    writer.writeBuffer(bytes.subarray(start, ends[index]));
    const out = writer.toBuffer();
    return out.readUInt16BE(24) + out.readUInt16BE(38);
  };
}
