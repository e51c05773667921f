/**
 * Where tshark and the codec may differ, and why. A difference that no row here explains fails the comparison, and so
 * does a row that explains nothing any more.
 */
import type { Circumstance, Difference } from "./compare.ts";

export interface Exception {
  /** Wireshark name, or what compare.ts calls a fact without one. */
  readonly field: string;
  /** tshark's value; `""` if it shows none. */
  readonly tshark: RegExp;
  readonly ours: RegExp;
  readonly circumstance?: Circumstance;
  readonly reason: string;
}

const NONE = /^$/;
const SOME = /./;

export const EXCEPTIONS: readonly Exception[] = [
  // Checksums.
  {
    field: "tcp.checksum.status",
    tshark: /^0$/,
    ours: /^partial$/,
    reason: "left to the network card: tshark has no such state and calls the pseudo-header's sum a bad checksum",
  },
  {
    field: "udp.checksum.status",
    tshark: /^0$/,
    ours: /^partial$/,
    reason: "left to the network card: tshark has no such state and calls the pseudo-header's sum a bad checksum",
  },
  {
    field: "tcp.checksum.status",
    tshark: /^[01]$/,
    ours: /^2$/,
    circumstance: "quoted",
    reason: "a quoted packet looks as it did where the error was made, offloaded or rewritten: not verified here",
  },
  {
    field: "udp.checksum.status",
    tshark: /^[013]$/,
    ours: /^2$/,
    circumstance: "quoted",
    reason: "a quoted packet looks as it did where the error was made, offloaded or rewritten: not verified here",
  },
  {
    field: "udp.checksum.status",
    tshark: /^4$/,
    ours: /^2$/,
    reason:
      "UDP over IPv6 without a checksum is illegal to tshark; behind a routing header, whose route is not done, no checksum is verified here",
  },

  // Layers that one of the two does not go into.
  {
    field: "layers",
    tshark: SOME,
    ours: NONE,
    circumstance: "fragment",
    reason:
      "tshark reads the upper header of a first fragment; here a fragment's payload is data, never part of a whole",
  },
  {
    field: "layers",
    tshark: SOME,
    ours: NONE,
    circumstance: "refused",
    reason: "tshark shows what it can of a header that is cut, too short or forbidden; here that is no layer",
  },
  {
    field: "layers",
    tshark: /^(?:udp|icmp|icmpv6|igmp)@\d+$/,
    ours: NONE,
    circumstance: "cut",
    reason: "the same behind an IP header that promised more than the capture holds",
  },
  {
    field: "layers",
    tshark: /^ipv6@\d+ udp@\d+$/,
    ours: NONE,
    reason:
      "tshark reads the packet inside an ICMPv6 redirect's option (RFC 4861 §4.6.3); here it is the option's data",
  },
  {
    field: "stop",
    tshark: NONE,
    ours: /^sctp badOption$/,
    reason: "tshark shows an SCTP chunk whose length is less than its header as a bad value, and stops without a word",
  },
  {
    field: "stop",
    tshark: NONE,
    ours: /^ipv4 truncated$/,
    circumstance: "cut",
    reason: "tshark complains of a cut packet only if a protocol above asks for the missing bytes",
  },
  {
    field: "stop",
    tshark: NONE,
    ours: /^(?:ipv4 badHeaderLength|tcp badHeaderLength|vxlan badFlags|dns badPointer)$/,
    reason: "tshark notes it as expert information and goes on or ends without calling the packet malformed",
  },
  {
    field: "stop",
    tshark: /^_ws\.malformed$/,
    ours: NONE,
    reason: "raw IP of no known version: malformed to tshark, data here",
  },

  // Fields that tshark shows only now and then.
  ...["authoritative", "recavail", "authenticated", "rcode"].map((bit) => ({
    field: `dns.flags.${bit}`,
    tshark: NONE,
    ours: /^0$/,
    reason: "tshark shows the bits of answers in answers only",
  })),
  { field: "icmp.length", tshark: NONE, ours: /^0$/, reason: "tshark shows the length attribute only if there is one" },
  {
    field: "icmp.mtu",
    tshark: NONE,
    ours: /^0$/,
    reason: "tshark shows the MTU only in code 4; elsewhere it is unused",
  },
  {
    field: "icmp.ident",
    tshark: SOME,
    ours: NONE,
    reason: "information and address mask requests (deprecated by RFC 6918) have no fields of their own here",
  },
  {
    field: "icmp.seq",
    tshark: SOME,
    ours: NONE,
    reason: "information and address mask requests (deprecated by RFC 6918) have no fields of their own here",
  },
  {
    field: "igmp.max_resp",
    tshark: NONE,
    ours: /^0$/,
    reason: "tshark shows it in queries and not in reports of version 1 and 2",
  },
  {
    field: "tcp.seq_raw",
    tshark: NONE,
    ours: SOME,
    circumstance: "quoted",
    reason: "tshark leaves it out of ICMP errors; tcp.seq has the same value there and is compared",
  },
  {
    field: "tcp.len",
    tshark: NONE,
    ours: /^\d+$/,
    circumstance: "quoted",
    reason: "tshark does not say how long the payload of a quoted segment is",
  },
  {
    field: "icmpv6.mld.maximum_response_delay",
    tshark: NONE,
    ours: SOME,
    reason:
      "MLDv2 calls the field a code (RFC 3810 §5.1.3), and so does tshark; compared as icmpv6.mld.maximum_response_code",
  },

  // Fields that tshark has under several names.
  { field: "eth.type", tshark: NONE, ours: /^\d{1,3}$/, reason: "below 1536 it is a length: compared as eth.len" },
  { field: "sll.etype", tshark: NONE, ours: /^4$/, reason: "below 1536 it is no EtherType: compared as sll.ltype" },
  { field: "llc.type", tshark: NONE, ours: SOME, reason: "behind another organization's number: compared as llc.pid" },
  {
    field: "vlan.etype",
    tshark: NONE,
    ours: /^33024$/,
    reason: "tshark has no field for the type that follows a service tag",
  },
  {
    field: "vxlan.gbp",
    tshark: NONE,
    ours: SOME,
    reason: "on GPE's port the two bytes are reserved and the next protocol: compared as vxlan.next_proto",
  },

  // Fields whose value tshark derives.
  {
    field: "ip.dst",
    tshark: SOME,
    ours: SOME,
    circumstance: "sourceRoute",
    reason: "behind a source route tshark gives the route's last address as the destination; here it is the header's",
  },
  {
    field: "ip.len",
    tshark: SOME,
    ours: /^0$/,
    reason: "an offloaded total length of 0: tshark gives the length it assumes",
  },
  {
    field: "ip.opt.type",
    tshark: SOME,
    ours: NONE,
    reason: "a list with a malformed option is raw bytes here; tshark shows the options before the mistake",
  },
  {
    field: "tcp.flags",
    tshark: /^4095$/,
    ours: /^511$/,
    reason: "tshark counts the three reserved bits as flags; here they are a field of their own",
  },
  {
    field: "igmp.max_resp",
    tshark: /^208$/,
    ours: /^138$/,
    reason:
      "from 128 on the code is a floating-point number (RFC 3376 §4.1.1), which tshark works out; here it is the code",
  },
  {
    field: "null.family",
    tshark: /^2$/,
    ours: /^33554432$/,
    reason: "little-endian: the layout row is big-endian bits, the accessor (compared too) finds the byte order",
  },
  {
    field: "dns.qry.name",
    tshark: SOME,
    ours: /\\/,
    reason:
      "odd bytes are escaped as in RFC 1035 §5.1 here, so that names stay reversible; tshark escapes them its own way",
  },
];

export function explains(exception: Exception, difference: Difference): boolean {
  return (
    exception.field === difference.field &&
    exception.tshark.test(difference.tshark) &&
    exception.ours.test(difference.ours) &&
    (exception.circumstance === undefined || difference.circumstances.has(exception.circumstance))
  );
}
