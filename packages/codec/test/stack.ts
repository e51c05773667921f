/** Frames made of encoders, for tests that are about several layers. */
import { parseIpv4, parseMac } from "../src/address.ts";
import { EtherType, IpProtocol, LinkType } from "../src/code-points.ts";
import { DEFAULT_OPTIONS, dissect, type DissectOptions } from "../src/dissect.ts";
import * as ethernet from "../src/ethernet.ts";
import * as ipv4 from "../src/ipv4.ts";
import { type LayerName, layerName, Layers } from "../src/layers.ts";
import * as udp from "../src/udp.ts";
import * as vlan from "../src/vlan.ts";
import * as vxlan from "../src/vxlan.ts";
import { bytesOf, viewOf } from "./hex.ts";

export const SRC_MAC: number = parseMac("02:42:0a:00:09:03")!;
export const DST_MAC: number = parseMac("02:42:0a:00:09:05")!;
export const SRC: number = parseIpv4("10.0.9.3")!;
export const DST: number = parseIpv4("10.0.9.5")!;

/** An echo request through VXLAN 4097, from 192.168.77.11 to 192.168.77.12. */
export const ECHO_IN_VXLAN: Uint8Array = bytesOf(
  "52540077000c52540077000b0800" +
    "45000086786200004011e69cc0a84d0bc0a84d0c" +
    "bd6412b50072d7eb" +
    "0800000000100100" +
    "02420a00090502420a0009030800" +
    "45000054a2014000400172a00a0009030a000905" +
    "0800b1bd00190000" +
    `8874bdb4${"00".repeat(52)}`,
);

export function ethernetFrame(etherType: number, payload: Uint8Array): Uint8Array {
  return ethernet.encode({ dstMac: DST_MAC, srcMac: SRC_MAC, etherType }, payload);
}

export function tagged(vid: number, etherType: number, payload: Uint8Array): Uint8Array {
  return vlan.encode({ vid, etherType }, payload);
}

export function ip(protocol: number, payload: Uint8Array, init: Partial<ipv4.Ipv4Init> = {}): Uint8Array {
  return ipv4.encode({ protocol, srcIp: SRC, dstIp: DST, ...init }, payload);
}

export function datagram(srcPort: number, dstPort: number, payload: Uint8Array): Uint8Array {
  return ip(IpProtocol.udp, udp.encode({ srcPort, dstPort }, payload, { pseudo: { srcIp: SRC, dstIp: DST } }));
}

/** An Ethernet frame that carries `inner` through VXLAN. */
export function tunneled(vni: number, inner: Uint8Array): Uint8Array {
  return ethernetFrame(EtherType.ipv4, datagram(48484, vxlan.PORT, vxlan.encode({ vni }, inner)));
}

/** Bytes that count up from 0. */
export function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index);
}

/** `glued(a, b)` is a's bytes, then b's. */
export function glued(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The frame's layers. */
export function walk(
  bytes: Uint8Array,
  linkType: number = LinkType.ethernet,
  options: Partial<DissectOptions> = {},
): Layers {
  const layers = new Layers();
  dissect(viewOf(bytes), 0, bytes.length, linkType, layers, { ...DEFAULT_OPTIONS, ...options });
  return layers;
}

export function namesOf(layers: Layers): readonly LayerName[] {
  return Array.from({ length: layers.count }, (_, index) => layerName(layers.kind(index)));
}
