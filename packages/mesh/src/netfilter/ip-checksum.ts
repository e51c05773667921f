/** Whether a packet's own checksum is right (Linux net/netfilter/utils.c, nf_ip_checksum). */
import { pseudoHeader4, sum } from "@hopscope/codec/checksum";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ipv4 from "@hopscope/codec/ipv4";

/** The bytes from `at` to `end`, behind the IPv4 header at `ipAt`, add up to what they should. */
export function isChecksumRight(view: DataView, ipAt: number, at: number, end: number): boolean {
  const protocol = ipv4.protocol(view, ipAt);
  const hasPseudoHeader = protocol === IpProtocol.tcp || protocol === IpProtocol.udp;
  const initial = hasPseudoHeader
    ? pseudoHeader4(ipv4.srcIp(view, ipAt), ipv4.dstIp(view, ipAt), protocol, end - at)
    : 0;
  return sum(view, at, end, initial) === 0xffff;
}
