import * as arp from "@hopscope/codec/arp";
import * as dns from "@hopscope/codec/dns";
import * as esp from "@hopscope/codec/esp";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as icmpv6 from "@hopscope/codec/icmpv6";
import * as igmp from "@hopscope/codec/igmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as ipv6 from "@hopscope/codec/ipv6";
import * as extension from "@hopscope/codec/ipv6-extensions";
import * as linuxSll from "@hopscope/codec/linux-sll";
import * as linuxSll2 from "@hopscope/codec/linux-sll2";
import * as llc from "@hopscope/codec/llc";
import * as sctp from "@hopscope/codec/sctp";
import * as tcp from "@hopscope/codec/tcp";
import * as tcpOptions from "@hopscope/codec/tcp-options";
import * as udp from "@hopscope/codec/udp";
import * as vlan from "@hopscope/codec/vlan";
import * as vxlan from "@hopscope/codec/vxlan";
import { formatMac, parseIpv4, parseIpv6, parseMac } from "@hopscope/codec/address";
import { describe, expect, it } from "vitest";
import { describe as say, type DescribeOptions } from "../../src/print/describe.ts";
import { PLAIN, type PrintedPacket } from "../../src/print/line.ts";
import {
  ARP_REQUEST,
  bytesOf,
  DNS_ANSWER,
  ECHO_IN_VXLAN,
  layersOf,
  packetOf,
  PORT_UNREACHABLE,
  SYN_OFFLOADED,
  SYN_OFFLOADED_IN_VXLAN,
} from "./packet.ts";

function words(packet: PrintedPacket, options?: DescribeOptions): string {
  return say(packet, layersOf(packet), options);
}

function wordsOf(bytes: Uint8Array, linkType: number = 1): string {
  return words(packetOf(bytes, { linkType }));
}

const SRC = parseIpv4("10.0.9.3")!;
const DST = parseIpv4("10.0.9.5")!;
const PSEUDO = { srcIp: SRC, dstIp: DST };
const MACS = { srcMac: parseMac("02:42:0a:00:09:03")!, dstMac: parseMac("02:42:0a:00:09:05")! };
const SIX = { srcIp: parseIpv6("fe80::1")!, dstIp: parseIpv6("ff02::2")! };

function ip(protocol: number, payload: Uint8Array, init: Partial<ipv4.Ipv4Init> = {}): Uint8Array {
  return ipv4.encode({ protocol, ...PSEUDO, ...init }, payload);
}

function frame(packet: Uint8Array, etherType: number = 0x0800): Uint8Array {
  return ethernet.encode({ ...MACS, etherType }, packet);
}

function segment(init: Partial<tcp.TcpInit>, data: number = 0): Uint8Array {
  return tcp.encode({ srcPort: 51128, dstPort: 80, window: 502, ...init }, new Uint8Array(data), { pseudo: PSEUDO });
}

describe("real frames", () => {
  it.each([
    [
      "an echo request through VXLAN",
      ECHO_IN_VXLAN,
      "192.168.77.11 > 192.168.77.12 VXLAN 4097 | 10.0.9.3 > 10.0.9.5 ICMP echo request id 25 seq 0 ttl 64 DF, 84 bytes",
    ],
    [
      "a SYN whose checksum is left to the network card",
      SYN_OFFLOADED,
      "10.0.9.3:51128 > 10.0.9.5:80 TCP SYN seq 582524461 win 64860 (mss 1410, sack permitted, timestamps, window scale 10) ttl 64 DF, 60 bytes; checksum offloaded",
    ],
    [
      "the same in VXLAN, whose own checksum counts on it",
      SYN_OFFLOADED_IN_VXLAN,
      "192.168.77.13 > 192.168.77.12 VXLAN 4097 | 10.0.1.11:35896 > 10.0.1.5:80 TCP SYN seq 1363053882 win 64860 (mss 1410, sack permitted, timestamps, window scale 7) ttl 63 DF, 60 bytes; checksum offloaded",
    ],
    [
      "an ICMP error with what it is about",
      PORT_UNREACHABLE,
      "10.0.9.5 > 10.0.9.3 ICMP port unreachable ttl 64 tos 0xc0, 88 bytes, about 10.0.9.3:59374 > 10.0.9.5:5999 UDP data 32 ttl 64 DF, 60 bytes",
    ],
    [
      "an answer of Docker's resolver",
      DNS_ANSWER,
      "127.0.0.11:53 > 127.0.0.1:59493 DNS response NOERROR A 10.0.9.2 ttl 600 for overlay_service, ttl 64 DF, 92 bytes; checksum offloaded",
    ],
    ["an ARP request", ARP_REQUEST, "ARP who has 10.0.9.5 tell 10.0.9.3"],
  ])("%s", (_name, hex, expected) => {
    expect(words(packetOf(bytesOf(hex)))).toBe(expected);
  });

  it("with MAC addresses, those of tunnels too", () => {
    const options = { macs: true, style: PLAIN };
    expect(words(packetOf(bytesOf(ECHO_IN_VXLAN)), options)).toBe(
      "52:54:00:77:00:0b > 52:54:00:77:00:0c 192.168.77.11 > 192.168.77.12 VXLAN 4097 | " +
        "02:42:0a:00:09:03 > 02:42:0a:00:09:05 10.0.9.3 > 10.0.9.5 ICMP echo request id 25 seq 0 ttl 64 DF, 84 bytes",
    );
    expect(words(packetOf(bytesOf(ARP_REQUEST)), options)).toBe(
      "02:42:0a:00:09:03 > broadcast ARP who has 10.0.9.5 tell 10.0.9.3",
    );
  });
});

describe("transport", () => {
  it("TCP with data, its acknowledgment and what SACK says is missing", () => {
    const options = tcpOptions.encode([
      { option: "nop" },
      { option: "nop" },
      { option: "timestamps", value: 1, echo: 2 },
      { option: "nop" },
      { option: "nop" },
      { option: "sack", blocks: [{ left: 100, right: 200 }] },
    ]);
    const flags = tcp.TcpFlag.ack | tcp.TcpFlag.psh;
    expect(wordsOf(frame(ip(6, segment({ sequence: 7, acknowledgment: 9, flags, options }, 77))))).toBe(
      "10.0.9.3:51128 > 10.0.9.5:80 TCP PSH ACK seq 7 ack 9 win 502 data 77 (sack 100-200) ttl 64, 141 bytes",
    );
  });

  it("TCP without options, with urgent data, with a malformed option", () => {
    expect(wordsOf(frame(ip(6, segment({ flags: tcp.TcpFlag.rst }))))).toBe(
      "10.0.9.3:51128 > 10.0.9.5:80 TCP RST seq 0 win 502 ttl 64, 40 bytes",
    );
    expect(wordsOf(frame(ip(6, segment({ flags: tcp.TcpFlag.urg, urgentPointer: 3 }, 4))))).toBe(
      "10.0.9.3:51128 > 10.0.9.5:80 TCP URG seq 0 win 502 urg 3 data 4 ttl 64, 44 bytes",
    );
    expect(wordsOf(frame(ip(6, segment({ flags: tcp.TcpFlag.ack, options: bytesOf("05ff0000") }))))).toBe(
      "10.0.9.3:51128 > 10.0.9.5:80 TCP ACK seq 0 ack 0 win 502 (malformed option) ttl 64, 44 bytes",
    );
  });

  it("UDP, and UDP over IPv6", () => {
    const datagram = udp.encode({ srcPort: 5000, dstPort: 9000 }, new Uint8Array(32), { pseudo: PSEUDO });
    expect(wordsOf(frame(ip(17, datagram, { dontFragment: true, ttl: 63 })))).toBe(
      "10.0.9.3:5000 > 10.0.9.5:9000 UDP data 32 ttl 63 DF, 60 bytes",
    );
    const six = udp.encode({ srcPort: 546, dstPort: 547 }, new Uint8Array(4), { pseudo: SIX });
    expect(wordsOf(frame(ipv6.encode({ nextHeader: 17, hopLimit: 1, ...SIX }, six), 0x86dd))).toBe(
      "[fe80::1]:546 > [ff02::2]:547 UDP data 4 hop limit 1, 52 bytes",
    );
  });

  it("IPv4 options that are only padding are not mentioned", () => {
    expect(wordsOf(frame(ip(47, new Uint8Array(10), { options: bytesOf("01010100") })))).toBe(
      "10.0.9.3 > 10.0.9.5 GRE data 10 ttl 64, 34 bytes",
    );
  });

  it("SCTP with its chunks", () => {
    const chunks = bytesOf("03000010 48a2dc80 00020000 00000000 0b000004");
    const packet = sctp.encode({ srcPort: 9000, dstPort: 40001, verificationTag: 0xec8cd06c, chunks });
    expect(wordsOf(frame(ip(132, packet)))).toBe(
      "10.0.9.3:9000 > 10.0.9.5:40001 SCTP tag 0xec8cd06c SACK 1218632832 window 131072, COOKIE ACK ttl 64, 52 bytes",
    );
  });

  it("ESP, IGMP with router alert, ICMPv6", () => {
    const encrypted = esp.encode({ spi: 0x453f6df3, sequence: 9 }, new Uint8Array(100));
    expect(wordsOf(frame(ip(50, encrypted)))).toBe("10.0.9.3 > 10.0.9.5 ESP spi 0x453f6df3 seq 9 ttl 64, 128 bytes");
    const leave = igmp.encode({ kind: "membership", type: 0x17, group: parseIpv4("224.0.0.251")! });
    expect(wordsOf(frame(ip(2, leave, { ttl: 1, options: bytesOf("94040000") })))).toBe(
      "10.0.9.3 > 10.0.9.5 IGMP leave 224.0.0.251 ttl 1 (router alert 0), 32 bytes",
    );
    const echo = icmpv6.encode({ body: { message: "echoRequest", identifier: 1, sequence: 2 } }, bytesOf("00"), {
      pseudo: SIX,
    });
    expect(wordsOf(ipv6.encode({ nextHeader: 58, ...SIX }, echo), 229)).toBe(
      "fe80::1 > ff02::2 ICMPv6 echo request id 1 seq 2, hop limit 64, 49 bytes",
    );
  });

  it("DNS: a question, an answer without records, many records cut short", () => {
    const say53 = (message: dns.DnsInit, srcPort: number, dstPort: number): string => {
      const datagram = udp.encode({ srcPort, dstPort }, dns.encode(message), { pseudo: PSEUDO });
      return wordsOf(frame(ip(17, datagram))).replace(/, ttl 64, .*/, "");
    };
    const questions = [{ name: "web", type: 28, class: 1 }];
    expect(say53({ questions }, 40000, 53)).toBe("10.0.9.3:40000 > 10.0.9.5:53 DNS query AAAA web");
    expect(say53({ response: true, questions }, 53, 40000)).toBe(
      "10.0.9.3:53 > 10.0.9.5:40000 DNS response NOERROR AAAA web no answers",
    );
    const answers = Array.from(
      { length: 60 },
      () => ({ record: "a", name: "web", class: 1, ttl: 0, address: SRC }) as const,
    );
    const long = say53({ response: true, questions, answers }, 53, 40000);
    expect(long).toMatch(/^10\.0\.9\.3:53 > 10\.0\.9\.5:40000 DNS response NOERROR A 10\.0\.9\.3 ttl 0, .*…$/);
    expect(long.length).toBeLessThan(300);
  });

  it("protocols that nobody here reads, by name or number", () => {
    expect(wordsOf(frame(ip(47, new Uint8Array(10))))).toBe("10.0.9.3 > 10.0.9.5 GRE data 10 ttl 64, 30 bytes");
    expect(wordsOf(frame(ip(200, new Uint8Array(10), { tos: 2 })))).toBe(
      "10.0.9.3 > 10.0.9.5 protocol 200 data 10 ttl 64 tos 0x2, 30 bytes",
    );
  });
});

describe("fragments", () => {
  const data = udp.encode({ srcPort: 48484, dstPort: vxlan.PORT }, new Uint8Array(1448));

  it("of IPv4 say which bytes of what they are; the first one has the ports", () => {
    expect(wordsOf(frame(ip(17, data, { moreFragments: true, identification: 7 })))).toBe(
      "10.0.9.3:48484 > 10.0.9.5:4789 UDP fragment of id 7: bytes 0-1455, more follow, ttl 64, 1476 bytes",
    );
    expect(wordsOf(frame(ip(1, new Uint8Array(24), { fragmentOffset: 1456, identification: 7 })))).toBe(
      "10.0.9.3 > 10.0.9.5 ICMP fragment of id 7: bytes 1456-1479, the last, ttl 64, 44 bytes",
    );
  });

  it("of IPv6 too", () => {
    const header = { nextHeader: 17, fragmentOffset: 1232, moreFragments: true, identification: 9 };
    const six = ipv6.encode({ nextHeader: 44, ...SIX }, extension.encodeFragment(header, new Uint8Array(16)));
    expect(wordsOf(frame(six, 0x86dd))).toBe(
      "fe80::1 > ff02::2 UDP fragment of id 9: bytes 1232-1247, more follow, hop limit 64, 64 bytes",
    );
  });
});

describe("tunnels and tags", () => {
  const inner = ip(6, segment({ flags: tcp.TcpFlag.syn }));
  const innerWords = "10.0.9.3:51128 > 10.0.9.5:80 TCP SYN seq 0 win 502 ttl 64, 40 bytes";

  it("VLAN tags, outside and inside", () => {
    const inside = frame(vlan.encode({ vid: 7, etherType: 0x0800 }, inner), 0x8100);
    const tunnel = ip(17, udp.encode({ srcPort: 1, dstPort: 4789 }, vxlan.encode({ vni: 9 }, inside)));
    expect(wordsOf(frame(vlan.encode({ vid: 100, etherType: 0x0800 }, tunnel), 0x8100))).toBe(
      `VLAN 100 10.0.9.3 > 10.0.9.5 VXLAN 9 | VLAN 7 ${innerWords}`,
    );
  });

  it("group policy, IP in IP, ARP in VXLAN", () => {
    const policy = vxlan.encode({ vni: 9, flags: 0x88, groupPolicyId: 5 }, frame(inner));
    expect(wordsOf(frame(ip(17, udp.encode({ srcPort: 1, dstPort: 4789 }, policy))))).toBe(
      `10.0.9.3 > 10.0.9.5 VXLAN 9 group 5 | ${innerWords}`,
    );
    expect(wordsOf(frame(ip(4, inner)))).toBe(`10.0.9.3 > 10.0.9.5 IP in IP | ${innerWords}`);
    const asked = arp.encode({ operation: 1, senderMac: MACS.srcMac, senderIp: SRC, targetIp: DST });
    const flooded = vxlan.encode({ vni: 9 }, frame(asked, 0x0806));
    expect(wordsOf(frame(ip(17, udp.encode({ srcPort: 1, dstPort: 4789 }, flooded))))).toBe(
      "10.0.9.3 > 10.0.9.5 VXLAN 9 | ARP who has 10.0.9.5 tell 10.0.9.3",
    );
  });

  it("a tunnel with something that is not even Ethernet inside", () => {
    const empty = vxlan.encode({ vni: 9 }, new Uint8Array(3));
    expect(wordsOf(frame(ip(17, udp.encode({ srcPort: 1, dstPort: 4789 }, empty))))).toBe(
      "10.0.9.3 > 10.0.9.5 VXLAN 9 | 3 bytes; ethernet at byte 50: needs 14 bytes, there are 3 (limit: udp.length)",
    );
  });
});

describe("ICMP errors", () => {
  it("about a tunnel say what was in it", () => {
    const inside = frame(ip(17, udp.encode({ srcPort: 5, dstPort: 6 }, new Uint8Array(1400), { pseudo: PSEUDO })));
    const outer = ip(17, udp.encode({ srcPort: 1, dstPort: 4789 }, vxlan.encode({ vni: 4097 }, inside)));
    const error = icmp.encode({ kind: "unreachable", code: 4, nextHopMtu: 1400 }, outer.subarray(0, 548));
    expect(wordsOf(frame(ip(1, error)))).toBe(
      "10.0.9.3 > 10.0.9.5 ICMP fragmentation needed mtu 1400 ttl 64, 576 bytes, about 10.0.9.3 > 10.0.9.5 VXLAN 4097 | 10.0.9.3:5 > 10.0.9.5:6 UDP data 1400 ttl 64, 1428 bytes",
    );
  });

  it("about a segment of which eight bytes are quoted still say its ports", () => {
    const quote = ip(6, segment({ sequence: 77 })).subarray(0, 28);
    expect(wordsOf(frame(ip(1, icmp.encode({ kind: "timeExceeded", code: 0 }, quote))))).toBe(
      "10.0.9.3 > 10.0.9.5 ICMP ttl exceeded in transit ttl 64, 56 bytes, about 10.0.9.3:51128 > 10.0.9.5:80 TCP seq 77 ttl 64, 40 bytes",
    );
  });

  it("about a whole segment leave its window and options out", () => {
    const quote = ip(6, segment({ flags: tcp.TcpFlag.syn, options: bytesOf("02040582") }), { ttl: 1 });
    expect(wordsOf(frame(ip(1, icmp.encode({ kind: "timeExceeded", code: 0 }, quote))))).toBe(
      "10.0.9.3 > 10.0.9.5 ICMP ttl exceeded in transit ttl 64, 72 bytes, about 10.0.9.3:51128 > 10.0.9.5:80 TCP SYN seq 0 ttl 1, 44 bytes",
    );
  });
});

describe("frames without IP", () => {
  it("say who sent what to whom", () => {
    expect(wordsOf(frame(new Uint8Array(46), 0x88cc))).toBe("02:42:0a:00:09:03 > 02:42:0a:00:09:05 LLDP, 46 bytes");
    expect(wordsOf(frame(new Uint8Array(46), 0x1234))).toBe(
      "02:42:0a:00:09:03 > 02:42:0a:00:09:05 EtherType 0x1234, 46 bytes",
    );
    const bpdu = llc.encode({ dsap: 0x42, ssap: 0x42 }, new Uint8Array(35));
    expect(wordsOf(frame(bpdu, bpdu.length))).toBe("02:42:0a:00:09:03 > 02:42:0a:00:09:05 LLC STP UI, 35 bytes");
  });

  it("of a link type that nobody here reads", () => {
    expect(wordsOf(new Uint8Array(60), 127)).toBe("IEEE802_11_RADIOTAP, 60 bytes");
    expect(wordsOf(bytesOf("00000007aabb"), 108)).toBe("BSD loopback, 2 bytes");
  });

  it("of captures on all interfaces say which one, and the direction", () => {
    const packet = ip(50, esp.encode({ spi: 1, sequence: 2 }, new Uint8Array(8)));
    const said = "10.0.9.3 > 10.0.9.5 ESP spi 0x00000001 seq 2 ttl 64, 36 bytes";
    const v2 = linuxSll2.encode({ srcMac: MACS.srcMac, protocol: 0x0800, interfaceIndex: 3, packetType: 4 }, packet);
    expect(wordsOf(v2, 276)).toBe(`[interface 3 out] ${said}`);
    const v1 = linuxSll.encode({ srcMac: MACS.srcMac, protocol: 0x0800 }, packet);
    expect(wordsOf(v1, 113)).toBe(`[in] ${said}`);
    const withMacs = words(packetOf(v1, { linkType: 113 }), { macs: true, style: PLAIN });
    expect(withMacs).toBe(`[in from ${formatMac(MACS.srcMac)}] ${said}`);
  });
});

describe("what is unusual or wrong", () => {
  const changed = (at: number): Uint8Array => {
    const bytes = bytesOf(ECHO_IN_VXLAN);
    bytes[at] = bytes[at]! ^ 0x10;
    return bytes;
  };
  const noteOf = (text: string): string => text.slice(text.indexOf("bytes") + 5);

  it("bad checksums, by layer", () => {
    expect(noteOf(wordsOf(changed(22)))).toBe("; bad outer IPv4 checksum");
    expect(noteOf(wordsOf(changed(40)))).toBe("; bad outer UDP checksum");
    expect(noteOf(wordsOf(changed(100)))).toBe("; bad outer UDP checksum; bad ICMP checksum");
    const quoted = bytesOf(PORT_UNREACHABLE);
    quoted[50] = 1;
    expect(wordsOf(quoted)).toMatch(/; bad ICMP checksum; bad quoted IPv4 checksum$/);
  });

  it("a capture that was cut, which explains what is missing", () => {
    const packet = packetOf(bytesOf(ECHO_IN_VXLAN).subarray(0, 96), { wireLength: 148 });
    expect(noteOf(words(packet))).toBe("; cut to 96 of 148 bytes");
  });

  it("a cut packet still says how long it was", () => {
    const whole = frame(ip(6, segment({ flags: tcp.TcpFlag.ack }, 1000)));
    expect(words(packetOf(whole.subarray(0, 96), { wireLength: whole.length }))).toBe(
      "10.0.9.3:51128 > 10.0.9.5:80 TCP ACK seq 0 ack 0 win 502 data 1000 ttl 64, 1040 bytes; cut to 96 of 1054 bytes",
    );
    const part = frame(ip(17, new Uint8Array(1456), { fragmentOffset: 1456, identification: 7, moreFragments: true }));
    expect(words(packetOf(part.subarray(0, 96), { wireLength: part.length }))).toBe(
      "10.0.9.3 > 10.0.9.5 UDP fragment of id 7: bytes 1456-2911, more follow, ttl 64, 1476 bytes; cut to 96 of 1490 bytes",
    );
  });

  it("a packet that is not all there although the capture is", () => {
    expect(noteOf(wordsOf(bytesOf(ECHO_IN_VXLAN).subarray(0, 96)))).toBe(
      "; ipv4 at byte 14: needs 134 bytes, there are 82 (limit: capture)",
    );
  });

  it("a header that makes no sense", () => {
    expect(wordsOf(frame(bytesOf(`65${"00".repeat(30)}`)))).toBe(
      "02:42:0a:00:09:03 > 02:42:0a:00:09:05 IPv4, 31 bytes; ipv4 at byte 14: badVersion (31 bytes, limit: capture)",
    );
  });

  it("a segment that the network card will cut", () => {
    const large = frame(ip(6, segment({ flags: tcp.TcpFlag.ack }, 3000)));
    new DataView(large.buffer).setUint16(16, 0);
    ipv4.fillChecksum(new DataView(large.buffer), 14);
    expect(wordsOf(large)).toBe(
      "10.0.9.3:51128 > 10.0.9.5:80 TCP ACK seq 0 ack 0 win 502 data 3000 ttl 64; length offloaded (TSO)",
    );
  });
});

describe("styles", () => {
  it("wrap words and change nothing else", () => {
    const mark = (name: string) => (text: string) => `<${name}:${text}>`;
    const style = {
      dim: mark("dim"),
      place: mark("place"),
      protocol: mark("protocol"),
      notice: mark("notice"),
      warning: mark("warning"),
    };
    const plain = wordsOf(bytesOf(SYN_OFFLOADED_IN_VXLAN));
    const styled = words(packetOf(bytesOf(SYN_OFFLOADED_IN_VXLAN)), { macs: false, style });
    expect(styled).toContain("<protocol:VXLAN> 4097");
    expect(styled).toContain("<notice:checksum offloaded>");
    expect(styled.replaceAll(/<\w+:([^>]*)>/g, "$1")).toBe(plain);
  });
});
