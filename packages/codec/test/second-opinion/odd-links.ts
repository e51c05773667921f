/** Link layers: tags, LLC, cooked, loopback, raw IP. */
import { A_MAC, arp, bytesOf, ethernet, hex, ip4, ip6, message, padded, tag, udp, udp6 } from "./odd-bytes.ts";
import { odd, type OddPacket } from "./odd-packet.ts";

const ETHERNET = 1;
const NULL = 0;
const LOOP = 108;
const RAW = 101;
const SLL = 113;
const SLL2 = 276;
const HELLO = hex("68656c6c6f");
const ECHO = message(8, 0, hex("0019 0001 61626364"));

export const ODD_LINKS: readonly OddPacket[] = [
  odd(
    "802.1ad over 802.1Q over ARP, padded",
    ETHERNET,
    padded(ethernet(0x88a8, tag(0xb064, 0x8100, tag(0x000a, 0x0806, arp(1))))),
    "ethernet vlan vlan arp",
    {
      "vlan.pcp": [5, 0],
      "vlan.dei": [true, false],
      "vlan.vid": [100, 10],
      "vlan.etherType": [0x8100, 0x0806],
      "arp.operation": [1],
    },
  ),
  odd(
    "three tags and one byte of UDP before padding that is not zero",
    ETHERNET,
    padded(
      ethernet(0x8100, tag(0xffff, 0x8100, tag(0x1001, 0x8100, tag(0x0fff, 0x0800, ip4(17, udp(1, 2, hex("aa"))))))),
      0xee,
    ),
    "ethernet vlan vlan vlan ipv4 udp",
    { "vlan.vid": [4095, 1, 4095], "vlan.pcp": [7, 0, 0], "ipv4.totalLength": [29], "udp.length": [9] },
    "aa",
  ),
  odd(
    "priority tag over IPv6",
    ETHERNET,
    ethernet(0x8100, tag(0xc000, 0x86dd, ip6(17, udp6(1, 2, HELLO)))),
    "ethernet vlan ipv6 udp",
    {
      "vlan.pcp": [6],
      "vlan.vid": [0],
      "ipv6.trafficClass": [0xb8],
      "ipv6.flowLabel": [0x12345],
      "ipv6.hopLimit": [255],
    },
    "68656c6c6f",
  ),
  odd(
    "802.3 with SNAP over IPv4, padded",
    ETHERNET,
    padded(ethernet(8 + 32, bytesOf(hex("aaaa03 000000 0800"), ip4(1, ECHO)))),
    "ethernet llc ipv4 icmp",
    {
      "ethernet.etherType": [40],
      "llc.dsap": [0xaa],
      "llc.control": [3],
      "icmp.identifier": [25],
      "icmp.sequence": [1],
    },
    "61626364",
  ),
  odd(
    "802.3 with SNAP of another organization",
    ETHERNET,
    padded(ethernet(8 + 5, bytesOf(hex("aaaa03 123456 abcd"), HELLO))),
    "ethernet llc",
    { "llc.dsap": [0xaa], "llc.ssap": [0xaa] },
    "68656c6c6f",
  ),
  odd(
    "802.3 with an LLC information frame: two control bytes",
    ETHERNET,
    padded(ethernet(4 + 5, bytesOf(hex("0404 0204"), HELLO))),
    "ethernet llc",
    { "llc.dsap": [4], "llc.ssap": [4], "llc.control": [2] },
    "68656c6c6f",
  ),
  odd("Ethernet without a payload", ETHERNET, ethernet(0x0800, new Uint8Array()), "ethernet", {}, "", "truncated"),
  odd(
    "an EtherType nobody knows",
    ETHERNET,
    ethernet(0x88b5, HELLO),
    "ethernet",
    { "ethernet.etherType": [0x88b5] },
    "68656c6c6f",
  ),
  odd(
    "Linux cooked: sent, loopback",
    SLL,
    bytesOf([4, 2], [772, 2], [6, 2], new Uint8Array(8), [0x0800, 2], ip4(17, udp(1, 2, HELLO))),
    "linuxSll ipv4 udp",
    {
      "linuxSll.packetType": [4],
      "linuxSll.hardwareType": [772],
      "linuxSll.addressLength": [6],
      "linuxSll.protocol": [0x0800],
    },
    "68656c6c6f",
  ),
  odd(
    "Linux cooked: 802.3 inside",
    SLL,
    bytesOf([2, 2], [1, 2], [6, 2], A_MAC, [0, 2], [4, 2], hex("424203"), HELLO),
    "linuxSll llc",
    { "linuxSll.protocol": [4], "llc.dsap": [0x42], "llc.control": [3] },
    "68656c6c6f",
  ),
  odd(
    "Linux cooked v2: a tag inside",
    SLL2,
    bytesOf([0x8100, 2], [0, 2], [0x01020304, 4], [1, 2], [3, 1], [6, 1], A_MAC, [0, 2], tag(0x2007, 0x0806, arp(2))),
    "linuxSll2 vlan arp",
    {
      "linuxSll2.interfaceIndex": [0x01020304],
      "linuxSll2.packetType": [3],
      "vlan.vid": [7],
      "vlan.pcp": [1],
      "arp.operation": [2],
    },
  ),
  odd(
    "BSD loopback, little-endian IPv4",
    NULL,
    bytesOf(hex("02000000"), ip4(1, ECHO)),
    "null ipv4 icmp",
    { "null.family": [2] },
    "61626364",
  ),
  odd(
    "BSD loopback, big-endian IPv6 of macOS",
    NULL,
    bytesOf([30, 4], ip6(17, udp6(1, 2, HELLO))),
    "null ipv6 udp",
    { "null.family": [30] },
    "68656c6c6f",
  ),
  odd(
    "OpenBSD loopback",
    LOOP,
    bytesOf([24, 4], ip6(17, udp6(1, 2, HELLO))),
    "null ipv6 udp",
    { "null.family": [24] },
    "68656c6c6f",
  ),
  odd("raw IP of version 4", RAW, ip4(17, udp(1, 2, HELLO)), "ipv4 udp", { "ipv4.ttl": [64] }, "68656c6c6f"),
  odd("raw IP of version 5", RAW, hex("5f00 0000"), "", {}, "5f000000"),
];
