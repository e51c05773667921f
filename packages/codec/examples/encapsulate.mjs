/**
 * VXLAN in place: a frame is put into an arena, gets fifty bytes in front of it, is read through one reused object, and
 * loses them again. The payload is never copied, and after the setup nothing is allocated.
 *
 * Run it: node node_modules/@hopscope/codec/examples/encapsulate.mjs, or here, after a build:
 * node packages/codec/examples/encapsulate.mjs
 */
import { formatIpv4, parseIpv4, parseMac } from "@hopscope/codec/address";
import { decapsulate, decapsulatedEnd, encapsulate, VxlanTunnel } from "@hopscope/codec/encapsulation";
import { FrameArena } from "@hopscope/codec/frame";
import { statusName } from "@hopscope/codec/status";
import { InnerKind, VxlanPacket } from "@hopscope/codec/vxlan-packet";
import { HeaderTemplate, writeEcho } from "@hopscope/codec/write";

// Setup, once: memory for frames, a flow, a tunnel. 64 bytes are free in front of each frame of the arena.
const arena = new FrameArena({ slots: 64 });
const ping = new HeaderTemplate({
  srcMac: parseMac("02:42:0a:00:09:03"),
  dstMac: parseMac("02:42:0a:00:09:05"),
  srcIp: parseIpv4("10.0.9.3"),
  dstIp: parseIpv4("10.0.9.5"),
  protocol: 1,
  dontFragment: true,
});
const tunnel = new VxlanTunnel({
  srcMac: parseMac("52:54:00:77:00:0b"),
  dstMac: parseMac("52:54:00:77:00:0c"),
  srcIp: parseIpv4("192.168.77.11"),
  dstIp: parseIpv4("192.168.77.12"),
  vni: 4097,
});
const payload = new DataView(new TextEncoder().encode("hop by hop").buffer);
const packet = new VxlanPacket(arena.view);

for (let sequence = 0; sequence < 3; sequence++) {
  // A slot of the arena; -1 says that all are in use.
  const slot = arena.allocate(14 + 20 + 8 + payload.byteLength);
  if (slot < 0) throw new Error("the arena is full");
  const { view } = arena;
  const afterIp = ping.write(view, arena.start(slot), 20 + 8 + payload.byteLength, 1 + sequence);
  writeEcho(view, afterIp, 8, 25, sequence, payload, 0, payload.byteLength);

  // The frame starts fifty bytes earlier now. Negative answers are statuses: -1 is "truncated".
  const start = encapsulate(tunnel, view, arena.start(slot), arena.end(slot), 1000 + sequence);
  if (start < 0) throw new Error(statusName(-start));
  arena.push(slot, 50);

  // One object reads packet after packet; its fields are numbers.
  packet.wrap(arena.start(slot), arena.end(slot));
  const outer = `${formatIpv4(packet.srcIp)}:${packet.srcPort} > ${formatIpv4(packet.dstIp)} vni ${packet.vni}`;
  const inner = `${formatIpv4(packet.innerSrcIp)} > ${formatIpv4(packet.innerDstIp)}`;
  const isEcho = packet.innerKind === InnerKind.icmp;
  const faults = packet.verifyChecksums();
  console.log(`${outer}: ${inner} ${isEcho ? `echo seq ${packet.innerSequence}` : "?"}, checksum faults ${faults}`);

  // The receiver's side: every check of Linux' VXLAN device, then the inner frame, where it was all the time.
  const innerStart = decapsulate(view, arena.start(slot), arena.end(slot));
  if (innerStart < 0) throw new Error(statusName(-innerStart));
  arena.pull(slot, innerStart - arena.start(slot));
  console.log(`  inner frame of ${decapsulatedEnd(view, innerStart) - innerStart} bytes, slot ${slot}`);
  arena.release(slot);
}
