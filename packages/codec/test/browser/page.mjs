// What a web page might do with a frame: take it apart, put it together, tunnel it, add it up.
import { dissect, layerName, Layers, statusName } from "@hopscope/codec";
import { formatIpv4, formatMac, parseIpv4, parseMac } from "@hopscope/codec/address";
import { checksumStatusName, sum } from "@hopscope/codec/checksum";
import { createSimdChecksum } from "@hopscope/codec/checksum-simd";
import * as dns from "@hopscope/codec/dns";
import { decapsulate, encapsulate, VxlanTunnel } from "@hopscope/codec/encapsulation";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { protocolOf } from "@hopscope/codec/protocols";
import * as udp from "@hopscope/codec/udp";
import { checksumOf } from "@hopscope/codec/verify";
import { VxlanPacket } from "@hopscope/codec/vxlan-packet";

// A ping between two containers of a Docker overlay, as it left the first node's network card.
const PING = `52540077000c52540077000b08004500008678620000 4011e69cc0a84d0bc0a84d0cbd6412b50072d7eb0800000000100100
  02420a00090502420a000903080045000054a2014000400172a00a0009030a0009050800b1bd001900008874bdb4${"00".repeat(52)}`;

const bytes = Uint8Array.from(PING.replaceAll(/\s/g, "").match(/../g), (pair) => Number.parseInt(pair, 16));
const view = new DataView(bytes.buffer);

const layers = new Layers();
const status = statusName(dissect(view, 0, bytes.length, 1, layers));
const lines = Array.from({ length: layers.count }, (_, index) => {
  const [kind, at, end] = [layers.kind(index), layers.start(index), layers.end(index)];
  const state = checksumOf(view, layers, index);
  const checksum = state === undefined ? "" : ` (${checksumStatusName(state)})`;
  return `${layerName(kind)}: ${protocolOf(kind).format(view, at, end)}${checksum}`;
});

const echo = icmp.encode({ kind: "echo", type: 8, code: 0, identifier: 25, sequence: 7 }, new Uint8Array(56));
const [srcIp, dstIp] = [parseIpv4("10.0.9.3"), parseIpv4("10.0.9.5")];
const inner = ethernet.encode(
  { dstMac: parseMac("02:42:0a:00:09:05"), srcMac: parseMac("02:42:0a:00:09:03"), etherType: 0x0800 },
  ipv4.encode({ protocol: 1, srcIp, dstIp }, echo),
);
const simd = createSimdChecksum(4096);
const at = 64;
simd.bytes.set(inner, at);
const end = at + inner.length;
const tunnel = new VxlanTunnel({
  srcMac: parseMac("52:54:00:77:00:0b"),
  dstMac: parseMac("52:54:00:77:00:0c"),
  srcIp: parseIpv4("192.168.77.11"),
  dstIp: parseIpv4("192.168.77.12"),
  vni: 4097,
  summer: simd,
});
const start = encapsulate(tunnel, simd.view, at, end, 1);
const packet = new VxlanPacket(simd.view);
packet.wrap(start, end);

const query = dns.encode({ id: 1, flags: 0x0100, questions: [{ name: "tasks.web", type: 1, class: 1 }] });
const answer = dns.decode(query);
const refused = udp.decode(new Uint8Array(5));

export default {
  status,
  lines,
  macs: [formatMac(packet.srcMac), formatMac(packet.innerDstMac)],
  addresses: [formatIpv4(packet.dstIp), formatIpv4(packet.innerSrcIp)],
  vni: packet.vni,
  sequence: packet.innerSequence,
  checksums: packet.verifyChecksums(simd),
  bareAt: decapsulate(simd.view, start, end),
  kernelAgrees: simd.sum(simd.view, 0, 4096) === sum(simd.view, 0, 4096),
  question: answer.ok ? answer.value.questions[0].name : answer.error.message,
  error: refused.ok ? "" : refused.error.message,
  globals: Object.getOwnPropertyNames(globalThis).filter((name) =>
    /^(?:process|Buffer|require|console|Text)/.test(name),
  ),
};
