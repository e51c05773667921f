/** TCP with odd options and flags, UDP with odd lengths, ESP, SCTP, and overlays: GBP, GPE, tunnels in tunnels. */
import {
  arp,
  bytesOf,
  ethernet,
  hex,
  ip4,
  ip6,
  message,
  padded,
  sctp,
  tag,
  tcp,
  udp,
  udp6,
  vxlan,
} from "./odd-bytes.ts";
import { odd, type OddPacket, text } from "./odd-packet.ts";

const ETHERNET = 1;
const HELLO = hex("68656c6c6f");
const ECHO = message(8, 0, hex("0019 0001 61626364"));

const SHORT_TCP = hex("c350 0050 00000001 00000002 4010 faf0 0000 0000");
const SHORT_UDP = bytesOf([7, 2], [9, 2], [7, 2], [0, 2], HELLO);

export const ODD_TRANSPORTS: readonly OddPacket[] = [
  odd(
    "TCP: all flags, reserved bits, urgent pointer",
    ETHERNET,
    ethernet(0x0800, ip4(6, tcp(0x0fff, new Uint8Array(), HELLO))),
    "ethernet ipv4 tcp",
    {
      "tcp.flags": [0x1ff],
      "tcp.reserved": [7],
      "tcp.urgentPointer": [7],
      "tcp.sequence": [0xfffffffe],
      "tcp.acknowledgment": [0x80000001],
    },
    "68656c6c6f",
  ),
  odd(
    "TCP: the options of a SYN, the largest window scale",
    ETHERNET,
    ethernet(0x0800, ip4(6, tcp(0x002, hex("020405b4 0402 080a ffffffff 00000000 01 03030e")))),
    "ethernet ipv4 tcp",
    {
      "tcp.options": [
        [
          { option: "mss", mss: 1460 },
          { option: "sackPermitted" },
          { option: "timestamps", value: 0xffffffff, echo: 0 },
          { option: "nop" },
          { option: "windowScale", shift: 14 },
        ],
      ],
    },
  ),
  odd(
    "TCP: four SACK blocks in the longest header",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(
        6,
        tcp(0x010, hex("0101 0522 00000001 00000002 7fffffff 80000000 fffffff0 00000010 0000000a 0000000b 01010101")),
        { ttl: 1 },
      ),
    ),
    "ethernet ipv4 tcp",
    { "tcp.dataOffset": [15], "ipv4.ttl": [1] },
  ),
  odd(
    "TCP: fast open cookie, MD5 signature, end and garbage behind it",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(6, tcp(0x018, bytesOf(hex("2206 01020304"), hex("1312"), new Uint8Array(16).fill(0x5a), hex("00 dead00")))),
    ),
    "ethernet ipv4 tcp",
    {
      "tcp.options": [
        [
          { option: "raw", kind: 34, data: hex("01020304") },
          { option: "raw", kind: 19, data: new Uint8Array(16).fill(0x5a) },
          { option: "end", padding: hex("dead00") },
        ],
      ],
    },
  ),
  odd(
    "TCP: an option of length 0",
    ETHERNET,
    ethernet(0x0800, ip4(6, tcp(0x010, hex("02000000")))),
    "ethernet ipv4 tcp",
    { "tcp.options": [hex("02000000")] },
  ),
  odd(
    "TCP: header of 16 bytes",
    ETHERNET,
    ethernet(0x0800, ip4(6, SHORT_TCP)),
    "ethernet ipv4",
    {},
    text(SHORT_TCP),
    "badHeaderLength",
  ),
  odd(
    "UDP without a checksum, and Ethernet padding behind it",
    ETHERNET,
    padded(ethernet(0x0800, ip4(17, bytesOf([7, 2], [9, 2], [13, 2], [0, 2], HELLO)))),
    "ethernet ipv4 udp",
    { "udp.checksum": [0], "udp.length": [13] },
    "68656c6c6f",
  ),
  odd(
    "UDP shorter than IP says",
    ETHERNET,
    ethernet(0x0800, ip4(17, bytesOf([7, 2], [9, 2], [10, 2], [0, 2], HELLO))),
    "ethernet ipv4 udp",
    { "udp.length": [10] },
    "6865",
  ),
  odd(
    "UDP of length 7",
    ETHERNET,
    ethernet(0x0800, ip4(17, SHORT_UDP)),
    "ethernet ipv4",
    {},
    text(SHORT_UDP),
    "badTotalLength",
  ),
  odd(
    "ESP",
    ETHERNET,
    ethernet(0x0800, ip4(50, hex("453f6df3 00000001 513441f4f4bffa52 00112233445566778899aabb"))),
    "ethernet ipv4 esp",
    { "esp.spi": [0x453f6df3], "esp.sequence": [1] },
    "513441f4f4bffa5200112233445566778899aabb",
  ),
  odd(
    "SCTP: a SACK with gaps and duplicates, an unknown chunk, DATA whose padding is missing",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(
        132,
        sctp(
          0xa5add867,
          hex(
            "0300001c 00000064 0001fc00 0002 0001 0002 0003 0005 0005 00000063 fe000005 ff000000 00 0f 0012 00000065 0001 0002 0000002e 6869",
          ),
        ),
      ),
    ),
    "ethernet ipv4 sctp",
    { "sctp.verificationTag": [0xa5add867], "sctp.srcPort": [40001] },
  ),
  odd(
    "SCTP with a chunk of three bytes",
    ETHERNET,
    ethernet(0x0800, ip4(132, sctp(1, hex("04000003")))),
    "ethernet ipv4",
    {},
    text(sctp(1, hex("04000003"))),
    "badOption",
  ),
  odd(
    "SCTP with a chunk longer than the packet",
    ETHERNET,
    ethernet(0x0800, ip4(132, sctp(1, hex("04000009 01020304")))),
    "ethernet ipv4",
    {},
    text(sctp(1, hex("04000009 01020304"))),
    "truncated",
  ),
];

const INNER = ethernet(0x0800, ip4(1, ECHO));
const overlay = (port: number, inner: Uint8Array) => ethernet(0x0800, ip4(17, udp(48484, port, inner)));

export const ODD_OVERLAYS: readonly OddPacket[] = [
  odd(
    "VXLAN with every reserved bit set",
    ETHERNET,
    overlay(4789, vxlan(0x7fb7ffff, 0x001001ff, INNER)),
    "ethernet ipv4 udp vxlan ethernet ipv4 icmp",
    { "vxlan.flags": [0x7f], "vxlan.vni": [4097], "vxlan.reserved2": [0xff], "vxlan.groupPolicyId": [0xffff] },
    "61626364",
  ),
  odd(
    "VXLAN with a group policy, don't learn, policy applied",
    ETHERNET,
    overlay(4789, vxlan(0x88480005, 0xffffff00, INNER)),
    "ethernet ipv4 udp vxlan ethernet ipv4 icmp",
    { "vxlan.flags": [0x88], "vxlan.reserved1": [0x48], "vxlan.groupPolicyId": [5], "vxlan.vni": [0xffffff] },
    "61626364",
  ),
  odd(
    "VXLAN without a valid VNI",
    ETHERNET,
    overlay(4789, vxlan(0, 0x00100100, INNER)),
    "ethernet ipv4 udp",
    {},
    text(vxlan(0, 0x00100100, INNER)),
    "badFlags",
  ),
  odd(
    "GPE over IPv4",
    ETHERNET,
    overlay(4790, vxlan(0x0c000001, 0x00000900, ip4(1, ECHO))),
    "ethernet ipv4 udp vxlan ipv4 icmp",
    { "vxlan.vni": [9] },
    "61626364",
  ),
  odd(
    "GPE over IPv6",
    ETHERNET,
    overlay(4790, vxlan(0x0c000002, 0x00000a00, ip6(17, udp6(1, 2, HELLO)))),
    "ethernet ipv4 udp vxlan ipv6 udp",
    { "vxlan.vni": [10] },
    "68656c6c6f",
  ),
  odd(
    "GPE over Ethernet",
    ETHERNET,
    overlay(4790, vxlan(0x0c000003, 0x00000b00, INNER)),
    "ethernet ipv4 udp vxlan ethernet ipv4 icmp",
    { "vxlan.vni": [11] },
    "61626364",
  ),
  odd(
    "GPE over what nobody knows",
    ETHERNET,
    overlay(4790, vxlan(0x0c0000fe, 0x00000c00, HELLO)),
    "ethernet ipv4 udp vxlan",
    { "vxlan.vni": [12] },
    "68656c6c6f",
  ),
  odd(
    "a tag in VXLAN in VXLAN in a tag",
    ETHERNET,
    ethernet(
      0x8100,
      tag(
        0x0005,
        0x0800,
        ip4(
          17,
          udp(
            40000,
            4789,
            vxlan(
              0x08000000,
              0x00000100,
              overlay(4789, vxlan(0x08000000, 0x00000200, ethernet(0x8100, tag(0x0006, 0x0806, arp(1))))),
            ),
          ),
        ),
      ),
    ),
    "ethernet vlan ipv4 udp vxlan ethernet ipv4 udp vxlan ethernet vlan arp",
    { "vlan.vid": [5, 6], "vxlan.vni": [1, 2] },
  ),
];
