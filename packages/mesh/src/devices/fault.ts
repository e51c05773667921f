/**
 * What goes wrong on purpose at a network card: packets that a firewall in front of it drops, and wrong checksums that it
 * writes into tunneled packets instead of right ones (a well-known fault of checksum offload with VXLAN).
 */
import { dissect, LayerKind, Layers } from "@hopscope/codec";
import { updated } from "@hopscope/codec/checksum";
import { EtherType, LinkType, Port } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import type { Frame, FramePool } from "../frame.ts";
import { isMeant } from "../scenario/packet-filter.ts";
import type { PacketFilter } from "../scenario/step.ts";

/** Bits that are wrong in a wrong checksum. */
const WRONG = 0x0101;
/** Where TCP's and UDP's checksums are in their headers (RFC 9293 §3.1, RFC 768). */
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;

export class NicFaults {
  readonly blocks: PacketFilter[] = [];
  wrongChecksum: "inner" | "outer" | undefined = undefined;
  readonly #layers: Layers = new Layers();

  /** True if a filter wants the frame dropped. */
  blocksFrame(frames: FramePool, frame: Frame, direction: "in" | "out"): boolean {
    const { view } = frames;
    if (this.blocks.length === 0 || ethernet.etherType(view, frame.start) !== EtherType.ipv4) return false;
    const at = frame.start + ethernet.HEADER_LENGTH;
    if (ipv4.check(view, at, frame.end) !== 0) return false;
    return this.blocks.some((filter) => matches(filter, direction, view, at, frame.end));
  }

  /** Spoils the checksum of a tunneled packet. `udpPort` is the tunnels'. */
  spoil(frames: FramePool, frame: Frame, udpPort: number = Port.vxlan): void {
    const { wrongChecksum } = this;
    if (wrongChecksum === undefined) return;
    const { view } = frames;
    const layers = this.#layers;
    dissect(view, frame.start, frame.end, LinkType.ethernet, layers, { depth: 16, vxlanPort: udpPort });
    const tunnel = layers.find(LayerKind.vxlan);
    if (tunnel < 0 || !frames.own(frame)) return;
    // To own the bytes may have moved them.
    dissect(view, frame.start, frame.end, LinkType.ethernet, layers, { depth: 16, vxlanPort: udpPort });
    const outer = layers.start(layers.find(LayerKind.udp));
    if (wrongChecksum === "outer") return udp.setChecksum(view, outer, udp.checksum(view, outer) ^ WRONG);
    const tcp = layers.find(LayerKind.tcp, tunnel);
    const inner = layers.find(LayerKind.udp, tunnel);
    if (tcp < 0 && inner < 0) return;
    const at = tcp >= 0 ? layers.start(tcp) + TCP_CHECKSUM : layers.start(inner) + UDP_CHECKSUM;
    const right = view.getUint16(at);
    view.setUint16(at, right ^ WRONG);
    // The card is right about what it does last.
    udp.setChecksum(view, outer, updated(udp.checksum(view, outer), right, right ^ WRONG));
  }
}

function matches(filter: PacketFilter, direction: "in" | "out", view: DataView, at: number, end: number): boolean {
  // Ports stand first in TCP and UDP; only the first fragment has them.
  const portsAt = ipv4.payloadStart(view, at);
  const hasPorts = ipv4.fragmentOffset(view, at) === 0 && portsAt + 4 <= end;
  const srcPort = hasPorts ? view.getUint16(portsAt) : -1;
  const dstPort = hasPorts ? view.getUint16(portsAt + 2) : -1;
  const { protocol, srcIp, dstIp } = ipv4;
  return isMeant(filter, direction, protocol(view, at), srcIp(view, at), dstIp(view, at), srcPort, dstPort);
}
