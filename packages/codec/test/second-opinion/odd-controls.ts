/** ICMP, ICMPv6 and IGMP. */
import {
  A_IP,
  B_IP,
  B_IP6,
  B_MAC,
  bytesOf,
  ethernet,
  hex,
  ip4,
  ip6,
  message,
  message6,
  padded,
  udp,
} from "./odd-bytes.ts";
import { odd, type OddPacket } from "./odd-packet.ts";

const ETHERNET = 1;
const HELLO = hex("68656c6c6f");
const ECHO = message(8, 0, hex("0019 0001 61626364"));

export const ODD_CONTROLS: readonly OddPacket[] = [
  odd(
    "ICMP timestamp reply",
    ETHERNET,
    ethernet(0x0800, ip4(1, message(14, 0, hex("0019 0002 000003e8 80000001 ffffffff")))),
    "ethernet ipv4 icmp",
    {
      "icmp.originateTimestamp": [1000],
      "icmp.receiveTimestamp": [0x80000001],
      "icmp.transmitTimestamp": [0xffffffff],
    },
  ),
  odd(
    "ICMP fragmentation needed about UDP",
    ETHERNET,
    ethernet(0x0800, ip4(1, message(3, 4, bytesOf([0, 2], [1450, 2], ip4(17, udp(1, 2, HELLO)).subarray(0, 28))))),
    "ethernet ipv4 icmp ipv4 udp",
    { "icmp.nextHopMtu": [1450], "ipv4.totalLength": [56, 33], "udp.dstPort": [2] },
  ),
  odd(
    "ICMP redirect about ICMP",
    ETHERNET,
    ethernet(0x0800, ip4(1, message(5, 1, bytesOf(B_IP, ip4(1, ECHO))))),
    "ethernet ipv4 icmp ipv4 icmp",
    { "icmp.type": [5, 8], "icmp.gateway": [0x0a000905, undefined] },
    "61626364",
  ),
  odd(
    "ICMP time exceeded with an MPLS extension (RFC 4884, RFC 4950)",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(
        1,
        message(
          11,
          0,
          bytesOf(
            [0, 1],
            [32, 1],
            [0, 2],
            ip4(17, udp(1, 2, new Uint8Array(100))),
            hex("2000 5cfe 0008 0101 00010101"),
          ),
        ),
      ),
    ),
    "ethernet ipv4 icmp ipv4 udp",
    { "icmp.quoteWords": [32], "udp.length": [108] },
    "00".repeat(100),
  ),
  odd(
    "ICMP parameter problem",
    ETHERNET,
    ethernet(0x0800, ip4(1, message(12, 0, bytesOf([20, 1], [0, 3], ip4(17, udp(1, 2, HELLO)))))),
    "ethernet ipv4 icmp ipv4 udp",
    { "icmp.pointer": [20] },
    "68656c6c6f",
  ),
  odd(
    "IGMPv3 query with two sources",
    ETHERNET,
    padded(ethernet(0x0800, ip4(2, message(0x11, 0x8a, bytesOf(hex("ef090003 0d 7d 0002"), A_IP, B_IP)), { ttl: 1 }))),
    "ethernet ipv4 igmp",
    {
      "igmp.maxResponseCode": [0x8a],
      "igmp.suppress": [true],
      "igmp.robustness": [5],
      "igmp.intervalCode": [125],
      "igmp.sources": [[0x0a000903, 0x0a000905]],
    },
  ),
  odd(
    "IGMPv3 report: two records, the first with auxiliary data",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(
        2,
        message(
          0x22,
          0,
          bytesOf(hex("0000 0002"), hex("01 01 0001 e8090001"), A_IP, hex("deadbeef"), hex("04 00 0000 ef090003")),
        ),
      ),
    ),
    "ethernet ipv4 igmp",
    { "igmp.numberOfRecords": [2] },
  ),
  odd(
    "ICMPv6 neighbor advertisement with two options, the second unknown",
    ETHERNET,
    ethernet(
      0x86dd,
      ip6(58, message6(136, 0, bytesOf(hex("e0000000"), B_IP6, hex("0201"), B_MAC, hex("fd01 010203040506")))),
    ),
    "ethernet ipv6 icmpv6",
    { "icmpv6.type": [136] },
  ),
];
