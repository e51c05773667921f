/** All checksums of a VXLAN packet in plain code: what `VxlanPacket.verifyChecksums` does without a SIMD kernel. */
import { fold, pseudoHeader4, sum } from "./checksum.ts";
import { IpProtocol } from "./code-points.ts";
import * as ipv4 from "./ipv4.ts";
import { Status } from "./status.ts";
import * as udp from "./udp.ts";
import * as vxlan from "./vxlan.ts";
import type { VxlanPacket } from "./vxlan-packet.ts";

/** Bits of what `VxlanPacket.verifyChecksums` found wrong. */
export const ChecksumFault = { none: 0, outerIp: 1, outerUdp: 2, innerIp: 4, innerTransport: 8 } as const;

/** {@link ChecksumFault} bits of a packet that `wrap` answered `ok` to. */
export function checksumFaults(packet: VxlanPacket): number {
  const { view, ipAt, innerAt, innerEnd, innerPayloadAt, transportAt, transportEnd, innerProtocol } = packet;
  let faults: number = ipv4.isChecksumValid(view, ipAt) ? ChecksumFault.none : ChecksumFault.outerIp;
  const udpAt = innerAt - (udp.HEADER_LENGTH + vxlan.HEADER_LENGTH);
  const isOuterSummed = udp.checksum(view, udpAt) !== 0;
  let outer = isOuterSummed ? pseudoHeader4(packet.srcIp, packet.dstIp, IpProtocol.udp, innerEnd - udpAt) : 0;
  let summedTo = udpAt;
  const isInnerIp = packet.innerTotalLength !== 0;
  if (isInnerIp && !ipv4.isChecksumValid(view, innerPayloadAt)) faults |= ChecksumFault.innerIp;
  // `ok` says that there is a whole ICMP, TCP or UDP header.
  if (packet.innerStatus === Status.ok) {
    const isAbsent = innerProtocol === IpProtocol.udp && udp.checksum(view, transportAt) === 0;
    if (!isAbsent || isOuterSummed) {
      // The outer checksum covers these bytes too: they are added up once.
      const transport = sum(view, transportAt, transportEnd, 0);
      if (!isAbsent) {
        const pseudo =
          innerProtocol === IpProtocol.icmp
            ? 0
            : pseudoHeader4(packet.innerSrcIp, packet.innerDstIp, innerProtocol, transportEnd - transportAt);
        if (fold(transport + pseudo) !== 0xffff) faults |= ChecksumFault.innerTransport;
      }
      // Behind an odd number of bytes every further byte would change places in its word.
      if (isOuterSummed && (transportEnd === innerEnd || ((transportEnd - transportAt) & 1) === 0)) {
        outer = fold(sum(view, udpAt, transportAt, outer) + transport);
        summedTo = transportEnd;
      }
    }
  }
  if (isOuterSummed && sum(view, summedTo, innerEnd, outer) !== 0xffff) faults |= ChecksumFault.outerUdp;
  return faults;
}
