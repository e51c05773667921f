// Decoding VXLAN: every length, version, fragment and flag check, then the sum of twelve fields.
import { join } from "node:path";
import * as ethernet from "@hopscope/codec/ethernet";
import { createSimdChecksum } from "@hopscope/codec/checksum-simd";
import { dissect } from "@hopscope/codec/dissect";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { LayerKind, Layers } from "@hopscope/codec/layers";
import * as udp from "@hopscope/codec/udp";
import * as vxlan from "@hopscope/codec/vxlan";
import { InnerKind, VxlanPacket } from "@hopscope/codec/vxlan-packet";
import { load } from "../data.mjs";

/** So many frames stay in the processor's cache: 0.4 MB. */
const HOT = 1024;

// An import is read from its cell each time; a constant of this module is not.
const ICMP = InnerKind.icmp;

/** Of 32 bits at every step, as C adds. */
function fieldSum(packet) {
  let sum = packet.srcIp;
  sum = (sum + packet.dstIp) | 0;
  sum = (sum + packet.innerDstMacLow) | 0;
  sum = (sum + packet.innerSrcMacLow) | 0;
  sum = (sum + packet.innerSrcIp) | 0;
  sum = (sum + packet.innerDstIp) | 0;
  sum = (sum + (packet.innerDstMacHigh + packet.innerSrcMacHigh)) | 0;
  sum = (sum + (packet.vni + packet.totalLength)) | 0;
  sum = (sum + (packet.innerTotalLength + packet.innerProtocol)) | 0;
  return packet.innerKind === ICMP
    ? (sum + (packet.innerIdentifier + packet.innerSequence)) | 0
    : (sum + (packet.innerSrcPort + packet.innerDstPort)) | 0;
}

function decodeOf({ view, starts, ends, count, averageLength }) {
  const packet = new VxlanPacket(view);
  const run = () => {
    let sum = 0;
    for (let index = 0; index < count; index++) {
      if (packet.wrap(starts[index], ends[index]) !== 0 || packet.innerKind < ICMP) continue;
      sum = (sum + fieldSum(packet)) | 0;
    }
    return sum;
  };
  return { run, items: count, averageLength };
}

function verifyOf({ view, starts, ends, count, averageLength }, simd) {
  const packet = new VxlanPacket(view);
  const run = () => {
    let sum = 0;
    for (let index = 0; index < count; index++) {
      if (packet.wrap(starts[index], ends[index]) !== 0 || packet.innerKind < ICMP) continue;
      const good = packet.verifyChecksums(simd) === 0 ? 1 : 0;
      sum = (sum + fieldSum(packet) + good) | 0;
    }
    return sum;
  };
  return { run, items: count, averageLength };
}

/** Frames in the memory of a SIMD kernel. */
function loadSimd(path) {
  let simd;
  const place = (length) => {
    simd = createSimdChecksum(length);
    return simd.view;
  };
  const frames = load(path, place, HOT);
  return { frames, simd };
}

function fillOuterChecksums({ view, starts }) {
  for (const start of starts) {
    const ip = start + 14;
    const at = ip + 20;
    const halves = [12, 14, 16, 18].reduce((sum, offset) => sum + view.getUint16(ip + offset), 0);
    const pseudo = halves + 17 + udp.length(view, at);
    udp.fillChecksum(view, at, at + udp.length(view, at), (pseudo & 0xffff) + (pseudo >>> 16));
  }
}

const mix = (directory) => join(directory, "mix.pcap");

export const cases = {
  decode: ({ dataDirectory }) => decodeOf(load(mix(dataDirectory), undefined, HOT)),
  "decode-stream": ({ dataDirectory }) => decodeOf(load(mix(dataDirectory))),
  "verify-plain": ({ dataDirectory }) => verifyOf(load(mix(dataDirectory), undefined, HOT), undefined),
  verify: ({ dataDirectory }) => {
    const { frames, simd } = loadSimd(mix(dataDirectory));
    return verifyOf(frames, simd);
  },
  "verify-udp": ({ dataDirectory }) => {
    const { frames, simd } = loadSimd(mix(dataDirectory));
    fillOuterChecksums(frames);
    return verifyOf(frames, simd);
  },
  dissect: ({ dataDirectory }) => {
    const { view, starts, ends, count, averageLength } = load(mix(dataDirectory), undefined, HOT);
    const layers = new Layers();
    const run = () => {
      let sum = 0;
      for (let index = 0; index < count; index++) {
        dissect(view, starts[index], ends[index], 1, layers);
        if (layers.count < 7 || layers.kind(3) !== LayerKind.vxlan) continue;
        const outer = layers.start(1);
        const inner = layers.start(4);
        const ip = layers.start(5);
        const transport = layers.start(6);
        const ports =
          layers.kind(6) === LayerKind.icmp
            ? icmp.identifier(view, transport) + icmp.sequence(view, transport)
            : udp.srcPort(view, transport) + udp.dstPort(view, transport);
        const outerSum = ipv4.srcIp(view, outer) + ipv4.dstIp(view, outer) + ipv4.totalLength(view, outer);
        const macs =
          ethernet.dstMacHigh(view, inner) +
          ethernet.dstMacLow(view, inner) +
          ethernet.srcMacHigh(view, inner) +
          ethernet.srcMacLow(view, inner);
        const innerSum =
          ipv4.srcIp(view, ip) + ipv4.dstIp(view, ip) + ipv4.protocol(view, ip) + ipv4.totalLength(view, ip);
        sum = (sum + outerSum + vxlan.vni(view, layers.start(3)) + macs + innerSum + ports) | 0;
      }
      return sum;
    };
    return { run, items: count, averageLength };
  },
};
