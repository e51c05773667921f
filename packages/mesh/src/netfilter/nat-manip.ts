/**
 * Writing a translated address and port into a packet, its checksums kept right (Linux net/netfilter/nf_nat_proto.c,
 * nf_nat_manip_pkt; RFC 1624). The bytes must be the frame's own.
 */
import { fold, updated, updated32 } from "@hopscope/codec/checksum";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as sctp from "@hopscope/codec/sctp";
import * as tcp from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";

/** Which end of a packet is translated (enum nf_nat_manip_type). */
export const Manip = { src: 0, dst: 1 } as const;
export type Manip = (typeof Manip)[keyof typeof Manip];

/** What UDP says for a sum of zero, which would mean "none" (RFC 768; CSUM_MANGLED_0). */
const UDP_ZERO = 0xffff;

/**
 * The packet whose IPv4 header is at `ipAt` gets `ip` and `port` (of ICMP questions and answers: the identifier) as its
 * source or destination. `end`: where its bytes end, which for a quoted packet may be before its own end. `isPartial`:
 * the transport checksum holds the pseudo-header's sum only.
 */
export function manipulate(
  view: DataView,
  ipAt: number,
  end: number,
  manip: Manip,
  ip: number,
  port: number,
  isPartial: boolean,
): void {
  const at = ipv4.payloadStart(view, ipAt);
  const oldIp = manip === Manip.src ? ipv4.srcIp(view, ipAt) : ipv4.dstIp(view, ipAt);
  switch (ipv4.protocol(view, ipAt)) {
    case IpProtocol.tcp: {
      const oldPort = setPort(view, at, manip, port);
      // Quoted by an ICMP error, it may end before its checksum.
      if (at + tcp.HEADER_LENGTH <= end) {
        tcp.setChecksum(view, at, sumOf(tcp.checksum(view, at), oldIp, ip, oldPort, port, isPartial));
      }
      break;
    }
    case IpProtocol.udp: {
      const oldPort = setPort(view, at, manip, port);
      const old = udp.checksum(view, at);
      if (old === 0 && !isPartial) break;
      const checksum = sumOf(old, oldIp, ip, oldPort, port, isPartial);
      udp.setChecksum(view, at, checksum === 0 ? UDP_ZERO : checksum);
      break;
    }
    case IpProtocol.icmp: {
      const old = icmp.identifier(view, at);
      icmp.setChecksum(view, at, updated(icmp.checksum(view, at), old, port));
      icmp.setIdentifier(view, at, port);
      break;
    }
    case IpProtocol.sctp:
      setPort(view, at, manip, port);
      if (at + sctp.HEADER_LENGTH <= end && !isPartial) sctp.fillChecksum(view, at, end);
      break;
  }
  ipv4.setHeaderChecksum(view, ipAt, updated32(ipv4.headerChecksum(view, ipAt), oldIp, ip));
  if (manip === Manip.src) ipv4.setSrcIp(view, ipAt, ip);
  else ipv4.setDstIp(view, ipAt, ip);
}

/** Only an address: of a packet whose transport header stays as it is (an ICMP error). */
export function manipulateAddress(view: DataView, ipAt: number, manip: Manip, ip: number): void {
  const oldIp = manip === Manip.src ? ipv4.srcIp(view, ipAt) : ipv4.dstIp(view, ipAt);
  ipv4.setHeaderChecksum(view, ipAt, updated32(ipv4.headerChecksum(view, ipAt), oldIp, ip));
  if (manip === Manip.src) ipv4.setSrcIp(view, ipAt, ip);
  else ipv4.setDstIp(view, ipAt, ip);
}

/** Sets one of the ports that begin a transport header; answers what it was. */
function setPort(view: DataView, at: number, manip: Manip, port: number): number {
  const portAt = manip === Manip.src ? at : at + 2;
  const old = view.getUint16(portAt);
  view.setUint16(portAt, port);
  return old;
}

/**
 * Linux inet_proto_csum_replace4 and 2. The pseudo-header has no port, and its sum is not complemented. The kernel does
 * so too for the outer header of a tunnel whose inner checksum is partial, though the outer one is complete: it is wrong
 * from then on.
 */
function sumOf(
  checksum: number,
  oldIp: number,
  newIp: number,
  oldPort: number,
  newPort: number,
  isPartial: boolean,
): number {
  if (!isPartial) return updated(updated32(checksum, oldIp, newIp), oldPort, newPort);
  return fold(checksum + (~oldIp >>> 16) + (~oldIp & 0xffff) + (newIp >>> 16) + (newIp & 0xffff));
}
