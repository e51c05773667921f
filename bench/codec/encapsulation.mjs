// Fifty bytes put in front of a frame, and taken off: 256 frames in an arena, one after the other.
import { join } from "node:path";
import { createSimdChecksum } from "@hopscope/codec/checksum-simd";
import { decapsulate, encapsulate, VxlanTunnel } from "@hopscope/codec/encapsulation";
import { FrameArena } from "@hopscope/codec/frame";
import { load } from "../data.mjs";

const SLOTS = 256;
const PACKETS = 1024;

/** An arena whose slots hold inner frames of `length` bytes, and a tunnel. */
function prepare(dataDirectory, length, udpChecksum, isSimd) {
  const simd = isSimd ? createSimdChecksum(SLOTS * 2048) : undefined;
  const arena = new FrameArena({ slots: SLOTS, ...(simd === undefined ? {} : { view: simd.view }) });
  const { view, starts, ends, count } = load(join(dataDirectory, "mix.pcap"), undefined, 50_000);
  for (let index = 0; index < count && arena.available > 0; index++) {
    if (ends[index] - starts[index] !== length + 50) continue;
    arena.place(new Uint8Array(view.buffer, starts[index] + 50, length));
  }
  // In slot order, as the frames were placed.
  const tunnel = new VxlanTunnel({
    srcMac: 0x525400120002,
    dstMac: 0x525400120001,
    srcIp: 0xc0a80a01,
    dstIp: 0xc0a80a02,
    vni: 4097,
    udpChecksum,
    ...(simd === undefined ? {} : { summer: simd }),
  });
  return { arena, tunnel, simd };
}

function encapsulateCase(length, udpChecksum, isSimd) {
  return ({ dataDirectory }) => {
    const { arena, tunnel } = prepare(dataDirectory, length, udpChecksum, isSimd);
    const run = () => {
      const { view, starts, ends } = arena;
      let sum = 0;
      for (let index = 0; index < PACKETS; index++) {
        const slot = index & (SLOTS - 1);
        const at = encapsulate(tunnel, view, starts[slot], ends[slot], index);
        sum =
          (sum +
            view.getUint16(at + 24) +
            view.getUint16(at + 34) +
            view.getUint16(at + 38) +
            view.getUint16(at + 40)) |
          0;
      }
      return sum;
    };
    return { run, items: PACKETS, averageLength: length + 50 };
  };
}

function decapsulateCase(length, udpChecksum, isSimd) {
  return ({ dataDirectory }) => {
    const { arena, tunnel, simd } = prepare(dataDirectory, length, udpChecksum, isSimd);
    const { view, starts, ends } = arena;
    for (let slot = 0; slot < SLOTS; slot++) {
      starts[slot] = encapsulate(tunnel, view, starts[slot], ends[slot], 768 + slot);
    }
    const run = () => {
      let sum = 0;
      for (let index = 0; index < PACKETS; index++) {
        const slot = index & (SLOTS - 1);
        const at = decapsulate(view, starts[slot], ends[slot], 4789, 3, simd);
        sum = (sum + view.getUint16(at + 4) + view.getInt32(at - 4)) | 0;
      }
      return sum;
    };
    return { run, items: PACKETS, averageLength: length + 50 };
  };
}

export const cases = {
  "encapsulate-64": encapsulateCase(64, "zero", false),
  "encapsulate-1400": encapsulateCase(1400, "zero", false),
  "encapsulate-udp-64": encapsulateCase(64, "compute", true),
  "encapsulate-udp-1400": encapsulateCase(1400, "compute", true),
  "encapsulate-udp-1400-plain": encapsulateCase(1400, "compute", false),
  "decapsulate-64": decapsulateCase(64, "zero", false),
  "decapsulate-1400": decapsulateCase(1400, "zero", false),
  "decapsulate-udp-1400": decapsulateCase(1400, "compute", true),
};
