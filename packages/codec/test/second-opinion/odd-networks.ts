/** IPv4 with its options, IPv6 with its extension headers, one in the other. */
import { A_IP, B_IP, B_IP6, bytesOf, ethernet, hex, ip4, ip6, message, tcp, udp, udp6 } from "./odd-bytes.ts";
import { odd, type OddPacket, text } from "./odd-packet.ts";

const ETHERNET = 1;
const HELLO = hex("68656c6c6f");
const ECHO = message(8, 0, hex("0019 0001 61626364"));

const SHORT_IP4 = bytesOf([0x44, 1], ip4(17, udp(1, 2, HELLO)).subarray(1));

export const ODD_NETWORKS: readonly OddPacket[] = [
  odd(
    "IPv4 options: no-operation, record route half full, end and padding",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(17, udp(1, 2, HELLO), { options: bytesOf(hex("01 07 0b 08"), B_IP, hex("00000000"), hex("00000000")) }),
    ),
    "ethernet ipv4 udp",
    { "ipv4.ihl": [9] },
    "68656c6c6f",
  ),
  odd(
    "IPv4 options: timestamps with addresses, overflow 15",
    ETHERNET,
    ethernet(0x0800, ip4(17, udp(1, 2, HELLO), { options: bytesOf(hex("44 0c 0d f1"), A_IP, hex("00c0ffee")) })),
    "ethernet ipv4 udp",
    {
      "ipv4.options": [
        [
          {
            option: "timestamp",
            pointer: 13,
            overflow: 15,
            flag: 1,
            entries: [{ address: 0x0a000903, timestamp: 0x00c0ffee }],
          },
        ],
      ],
    },
    "68656c6c6f",
  ),
  odd(
    "IPv4 options: timestamps alone, loose and strict source route",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(17, udp(1, 2, HELLO), {
        options: bytesOf(hex("44 08 05 00 00000000"), hex("83 07 04"), B_IP, hex("89 07 08"), B_IP, hex("01 01")),
      }),
    ),
    "ethernet ipv4 udp",
    {
      "ipv4.options": [
        [
          { option: "timestamp", pointer: 5, overflow: 0, flag: 0, entries: [{ timestamp: 0 }] },
          { option: "looseSourceRoute", pointer: 4, addresses: [0x0a000905] },
          { option: "strictSourceRoute", pointer: 8, addresses: [0x0a000905] },
          { option: "nop" },
          { option: "nop" },
        ],
      ],
    },
    "68656c6c6f",
  ),
  odd(
    "IPv4 options: router alert, stream id, security, the longest header",
    ETHERNET,
    ethernet(
      0x0800,
      ip4(17, udp(1, 2, HELLO), {
        tos: 0xc0,
        options: bytesOf(hex("94040000 88040102 820b abcd00000000000000"), new Uint8Array(21).fill(1)),
      }),
    ),
    "ethernet ipv4 udp",
    { "ipv4.ihl": [15], "ipv4.tos": [0xc0] },
    "68656c6c6f",
  ),
  odd(
    "an IPv4 option of length 1",
    ETHERNET,
    ethernet(0x0800, ip4(17, udp(1, 2, HELLO), { options: hex("07010000") })),
    "ethernet ipv4 udp",
    { "ipv4.options": [hex("07010000")] },
    "68656c6c6f",
  ),
  odd(
    "IPv4 total length 0, as offload leaves it",
    ETHERNET,
    ethernet(0x0800, ip4(6, tcp(0x010, new Uint8Array(), HELLO), { totalLength: 0 })),
    "ethernet ipv4 tcp",
    { "ipv4.totalLength": [0], "tcp.flags": [0x10] },
    "68656c6c6f",
  ),
  odd(
    "IPv4: reserved flag set, ECN and DSCP",
    ETHERNET,
    ethernet(0x0800, ip4(17, udp(1, 2, HELLO), { fragment: 0x8000, tos: 0xbb, ttl: 255 })),
    "ethernet ipv4 udp",
    { "ipv4.reservedFlag": [true], "ipv4.dontFragment": [false], "ipv4.tos": [0xbb], "ipv4.ttl": [255] },
    "68656c6c6f",
  ),
  odd(
    "the last fragment, at the largest offset",
    ETHERNET,
    ethernet(0x0800, ip4(17, HELLO, { fragment: 0x1fff })),
    "ethernet ipv4",
    { "ipv4.fragmentOffset": [65528], "ipv4.moreFragments": [false] },
    "68656c6c6f",
  ),
  odd(
    "IPv4 in IPv4 in IPv6",
    ETHERNET,
    ethernet(0x86dd, ip6(4, ip4(4, ip4(1, ECHO)))),
    "ethernet ipv6 ipv4 ipv4 icmp",
    { "ipv4.protocol": [4, 1] },
    "61626364",
  ),
  odd(
    "IPv6 in IPv4",
    ETHERNET,
    ethernet(0x0800, ip4(41, ip6(59, HELLO))),
    "ethernet ipv4 ipv6",
    { "ipv6.nextHeader": [59] },
    "68656c6c6f",
  ),
  odd(
    "IPv4 header of 16 bytes",
    ETHERNET,
    ethernet(0x0800, SHORT_IP4),
    "ethernet",
    {},
    text(SHORT_IP4),
    "badHeaderLength",
  ),
  odd(
    "every IPv6 extension header, an atomic fragment among them",
    ETHERNET,
    ethernet(
      0x86dd,
      ip6(
        0,
        bytesOf(
          hex("3c 00 0502 0000 0100"),
          hex("2b 01 1e04 deadbeef 0006 000000000000"),
          hex("2c 02 02 00 00000000"),
          B_IP6,
          hex("11 00 0000 cafebabe"),
          udp6(1, 2, HELLO),
        ),
      ),
    ),
    "ethernet ipv6 hopByHop destinationOptions routing fragment udp",
    {
      "hopByHop.nextHeader": [60],
      "destinationOptions.nextHeader": [43],
      "destinationOptions.headerExtensionLength": [1],
      "routing.routingType": [2],
      "routing.segmentsLeft": [0],
      "fragment.identification": [0xcafebabe],
      "fragment.moreFragments": [false],
    },
    "68656c6c6f",
  ),
  odd(
    "a middle fragment of IPv6",
    ETHERNET,
    ethernet(0x86dd, ip6(44, bytesOf(hex("11 00 05a9 00000001"), HELLO))),
    "ethernet ipv6 fragment",
    { "fragment.fragmentOffset": [1448], "fragment.moreFragments": [true] },
    "68656c6c6f",
  ),
];
