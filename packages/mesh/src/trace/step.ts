/**
 * What a hop decided, as a closed list. A step is a kind with up to two numbers while the simulation runs; `format`
 * turns it into the sentence that people read.
 */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { formatIp } from "../host/ipv6-address.ts";
import { tcpStateName as ipVsTcpStateName } from "../ipvs/proto-tcp.ts";
import { type DropReason, dropReasonName } from "./drop-reason.ts";

export const StepKind = {
  /** a: device point. A bridge learned the source address there. */
  learn: 0,
  /** a: MAC looked up, b: device point. The bridge knows the port. */
  forward: 1,
  /** a: number of ports, b: 1 if the address is unknown rather than broadcast. */
  flood: 2,
  /** The frame is for the bridge or its host. */
  passUp: 3,
  /** a: destination address, b: device point of the route. */
  route: 4,
  /** a: next hop address, b: its MAC. */
  neighbor: 5,
  /** a: next hop address that has to be asked for first. */
  resolve: 6,
  /** a: MAC, b: tunnel endpoint's address. */
  vxlanFdb: 7,
  /** a: VNI, b: UDP source port. */
  encapsulate: 8,
  /** a: VNI, b: device point of the vxlan device. */
  decapsulate: 9,
  /** a: address, b: MAC. The vxlan device answered ARP for a remote endpoint. */
  arpProxy: 10,
  /** a: address, b: MAC. The host answers for its own address. */
  arpReply: 11,
  /** a: address, b: MAC. The neighbor table took this up. */
  neighborUpdate: 12,
  /** a: ICMP type, b: code. Delivered to the host's ICMP. */
  deliverIcmp: 13,
  /** a: {@link DropReason}. */
  drop: 14,
  /** a: address. ARP asks for somebody else: the end of a flooded copy. */
  arpIgnore: 15,
  /** The steps that follow are about a packet that ended before any tap saw it. */
  report: 16,
  /** a: offset, b: bytes. The fragment waits for the others of its packet. */
  fragmentWaits: 17,
  /** a: number of fragments, b: length. They have become a packet again. */
  reassemble: 18,
  /** a: number of fragments, b: MTU. */
  fragment: 19,
  /** a: number of segments, b: bytes of payload in each. The device does not cut TCP super-frames itself. */
  segment: 20,
  /** a: MTU. A tunnel device told the sender that the packet does not fit. */
  tunnelPmtu: 21,
  /** a: label of a rule or policy of iptables, which decided. */
  rule: 22,
  /** a: address, b: port or ICMP identifier. NAT has made it the destination. */
  translateDst: 23,
  /** a: address, b: port or ICMP identifier. NAT has made it the source. */
  translateSrc: 24,
  /** a: number of segments so far. Merged into the frame of its flow that came before. */
  gro: 25,
  /** a: port. Delivered to a socket. */
  deliverUdp: 26,
  /** a: port, b: `TcpState` of the socket before. */
  deliverTcp: 27,
  /** a: SPI, b: sequence number. The packet has become ESP. */
  espEncrypt: 28,
  /** a: SPI, b: sequence number. What was in the ESP packet goes on. */
  espDecrypt: 29,
  /** a: SPI that nobody here knows. */
  espUnknown: 30,
  /** a: label of an IPVS service, b: address. A new connection goes to that real server. */
  ipvsSchedule: 31,
  /** a: address of the real server, b: state of TCP before, or -1. The packet belongs to a connection of IPVS. */
  ipvsConnection: 32,
  /** a: address, b: port. A real server's answer comes from the virtual one. */
  ipvsReply: 33,
  /** a: address of the real server. An ICMP error about a connection of IPVS. */
  ipvsRelated: 34,
  /** a: label of an IPVS service, which has no real server for it. */
  ipvsNoDestination: 35,
  /** a: label of an IPVS service: of no connection, and begins none. */
  ipvsUnknown: 36,
  /** a: ICMPv6 type, b: code. Delivered to the host's ICMPv6. */
  deliverIcmpv6: 37,
} as const;
export type StepKind = (typeof StepKind)[keyof typeof StepKind];

/** One step as a person would say it. `device` names a capture point's device, `label` a label of the recorder's. */
export function formatStep(
  kind: StepKind,
  a: number,
  b: number,
  device: (point: number) => string,
  label: (label: number) => string = String,
): string {
  switch (kind) {
    case StepKind.learn:
      return `learned the source on ${device(a)}`;
    case StepKind.forward:
      return `bridge forwards to ${device(b)}, where ${formatMac(a)} is`;
    case StepKind.flood:
      return `bridge floods ${b === 1 ? "the unknown address" : "the broadcast"} to ${a} other port${a === 1 ? "" : "s"}`;
    case StepKind.passUp:
      return "bridge passes it up to its own stack";
    case StepKind.route:
      return `route to ${formatIp(a)} by ${device(b)}`;
    case StepKind.neighbor:
      return `neighbor ${formatIpv4(a)} is at ${formatMac(b)}`;
    case StepKind.resolve:
      return `asks who has ${formatIpv4(a)}`;
    case StepKind.vxlanFdb:
      return `FDB: ${formatMac(a)} is behind VTEP ${formatIpv4(b)}`;
    case StepKind.encapsulate:
      return `encapsulates into VXLAN, VNI ${a}, UDP source port ${b}`;
    case StepKind.decapsulate:
      return `VXLAN, VNI ${a}: decapsulated for ${device(b)}`;
    case StepKind.arpProxy:
      return `vxlan device answers for the remote ${formatIpv4(a)}: ${formatMac(b)}; no ARP crosses the tunnel`;
    case StepKind.arpReply:
      return `answers for its own ${formatIpv4(a)}: ${formatMac(b)}`;
    case StepKind.neighborUpdate:
      return `neighbor table: ${formatIpv4(a)} is at ${formatMac(b)}`;
    case StepKind.deliverIcmp:
      return `delivered to the host's ICMP: ${icmpTypeText(a, b)}`;
    case StepKind.deliverIcmpv6:
      return `delivered to the host's ICMPv6: ${icmpv6TypeText(a, b)}`;
    case StepKind.drop:
      return `dropped: ${dropReasonName(a as DropReason)}`;
    case StepKind.report:
      return "about a packet that did not get out:";
    case StepKind.fragmentWaits:
      return `waits for the packet's other fragments: bytes ${a} to ${a + b - 1} are here`;
    case StepKind.reassemble:
      return `${a} fragments are a packet of ${b} bytes again`;
    case StepKind.fragment:
      return `cuts it into ${a} fragments for an MTU of ${b}`;
    case StepKind.segment:
      return `cuts it into ${a} segment${a === 1 ? "" : "s"} of ${b} bytes`;
    case StepKind.tunnelPmtu:
      return `tunnel answers in the destination's name: fragmentation needed, MTU ${a}`;
    case StepKind.gro:
      return `merged with the ${a - 1} segment${a === 2 ? "" : "s"} of its flow before it`;
    case StepKind.deliverUdp:
      return `delivered to the UDP socket of port ${a}`;
    case StepKind.deliverTcp:
      return `delivered to the TCP socket of port ${a}, ${tcpStateName(b)}`;
    case StepKind.espEncrypt:
      return `ESP spi ${spiText(a)} seq ${b}: encrypted`;
    case StepKind.espDecrypt:
      return `ESP spi ${spiText(a)} seq ${b}: decrypted`;
    case StepKind.espUnknown:
      return `ESP spi ${spiText(a)}: no security association with it`;
    case StepKind.arpIgnore:
      return `ignored: ${formatIpv4(a)} is not an address of this host`;
    case StepKind.rule:
      return `rule: ${label(a)}`;
    case StepKind.ipvsSchedule:
      return `IPVS ${label(a)} -> ${formatIpv4(b)}`;
    case StepKind.ipvsConnection:
      return `IPVS connection to ${formatIpv4(a)}${b < 0 ? "" : `, ${ipVsTcpStateName(b)}`}`;
    case StepKind.ipvsReply:
      return `IPVS answers as ${formatIpv4(a)}:${b}`;
    case StepKind.ipvsRelated:
      return `IPVS: an error about a connection to ${formatIpv4(a)}`;
    case StepKind.ipvsNoDestination:
      return `IPVS ${label(a)}: no destination available`;
    case StepKind.ipvsUnknown:
      return `IPVS ${label(a)}: no connection, and no SYN; left to this host`;
    case StepKind.translateDst:
      return `destination translated to ${formatIpv4(a)}:${b}`;
    case StepKind.translateSrc:
      return `source translated to ${formatIpv4(a)}:${b}`;
  }
}

function spiText(spi: number): string {
  return `0x${spi.toString(16).padStart(8, "0")}`;
}

/** As netstat prints them (include/net/tcp_states.h); 0: a connection that is being accepted. */
const TCP_STATES: readonly string[] = [
  "NEW",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
];

function tcpStateName(state: number): string {
  return TCP_STATES[state] ?? String(state);
}

function icmpv6TypeText(type: number, code: number): string {
  if (type === 128) return "echo request, to be answered";
  return type === 129 ? "echo reply" : `type ${type} code ${code}`;
}

function icmpTypeText(type: number, code: number): string {
  if (type === 8) return "echo request, to be answered";
  return type === 0 ? "echo reply" : `type ${type} code ${code}`;
}
