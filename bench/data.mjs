// The captures that the cases read: made once with a fixed seed, kept in bench/.cache. Classic pcap, little-endian,
// microseconds, Ethernet, every checksum right, outer UDP checksum 0:
//   mix.pcap    VXLAN with inner frames of 64, 576 and 1400 bytes (7:4:1), of ICMP echo, UDP and TCP in equal parts
//   small.pcap  VXLAN with an ICMP echo inside, 114 bytes each
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** The captures' directory for `count` frames each; makes what is missing. */
export function ensureData(cache, count) {
  const directory = join(cache, `data-${count}`);
  if (!existsSync(join(directory, "small.pcap"))) {
    mkdirSync(directory, { recursive: true });
    for (const name of ["mix", "small"]) {
      const path = join(directory, `${name}.pcap`);
      write(`${path}.part`, count, name === "small");
      renameSync(`${path}.part`, path);
    }
  }
  return directory;
}

/** One capture in memory: all bytes, and where each frame is. `place` gives the memory for a number of bytes. */
export function load(path, place = (length) => new DataView(new ArrayBuffer(length)), most = Number.POSITIVE_INFINITY) {
  const file = readFileSync(path);
  let count = 0;
  for (let at = 24; at + 16 <= file.length && count < most; at += 16 + file.readUInt32LE(at + 8)) count++;
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let at = 24;
  for (let index = 0; index < count; index++) {
    starts[index] = at + 16;
    ends[index] = at + 16 + file.readUInt32LE(at + 8);
    at = ends[index];
  }
  const view = place(at);
  new Uint8Array(view.buffer, view.byteOffset).set(file.subarray(0, at));
  const bytes = ends.reduce((sum, end, index) => sum + end - starts[index], 0);
  return { view, starts, ends, count, averageLength: bytes / count };
}

function write(path, count, isSmall) {
  const random = generator(0x2545f491);
  const noise = new Uint8Array(65536);
  for (let at = 0; at < noise.length; at++) noise[at] = random();
  const chunk = Buffer.alloc(1 << 20);
  const header = [0xa1b2c3d4, 2 | (4 << 16), 0, 0, 262144, 1];
  let fill = 0;
  for (const word of header) fill = chunk.writeUInt32LE(word, fill);
  const descriptor = openSync(path, "w");
  for (let index = 0; index < count; index++) {
    if (fill + 16 + 1450 > chunk.length) {
      writeSync(descriptor, chunk, 0, fill);
      fill = 0;
    }
    const choice = random() % 12;
    const length = isSmall || choice < 7 ? 64 : choice < 11 ? 576 : 1400;
    const start = fill + 16;
    writeInner(chunk, start + 50, length, isSmall ? 0 : random() % 3, index, random, noise);
    writeOuter(chunk, start, length, index, random);
    chunk.writeUInt32LE(1_700_000_000 + Math.floor(index / 100_000), fill);
    chunk.writeUInt32LE((index % 100_000) * 10, fill + 4);
    chunk.writeUInt32LE(length + 50, fill + 8);
    chunk.writeUInt32LE(length + 50, fill + 12);
    fill = start + 50 + length;
  }
  writeSync(descriptor, chunk, 0, fill);
  closeSync(descriptor);
}

/** xorshift32 (Marsaglia 2003), upper bits. */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 1;
  };
}

/** `kind` 0: ICMP echo, 1: UDP, 2: TCP. */
function writeInner(chunk, at, length, kind, index, random, noise) {
  const from = random() & 63;
  const to = random() & 63;
  writeEthernet(chunk, at, 0x0242, 0x0a000000 | to, 0x0242, 0x0a000000 | from);
  const protocol = [1, 17, 6][kind];
  writeIpv4(chunk, at + 14, length - 14, index, 0x4000, protocol, 0x0a000100 + from, 0x0a000200 + to);
  const transport = at + 34;
  const room = length - 34;
  const skip = random() & 0x3fff;
  chunk.set(noise.subarray(skip, skip + room), transport);
  if (kind === 0) {
    chunk.writeUInt32BE(0x08000000, transport);
    chunk.writeUInt16BE(index & 0xffff, transport + 6);
    chunk.writeUInt16BE(~sum(chunk, transport, transport + room, 0) & 0xffff, transport + 2);
    return;
  }
  const pseudo = protocol + room + sum(chunk, at + 26, at + 34, 0);
  chunk.writeUInt16BE(50_000 + (random() % 8000), transport);
  chunk.writeUInt16BE(kind === 1 ? 40_053 : 40_443, transport + 2);
  const checksumAt = transport + (kind === 1 ? 6 : 16);
  if (kind === 1) chunk.writeUInt16BE(room, transport + 4);
  else chunk.writeUInt16BE(0x5018, transport + 12);
  chunk.writeUInt16BE(0, checksumAt);
  const checksum = ~sum(chunk, transport, transport + room, pseudo) & 0xffff;
  chunk.writeUInt16BE(checksum === 0 ? 0xffff : checksum, checksumAt);
}

function writeOuter(chunk, at, length, index, random) {
  const from = random() & 7;
  const to = (from + 1 + (random() % 7)) & 7;
  writeEthernet(chunk, at, 0x5254, 0x00120000 | to, 0x5254, 0x00120000 | from);
  writeIpv4(chunk, at + 14, length + 36, index, 0, 17, 0xc0a80a01 + from, 0xc0a80a01 + to);
  chunk.writeUInt16BE(49_152 | (random() & 0x3fff), at + 34);
  chunk.writeUInt16BE(4789, at + 36);
  chunk.writeUInt32BE((length + 16) * 0x10000, at + 38);
  chunk.writeUInt32BE(0x08000000, at + 42);
  chunk.writeUInt32BE(4097 << 8, at + 46);
}

function writeEthernet(chunk, at, dstHigh, dstLow, srcHigh, srcLow) {
  chunk.writeUInt16BE(dstHigh, at);
  chunk.writeUInt32BE(dstLow, at + 2);
  chunk.writeUInt16BE(srcHigh, at + 6);
  chunk.writeUInt32BE(srcLow, at + 8);
  chunk.writeUInt16BE(0x0800, at + 12);
}

function writeIpv4(chunk, at, length, index, flags, protocol, src, dst) {
  chunk.writeUInt16BE(0x4500, at);
  chunk.writeUInt16BE(length, at + 2);
  chunk.writeUInt16BE(index & 0xffff, at + 4);
  chunk.writeUInt16BE(flags, at + 6);
  chunk.writeUInt16BE((64 << 8) | protocol, at + 8);
  chunk.writeUInt16BE(0, at + 10);
  chunk.writeUInt32BE(src >>> 0, at + 12);
  chunk.writeUInt32BE(dst >>> 0, at + 16);
  chunk.writeUInt16BE(~sum(chunk, at, at + 20, 0) & 0xffff, at + 10);
}

/** The textbook sum: independent of the library. */
function sum(bytes, at, end, initial) {
  let total = initial;
  let from = at;
  for (; from + 1 < end; from += 2) total += (bytes[from] << 8) | bytes[from + 1];
  if (from < end) total += bytes[from] << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}
