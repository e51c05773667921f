// The twelve fields of a VXLAN packet by other means: with npm's packages, and by hand as people write it without one.
// Each setup answers a function of a frame's number that gives the sum of the fields, as codec/decode.mjs has it.
// The packages check nothing, so neither do these; the data is well-formed.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Node's own readers, each of which checks its argument. */
export function buffers({ view, starts }) {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return (index) => {
    const outer = starts[index] + 14;
    const inner = starts[index] + 50;
    const ip = inner + 14;
    const transport = ip + ((bytes[ip] & 15) << 2);
    const protocol = bytes[ip + 9];
    const ports = protocol === 1 ? transport + 4 : transport;
    return (
      (bytes.readInt32BE(outer + 12) +
        bytes.readInt32BE(outer + 16) +
        bytes.readUInt16BE(outer + 2) +
        bytes.readUIntBE(inner - 4, 3) +
        bytes.readUInt16BE(inner) +
        bytes.readInt32BE(inner + 2) +
        bytes.readUInt16BE(inner + 6) +
        bytes.readInt32BE(inner + 8) +
        bytes.readInt32BE(ip + 12) +
        bytes.readInt32BE(ip + 16) +
        protocol +
        bytes.readUInt16BE(ports) +
        bytes.readUInt16BE(ports + 2) +
        bytes.readUInt16BE(ip + 2)) |
      0
    );
  };
}

/** One function over a DataView with every check, as fast as we could write it by hand. */
export function dataView({ view, starts, ends }) {
  return (index) => {
    const at = starts[index];
    const end = ends[index];
    if (end - at < 92 || view.getUint16(at + 12) !== 0x0800) return 0;
    const outer = at + 14;
    const total = view.getUint16(outer + 2);
    if (view.getUint8(outer) !== 0x45 || total > end - outer) return 0;
    if ((view.getUint16(outer + 6) & 0x3fff) !== 0 || view.getUint8(outer + 9) !== 17) return 0;
    const length = view.getUint16(at + 38);
    if (view.getUint16(at + 36) !== 4789 || length > total - 20 || (view.getUint8(at + 42) & 8) === 0) return 0;
    const inner = at + 50;
    const ip = at + 64;
    const innerTotal = view.getUint16(ip + 2);
    if (view.getUint16(inner + 12) !== 0x0800 || view.getUint8(ip) !== 0x45 || innerTotal > length - 30) return 0;
    if ((view.getUint16(ip + 6) & 0x3fff) !== 0 || innerTotal < 28) return 0;
    const protocol = view.getUint8(ip + 9);
    let ports = at + 84;
    if (protocol === 1) ports += 4;
    else if (protocol === 17) {
      if (view.getUint16(at + 88) > innerTotal - 20) return 0;
    } else if (protocol !== 6 || innerTotal < 40 || (view.getUint8(at + 96) >> 4) * 4 > innerTotal - 20) return 0;
    return (
      (view.getInt32(outer + 12) +
        view.getInt32(outer + 16) +
        total +
        (view.getInt32(at + 46) >>> 8) +
        view.getUint16(inner) +
        view.getInt32(inner + 2) +
        view.getUint16(inner + 6) +
        view.getInt32(inner + 8) +
        view.getInt32(ip + 12) +
        view.getInt32(ip + 16) +
        protocol +
        view.getUint16(ports) +
        view.getUint16(ports + 2) +
        innerTotal) |
      0
    );
  };
}

export function binaryParser({ view, starts, ends }) {
  const { Parser } = require("binary-parser");
  const ethernet = (prefix) => (parser) =>
    parser
      .uint16(`${prefix}DstHigh`)
      .int32(`${prefix}DstLow`)
      .uint16(`${prefix}SrcHigh`)
      .int32(`${prefix}SrcLow`)
      .uint16(`${prefix}Type`);
  const ipv4 = (prefix) => (parser) =>
    parser
      .bit4(`${prefix}Version`)
      .bit4(`${prefix}Ihl`)
      .uint8(`${prefix}Tos`)
      .uint16(`${prefix}Total`)
      .uint16(`${prefix}Id`)
      .uint16(`${prefix}Flags`)
      .uint8(`${prefix}Ttl`)
      .uint8(`${prefix}Protocol`)
      .uint16(`${prefix}Checksum`)
      .int32(`${prefix}Src`)
      .int32(`${prefix}Dst`);
  const ports = new Parser().endianess("big").uint16("a").uint16("b");
  const echo = new Parser().endianess("big").uint32("head").uint16("a").uint16("b");
  let parser = ethernet("outer")(new Parser().endianess("big"));
  parser = ipv4("ip")(parser);
  parser = parser.uint16("srcPort").uint16("dstPort").uint16("length").uint16("checksum").uint32("flags").uint32("vni");
  parser = ipv4("innerIp")(ethernet("inner")(parser));
  parser = parser.choice("ports", { tag: "innerIpProtocol", choices: { 1: echo, 6: ports, 17: ports } });
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return (index) => {
    const p = parser.parse(bytes.subarray(starts[index], ends[index]));
    return (
      (p.ipSrc +
        p.ipDst +
        p.ipTotal +
        (p.vni >>> 8) +
        p.innerDstHigh +
        p.innerDstLow +
        p.innerSrcHigh +
        p.innerSrcLow +
        p.innerIpSrc +
        p.innerIpDst +
        p.innerIpProtocol +
        p.ports.a +
        p.ports.b +
        p.innerIpTotal) |
      0
    );
  };
}

export function smartBuffer({ view, starts, ends }) {
  const { SmartBuffer } = require("smart-buffer");
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return (index) => {
    const reader = SmartBuffer.fromBuffer(bytes.subarray(starts[index], ends[index]));
    reader.readOffset = 16;
    const total = reader.readUInt16BE();
    reader.readOffset = 26;
    let sum = reader.readInt32BE() + reader.readInt32BE() + total;
    reader.readOffset = 46;
    sum += reader.readUInt32BE() >>> 8;
    sum += reader.readUInt16BE() + reader.readInt32BE() + reader.readUInt16BE() + reader.readInt32BE();
    reader.readOffset = 64;
    const headerLength = (reader.readUInt8() & 15) << 2;
    reader.readOffset = 66;
    sum += reader.readUInt16BE();
    reader.readOffset = 73;
    const protocol = reader.readUInt8();
    reader.readOffset = 76;
    sum += protocol + reader.readInt32BE() + reader.readInt32BE();
    reader.readOffset = 64 + headerLength + (protocol === 1 ? 4 : 0);
    return (sum + reader.readUInt16BE() + reader.readUInt16BE()) | 0;
  };
}
