import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as arp from "../src/arp.ts";
import { EtherType, IpProtocol, LinkType } from "../src/code-points.ts";
import { dissect } from "../src/dissect.ts";
import * as dns from "../src/dns.ts";
import * as esp from "../src/esp.ts";
import * as icmp from "../src/icmp.ts";
import * as icmpv6 from "../src/icmpv6.ts";
import * as igmp from "../src/igmp.ts";
import * as ipv6 from "../src/ipv6.ts";
import * as extension from "../src/ipv6-extensions.ts";
import { DEFAULT_DEPTH, Layers, LayerKind, MAX_LAYERS } from "../src/layers.ts";
import * as linuxSll from "../src/linux-sll.ts";
import * as linuxSll2 from "../src/linux-sll2.ts";
import * as llc from "../src/llc.ts";
import * as nullLoopback from "../src/null.ts";
import { Status } from "../src/status.ts";
import * as sctp from "../src/sctp.ts";
import * as tcp from "../src/tcp.ts";
import * as udp from "../src/udp.ts";
import * as vxlan from "../src/vxlan.ts";
import { bytesOf, viewOf } from "./hex.ts";
import {
  counting,
  datagram,
  DST,
  ECHO_IN_VXLAN,
  ethernetFrame,
  glued,
  ip,
  namesOf,
  SRC,
  SRC_MAC,
  tagged,
  tunneled,
  walk,
} from "./stack.ts";

/** "Port unreachable" about a UDP datagram of 32 bytes, which it quotes whole. */
const PORT_UNREACHABLE = bytesOf(
  "02420a00090302420a0009050800" +
    "45c000583920000040011abe0a0009050a000903" +
    "0303233e00000000" +
    "4500003c27dc40004011eccd0a0009030a000905" +
    "e7ee176f002888a8" +
    "70696e672d30303033322d787878787878787878787878787878787878787878",
);
/** A query that Docker's rules have moved from port 53 to the resolver's own. */
const DOCKER_QUERY = bytesOf(
  "0000000000000000000000000800" +
    "4500003daae74000401191bc7f0000017f00000b" +
    "e865b8080029fe46" +
    "55da010000010000000000000f6f7665726c61795f736572766963650000010001",
);

describe("a real echo request in VXLAN", () => {
  const layers = walk(ECHO_IN_VXLAN);

  it("has these layers, each where its header says", () => {
    expect(layers.status).toBe(Status.ok);
    expect(namesOf(layers)).toEqual(["ethernet", "ipv4", "udp", "vxlan", "ethernet", "ipv4", "icmp"]);
    expect([...layers.starts.slice(0, layers.count)]).toEqual([0, 14, 34, 42, 50, 64, 84]);
    expect([...layers.ends.slice(0, layers.count)]).toEqual([148, 148, 148, 148, 148, 148, 148]);
    expect([layers.payloadStart, layers.payloadEnd]).toEqual([92, 148]);
  });

  it("is found wherever it stands in the view", () => {
    const bytes = glued(counting(5), ECHO_IN_VXLAN, counting(9));
    const moved = new Layers();
    expect(dissect(viewOf(bytes), 5, bytes.length - 9, LinkType.ethernet, moved)).toBe(Status.ok);
    expect([...moved.starts.slice(0, moved.count)]).toEqual([5, 19, 39, 47, 55, 69, 89]);
    expect([moved.payloadStart, moved.payloadEnd]).toEqual([97, 153]);
  });

  it("leaves nothing of the frame before in the layers", () => {
    const reused = walk(PORT_UNREACHABLE);
    dissect(viewOf(ECHO_IN_VXLAN), 0, ECHO_IN_VXLAN.length, LinkType.ethernet, reused);
    expect(namesOf(reused)).toEqual(namesOf(layers));
    expect([reused.quoteIndex, reused.cutIndex, reused.isFragment, reused.status]).toEqual([-1, -1, false, Status.ok]);
  });

  it("is plain UDP on a port that nobody said is VXLAN's", () => {
    const other = walk(ECHO_IN_VXLAN, LinkType.ethernet, { vxlanPort: 8472 });
    expect(namesOf(other)).toEqual(["ethernet", "ipv4", "udp"]);
    expect([other.payloadStart, other.payloadEnd]).toEqual([42, 148]);
  });

  it("is VXLAN on the port that was named", () => {
    const moved = Uint8Array.from(ECHO_IN_VXLAN);
    viewOf(moved).setUint16(36, 8472);
    expect(namesOf(walk(moved, LinkType.ethernet, { vxlanPort: 8472 }))).toEqual(namesOf(layers));
  });
});

describe("stacks", () => {
  const inner = ip(IpProtocol.udp, udp.encode({ srcPort: 1, dstPort: 2 }, counting(4)));

  it("VLAN in VXLAN in VLAN", () => {
    const lan = ethernetFrame(EtherType.vlan, tagged(7, EtherType.ipv4, inner));
    const tunnel = datagram(40000, vxlan.PORT, vxlan.encode({ vni: 9 }, lan));
    const layers = walk(ethernetFrame(EtherType.vlan, tagged(100, EtherType.ipv4, tunnel)));
    expect(namesOf(layers)).toEqual(["ethernet", "vlan", "ipv4", "udp", "vxlan", "ethernet", "vlan", "ipv4", "udp"]);
  });

  it("802.1Q in 802.1ad", () => {
    const tags = tagged(10, EtherType.vlan, tagged(20, EtherType.ipv4, inner));
    expect(namesOf(walk(ethernetFrame(EtherType.serviceVlan, tags)))).toEqual([
      "ethernet",
      "vlan",
      "vlan",
      "ipv4",
      "udp",
    ]);
  });

  it("IPv4 and IPv6 in IPv4", () => {
    expect(namesOf(walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.ipv4, inner))))).toEqual([
      "ethernet",
      "ipv4",
      "ipv4",
      "udp",
    ]);
    const six = ipv6.encode(
      { nextHeader: 17, srcIp: counting(16), dstIp: counting(16) },
      udp.encode({ srcPort: 1, dstPort: 2 }),
    );
    expect(namesOf(walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.ipv6, six))))).toEqual([
      "ethernet",
      "ipv4",
      "ipv6",
      "udp",
    ]);
  });

  it("IPv6 with extension headers", () => {
    const head = extension.encodeOptions(
      { nextHeader: IpProtocol.destinationOptions, options: [] },
      extension.encodeOptions(
        { nextHeader: IpProtocol.routing, options: [] },
        extension.encodeRouting(
          { nextHeader: IpProtocol.fragment, routingType: 4, segmentsLeft: 0 },
          extension.encodeFragment({ nextHeader: IpProtocol.udp }, udp.encode({ srcPort: 1, dstPort: 2 })),
        ),
      ),
    );
    const layers = walk(ipv6.encode({ nextHeader: 0, srcIp: counting(16), dstIp: counting(16) }, head), LinkType.raw);
    expect(namesOf(layers)).toEqual(["ipv6", "hopByHop", "destinationOptions", "routing", "fragment", "udp"]);
    expect(layers.isFragment).toBe(false);
  });

  it("VXLAN-GPE carries what its next protocol field says, on its own port only", () => {
    const gpe = (nextProtocol: number, payload: Uint8Array): Uint8Array =>
      vxlan.encode({ vni: 5, flags: 0x0c, groupPolicyId: nextProtocol }, payload);
    const onPort = (port: number, bytes: Uint8Array): readonly string[] =>
      namesOf(walk(ethernetFrame(EtherType.ipv4, datagram(1, port, bytes)))).slice(3);
    expect(onPort(4790, gpe(vxlan.GpeProtocol.ipv4, inner))).toEqual(["vxlan", "ipv4", "udp"]);
    expect(onPort(4790, gpe(vxlan.GpeProtocol.nsh, inner))).toEqual(["vxlan"]);
    expect(onPort(4790, gpe(vxlan.GpeProtocol.ethernet, ethernetFrame(EtherType.ipv4, inner)))).toEqual([
      "vxlan",
      "ethernet",
      "ipv4",
      "udp",
    ]);
    expect(onPort(4789, gpe(vxlan.GpeProtocol.ipv4, ethernetFrame(EtherType.ipv4, inner)))).toEqual([
      "vxlan",
      "ethernet",
      "ipv4",
      "udp",
    ]);
  });

  it("ESP, IGMP, TCP, ARP, DNS", () => {
    const top = (protocol: number, payload: Uint8Array): readonly string[] =>
      namesOf(walk(ethernetFrame(EtherType.ipv4, ip(protocol, payload))));
    expect(top(IpProtocol.esp, esp.encode({ spi: 1, sequence: 2 }, counting(32)))).toEqual(["ethernet", "ipv4", "esp"]);
    const report = igmp.encode({ kind: "membership", type: 0x16, group: SRC });
    expect(top(IpProtocol.igmp, report)).toEqual(["ethernet", "ipv4", "igmp"]);
    expect(top(IpProtocol.tcp, tcp.encode({ srcPort: 1, dstPort: 2 }))).toEqual(["ethernet", "ipv4", "tcp"]);
    const query = dns.encode({ questions: [{ name: "web", type: 1, class: 1 }] });
    const asked = walk(ethernetFrame(EtherType.ipv4, datagram(40000, 53, query)));
    expect(namesOf(asked)).toEqual(["ethernet", "ipv4", "udp", "dns"]);
    expect([asked.payloadStart, asked.payloadEnd]).toEqual([42 + query.length, 42 + query.length]);
    expect(namesOf(walk(ethernetFrame(EtherType.ipv4, datagram(53, 40000, query))))).toContain("dns");
  });

  it("SCTP, whose chunks are its own; cut or quoted, its header is read", () => {
    const data = {
      chunk: "data",
      tsn: 1,
      streamId: 0,
      streamSequence: 0,
      payloadProtocol: 0,
      bytes: counting(40),
    } as const;
    const packet = ip(IpProtocol.sctp, sctp.encode({ srcPort: 1, dstPort: 2, chunks: [data] }));
    const frame = ethernetFrame(EtherType.ipv4, packet);
    const whole = walk(frame);
    expect([namesOf(whole), whole.status]).toEqual([["ethernet", "ipv4", "sctp"], Status.ok]);
    expect(whole.payloadStart).toBe(whole.payloadEnd);
    const cut = walk(frame.slice(0, 60));
    expect([namesOf(cut), cut.status]).toEqual([["ethernet", "ipv4", "sctp"], Status.truncated]);
    const error = icmp.encode({ kind: "unreachable", code: 3 }, packet.slice(0, 48));
    const quoted = walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, error)));
    expect([namesOf(quoted), quoted.status]).toEqual([["ethernet", "ipv4", "icmp", "ipv4", "sctp"], Status.ok]);
    const wrong = ip(IpProtocol.sctp, sctp.encode({ srcPort: 1, dstPort: 2, chunks: bytesOf("04000003") }));
    const refused = walk(ethernetFrame(EtherType.ipv4, wrong));
    expect([namesOf(refused), refused.status]).toEqual([["ethernet", "ipv4"], Status.badOption]);
  });

  it("an empty datagram to DNS or VXLAN is UDP and no more", () => {
    for (const port of [53, 4789]) {
      const layers = walk(ethernetFrame(EtherType.ipv4, datagram(40000, port, new Uint8Array())));
      expect([namesOf(layers), layers.status]).toEqual([["ethernet", "ipv4", "udp"], Status.ok]);
    }
  });

  it("Docker's resolver is DNS on whatever port its rules chose", () => {
    const layers = walk(DOCKER_QUERY);
    expect([namesOf(layers), layers.status]).toEqual([["ethernet", "ipv4", "udp", "dns"], Status.ok]);
    const elsewhere = Uint8Array.from(DOCKER_QUERY);
    viewOf(elsewhere).setUint8(33, 12);
    expect(namesOf(walk(elsewhere))).toEqual(["ethernet", "ipv4", "udp"]);
  });
});

describe("depth", () => {
  const nested = (times: number): Uint8Array => {
    let frame = ethernetFrame(EtherType.ipv4, ip(IpProtocol.tcp, tcp.encode({ srcPort: 1, dstPort: 2 })));
    for (let level = 0; level < times; level++) frame = tunneled(level, frame);
    return frame;
  };

  it("walks VXLAN in VXLAN in VXLAN", () => {
    const layers = walk(nested(3));
    expect([layers.status, layers.count]).toEqual([Status.ok, 15]);
  });

  it("stops at the limit with tooDeep, and keeps what it has", () => {
    const layers = walk(nested(4));
    expect([layers.status, layers.count, layers.stopKind]).toEqual([Status.tooDeep, DEFAULT_DEPTH, LayerKind.ethernet]);
    expect(layers.payloadStart).toBe(4 * 50);
    expect(walk(nested(1), LinkType.ethernet, { depth: 3 }).status).toBe(Status.tooDeep);
    expect(namesOf(walk(nested(1), LinkType.ethernet, { depth: 3 }))).toEqual(["ethernet", "ipv4", "udp"]);
  });

  it("is not exceeded by a frame that ends exactly there", () => {
    const layers = walk(nested(1), LinkType.ethernet, { depth: 7 });
    expect([layers.status, layers.count]).toEqual([Status.ok, 7]);
  });

  it("never goes beyond what Layers can hold", () => {
    const layers = walk(nested(10), LinkType.ethernet, { depth: 1000 });
    expect([layers.status, layers.count]).toEqual([Status.tooDeep, MAX_LAYERS]);
  });

  it("a fragment that is too deep is not called one", () => {
    const fragment = ip(IpProtocol.udp, counting(16), { moreFragments: true });
    const layers = walk(ethernetFrame(EtherType.ipv4, fragment), LinkType.ethernet, { depth: 1 });
    expect([layers.status, layers.count, layers.isFragment]).toEqual([Status.tooDeep, 1, false]);
  });

  it("a cut packet that is too deep leaves no index of a layer that is not there", () => {
    const frame = ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, counting(64))).subarray(0, 50);
    const layers = walk(frame, LinkType.ethernet, { depth: 1 });
    expect([layers.count, layers.cutIndex, layers.status]).toEqual([1, -1, Status.truncated]);
  });
});

describe("quoted packets", () => {
  it("of a real ICMP error are layers from quoteIndex on", () => {
    const layers = walk(PORT_UNREACHABLE);
    expect(namesOf(layers)).toEqual(["ethernet", "ipv4", "icmp", "ipv4", "udp"]);
    expect([layers.quoteIndex, layers.status, layers.cutIndex]).toEqual([3, Status.ok, -1]);
    expect([layers.start(3), layers.start(4), layers.payloadStart, layers.payloadEnd]).toEqual([42, 62, 70, 102]);
  });

  it("may end anywhere without that being an error", () => {
    const segment = ip(IpProtocol.tcp, tcp.encode({ srcPort: 1, dstPort: 2 }, counting(100)));
    for (let length = 0; length <= segment.length; length++) {
      const error = icmp.encode({ kind: "timeExceeded", code: 0 }, segment.subarray(0, length));
      const layers = walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, error)));
      expect(layers.status, `${length}`).toBe(Status.ok);
      const quoted = length < 20 ? [] : length < 40 ? ["ipv4"] : ["ipv4", "tcp"];
      expect(namesOf(layers), `${length}`).toEqual(["ethernet", "ipv4", "icmp", ...quoted]);
      expect(layers.quoteIndex, `${length}`).toBe(length < 20 ? -1 : 3);
    }
  });

  it("go through a tunnel: the underlay's answer to a frame that was too long", () => {
    const outer = tunneled(4097, ethernetFrame(EtherType.ipv4, datagram(5, 6, counting(1400)))).subarray(14);
    const error = icmp.encode({ kind: "unreachable", code: 4, nextHopMtu: 1400 }, outer.subarray(0, 548));
    const layers = walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, error)));
    expect(namesOf(layers).slice(3)).toEqual(["ipv4", "udp", "vxlan", "ethernet", "ipv4", "udp"]);
    expect([layers.quoteIndex, layers.status]).toEqual([3, Status.ok]);
  });

  it("are left out of what an RFC 4884 extension follows", () => {
    const quote = ip(IpProtocol.udp, udp.encode({ srcPort: 1, dstPort: 2 }, counting(200))).subarray(0, 128);
    const error = icmp.encode(
      { kind: "timeExceeded", code: 0, quoteWords: 32 },
      glued(quote, bytesOf("20000000000801010000a1ff")),
    );
    const layers = walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, error)));
    expect([layers.payloadEnd - layers.start(3), layers.end(2)]).toEqual([128, 42 + 128]);
  });

  it("of ICMPv6 errors are IPv6", () => {
    const addresses = { srcIp: counting(16), dstIp: counting(16) };
    const quote = ipv6.encode({ nextHeader: 17, ...addresses }, udp.encode({ srcPort: 7, dstPort: 8 }, counting(900)));
    const error = icmpv6.encode({ body: { message: "packetTooBig", mtu: 1280 } }, quote.subarray(0, 500));
    const layers = walk(ipv6.encode({ nextHeader: 58, ...addresses }, error), LinkType.ipv6);
    expect(namesOf(layers)).toEqual(["ipv6", "icmpv6", "ipv6", "udp"]);
    expect([layers.quoteIndex, layers.status]).toEqual([2, Status.ok]);
  });
});

describe("lengths come from headers", () => {
  it("padding of a short frame never reaches an upper layer", () => {
    const bare = ethernetFrame(EtherType.ipv4, datagram(1, 2, counting(3)));
    const layers = walk(glued(bare, new Uint8Array(60 - bare.length).fill(0xee)));
    expect([layers.payloadStart, layers.payloadEnd]).toEqual([42, 45]);
    const empty = ethernetFrame(EtherType.ipv4, ip(IpProtocol.tcp, tcp.encode({ srcPort: 1, dstPort: 2 })));
    const segment = walk(glued(empty, new Uint8Array(6)));
    expect([segment.payloadStart, segment.payloadEnd]).toEqual([54, 54]);
  });

  it("nor does an ARP message's", () => {
    const asked = ethernetFrame(
      EtherType.arp,
      arp.encode({ operation: 1, senderMac: SRC_MAC, senderIp: SRC, targetIp: DST }),
    );
    const layers = walk(glued(asked, new Uint8Array(18)));
    expect([namesOf(layers), layers.payloadStart, layers.payloadEnd]).toEqual([["ethernet", "arp"], 42, 42]);
  });

  it("nor does what follows an LLC frame's length, tagged or not", () => {
    const bpdu = llc.encode({ dsap: 0x42, ssap: 0x42 }, counting(35));
    const padding = new Uint8Array(8).fill(0xee);
    const layers = walk(glued(ethernetFrame(bpdu.length, bpdu), padding));
    expect([namesOf(layers), layers.payloadStart, layers.payloadEnd]).toEqual([["ethernet", "llc"], 17, 52]);
    const tag = walk(glued(ethernetFrame(EtherType.vlan, tagged(3, bpdu.length, bpdu)), padding));
    expect([namesOf(tag), tag.payloadStart, tag.payloadEnd]).toEqual([["ethernet", "vlan", "llc"], 21, 56]);
  });

  it("UDP may say less than IPv4 does", () => {
    const short = udp.encode({ srcPort: 1, dstPort: 2, length: 10 }, counting(20), { lengths: "keep" });
    const layers = walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, short)));
    expect([layers.status, layers.payloadStart, layers.payloadEnd]).toEqual([Status.ok, 42, 44]);
  });

  it("UDP that says more than IPv4 does is cut there", () => {
    const long = udp.encode({ srcPort: 1, dstPort: 2, length: 100 }, counting(20), { lengths: "keep" });
    const layers = walk(glued(ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, long)), new Uint8Array(200)));
    expect([layers.status, layers.stopKind, layers.stopLimit, layers.cutIndex]).toEqual([
      Status.truncated,
      LayerKind.udp,
      "ipv4.totalLength",
      2,
    ]);
    expect([layers.payloadStart, layers.payloadEnd]).toEqual([42, 62]);
  });

  it("total length 0 is a segment that the network card will cut: to the end", () => {
    const segment = tcp.encode({ srcPort: 1, dstPort: 2 }, counting(3000));
    const kept = ethernetFrame(EtherType.ipv4, ip(IpProtocol.tcp, segment));
    viewOf(kept).setUint16(16, 0);
    const large = walk(kept);
    expect([namesOf(large), large.status]).toEqual([["ethernet", "ipv4", "tcp"], Status.ok]);
    expect(large.payloadEnd - large.payloadStart).toBe(3000);
  });
});

describe("fragments", () => {
  const VXLAN_LIKE = udp.encode({ srcPort: 40000, dstPort: vxlan.PORT }, vxlan.encode({ vni: 1 }, counting(80)));

  it("are data, the first one too", () => {
    const first = walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, VXLAN_LIKE, { moreFragments: true })));
    expect([namesOf(first), first.isFragment, first.status]).toEqual([["ethernet", "ipv4"], true, Status.ok]);
    expect([first.payloadStart, first.payloadEnd]).toEqual([34, 34 + VXLAN_LIKE.length]);
    const last = walk(ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, VXLAN_LIKE, { fragmentOffset: 1480 })));
    expect([namesOf(last), last.isFragment]).toEqual([["ethernet", "ipv4"], true]);
  });

  it("of IPv6 as well, but an atomic fragment is whole", () => {
    const fragmented = (moreFragments: boolean): Layers =>
      walk(
        ipv6.encode(
          { nextHeader: IpProtocol.fragment, srcIp: counting(16), dstIp: counting(16) },
          extension.encodeFragment({ nextHeader: IpProtocol.udp, moreFragments }, VXLAN_LIKE),
        ),
        LinkType.ipv6,
      );
    expect([namesOf(fragmented(true)), fragmented(true).isFragment]).toEqual([["ipv6", "fragment"], true]);
    expect(namesOf(fragmented(false)).slice(0, 4)).toEqual(["ipv6", "fragment", "udp", "vxlan"]);
    expect(fragmented(false).isFragment).toBe(false);
  });

  it("inside a tunnel leave the tunnel whole", () => {
    const inner = ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, counting(64), { fragmentOffset: 8 }));
    const layers = walk(tunneled(4097, inner));
    expect(namesOf(layers)).toEqual(["ethernet", "ipv4", "udp", "vxlan", "ethernet", "ipv4"]);
    expect(layers.isFragment).toBe(true);
  });
});

describe("captures that were cut", () => {
  it("at 96 bytes go on inside: both tunnel and inner packet are read", () => {
    const layers = walk(ECHO_IN_VXLAN.subarray(0, 96));
    expect(namesOf(layers)).toEqual(["ethernet", "ipv4", "udp", "vxlan", "ethernet", "ipv4", "icmp"]);
    expect([layers.status, layers.cutIndex, layers.stopKind, layers.stopLimit]).toEqual([
      Status.truncated,
      1,
      LayerKind.ipv4,
      "capture",
    ]);
    expect([layers.payloadStart, layers.payloadEnd]).toEqual([92, 96]);
  });

  it("keep every layer whose header is whole, at every length", () => {
    const headersEndAt = [14, 34, 42, 50, 64, 84, 92];
    for (let length = 0; length < ECHO_IN_VXLAN.length; length++) {
      const layers = walk(ECHO_IN_VXLAN.subarray(0, length));
      expect(layers.count, `${length}`).toBe(headersEndAt.filter((end) => end <= length).length);
      expect(layers.status, `${length}`).toBe(Status.truncated);
      expect(layers.payloadEnd, `${length}`).toBe(length);
    }
  });

  it("keep a DNS message as far as it is there", () => {
    const layers = walk(DOCKER_QUERY.subarray(0, 60));
    expect([namesOf(layers), layers.cutIndex]).toEqual([["ethernet", "ipv4", "udp", "dns"], 1]);
    expect(namesOf(walk(DOCKER_QUERY.subarray(0, 50)))).toEqual(["ethernet", "ipv4", "udp"]);
  });

  it("but a DNS message that its own datagram cuts is an error", () => {
    const query = dns.encode({ questions: [{ name: "web", type: 1, class: 1 }] });
    const layers = walk(ethernetFrame(EtherType.ipv4, datagram(40000, 53, query.subarray(0, query.length - 1))));
    expect([namesOf(layers), layers.status, layers.stopKind, layers.stopLimit]).toEqual([
      ["ethernet", "ipv4", "udp"],
      Status.truncated,
      LayerKind.dns,
      "udp.length",
    ]);
  });
});

describe("link types", () => {
  const four = ip(IpProtocol.tcp, tcp.encode({ srcPort: 1, dstPort: 2 }));
  const six = ipv6.encode(
    { nextHeader: 17, srcIp: counting(16), dstIp: counting(16) },
    udp.encode({ srcPort: 1, dstPort: 2 }),
  );

  it("raw IP says its version itself", () => {
    for (const linkType of [LinkType.raw, LinkType.rawBsd, LinkType.rawOpenBsd]) {
      expect(namesOf(walk(four, linkType))).toEqual(["ipv4", "tcp"]);
      expect(namesOf(walk(six, linkType))).toEqual(["ipv6", "udp"]);
    }
    expect(walk(new Uint8Array(), LinkType.raw).count).toBe(0);
    expect(walk(bytesOf("5500"), LinkType.raw).count).toBe(0);
  });

  it("IPv4 and IPv6 have one each", () => {
    expect(namesOf(walk(four, LinkType.ipv4))).toEqual(["ipv4", "tcp"]);
    expect(walk(six, LinkType.ipv4).status).toBe(Status.badVersion);
    expect(namesOf(walk(six, LinkType.ipv6))).toEqual(["ipv6", "udp"]);
    expect(walk(four, LinkType.ipv6).status).toBe(Status.badVersion);
  });

  it("Linux cooked captures", () => {
    const v1 = linuxSll.encode({ srcMac: SRC_MAC, protocol: EtherType.ipv4 }, four);
    expect(namesOf(walk(v1, LinkType.linuxSll))).toEqual(["linuxSll", "ipv4", "tcp"]);
    const v2 = linuxSll2.encode({ srcMac: SRC_MAC, protocol: EtherType.ipv6, interfaceIndex: 3 }, six);
    expect(namesOf(walk(v2, LinkType.linuxSll2))).toEqual(["linuxSll2", "ipv6", "udp"]);
    const netlink = linuxSll.encode({ srcMac: 0, protocol: 4, hardwareType: linuxSll.ArpHardware.netlink }, four);
    expect(namesOf(walk(netlink, LinkType.linuxSll))).toEqual(["linuxSll"]);
    const stp = linuxSll.encode(
      { srcMac: SRC_MAC, protocol: linuxSll.SllProtocol.llc },
      llc.encode({ dsap: 0x42, ssap: 0x42 }),
    );
    expect(namesOf(walk(stp, LinkType.linuxSll))).toEqual(["linuxSll", "llc"]);
  });

  it("BSD loopback in both byte orders", () => {
    for (const isLittleEndian of [false, true]) {
      const v4 = nullLoopback.encode({ family: 2, isLittleEndian }, four);
      expect(namesOf(walk(v4, LinkType.null))).toEqual(["null", "ipv4", "tcp"]);
      const v6 = nullLoopback.encode({ family: 30, isLittleEndian }, six);
      expect(namesOf(walk(v6, LinkType.null))).toEqual(["null", "ipv6", "udp"]);
    }
    expect(namesOf(walk(nullLoopback.encode({ family: 2 }, four), LinkType.loop))).toEqual(["null", "ipv4", "tcp"]);
    expect(namesOf(walk(nullLoopback.encode({ family: 7 }, four), LinkType.loop))).toEqual(["null"]);
  });

  it("SNAP leads on to what it names", () => {
    const snap = llc.encode({ dsap: 0xaa, ssap: 0xaa, oui: 0, protocolId: EtherType.ipv4 }, four);
    expect(namesOf(walk(ethernetFrame(snap.length, snap)))).toEqual(["ethernet", "llc", "ipv4", "tcp"]);
  });

  it("one that is not known is all data", () => {
    const layers = walk(four, 147);
    expect([layers.count, layers.status, layers.payloadStart, layers.payloadEnd]).toEqual([
      0,
      Status.ok,
      0,
      four.length,
    ]);
  });

  it("an EtherType that is not known is data behind Ethernet", () => {
    const layers = walk(ethernetFrame(0x88cc, counting(40)));
    expect([namesOf(layers), layers.status, layers.payloadStart]).toEqual([["ethernet"], Status.ok, 14]);
  });
});

describe("what a check refuses", () => {
  const refused = (bytes: Uint8Array): readonly unknown[] => {
    const layers = walk(bytes);
    return [layers.status, layers.stopKind, layers.payloadStart];
  };

  it("is named, with where it starts", () => {
    expect(refused(ethernetFrame(EtherType.ipv4, bytesOf(`65${"00".repeat(40)}`)))).toEqual([
      Status.badVersion,
      LayerKind.ipv4,
      14,
    ]);
    expect(refused(ethernetFrame(EtherType.ipv4, bytesOf(`44${"00".repeat(40)}`)))).toEqual([
      Status.badHeaderLength,
      LayerKind.ipv4,
      14,
    ]);
    const noVni = datagram(1, vxlan.PORT, bytesOf(`0000000000000100${"00".repeat(14)}`));
    expect(refused(ethernetFrame(EtherType.ipv4, noVni))).toEqual([Status.badFlags, LayerKind.vxlan, 42]);
    const badSegment = ip(IpProtocol.tcp, bytesOf(`0001000200000000000000001000${"00".repeat(10)}`));
    expect(refused(ethernetFrame(EtherType.ipv4, badSegment))).toEqual([Status.badHeaderLength, LayerKind.tcp, 34]);
    expect(refused(bytesOf("0242"))).toEqual([Status.truncated, LayerKind.ethernet, 0]);
  });
});

describe("arbitrary bytes", () => {
  const linkTypes = fc.constantFrom(...Object.values(LinkType), 147);

  it("end within the depth limit, with layers in order and inside the frame", () => {
    const layers = new Layers();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), linkTypes, fc.nat(20), (bytes, linkType, before) => {
        const frame = glued(new Uint8Array(before), bytes, counting(7));
        const end = before + bytes.length;
        dissect(viewOf(frame), before, end, linkType, layers);
        expect(layers.count).toBeLessThanOrEqual(DEFAULT_DEPTH);
        let previous = before;
        for (let index = 0; index < layers.count; index++) {
          expect(layers.start(index)).toBeGreaterThanOrEqual(previous);
          expect(layers.end(index)).toBeGreaterThanOrEqual(layers.start(index));
          expect(layers.end(index)).toBeLessThanOrEqual(end);
          previous = layers.start(index);
        }
        expect(layers.payloadStart).toBeGreaterThanOrEqual(previous);
        expect(layers.payloadEnd).toBeGreaterThanOrEqual(layers.payloadStart);
        expect(layers.payloadEnd).toBeLessThanOrEqual(end);
      }),
    );
  });

  it("in place of any byte of a real frame do no harm either", () => {
    const layers = new Layers();
    const changed = fc.array(fc.tuple(fc.nat(ECHO_IN_VXLAN.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(changed, fc.nat(ECHO_IN_VXLAN.length), (changes, length) => {
        const bytes = Uint8Array.from(ECHO_IN_VXLAN);
        for (const [at, value] of changes) bytes[at] = value;
        dissect(viewOf(bytes), 0, length, LinkType.ethernet, layers);
        expect(layers.payloadStart).toBeLessThanOrEqual(layers.payloadEnd);
        expect(layers.payloadEnd).toBeLessThanOrEqual(length);
        for (let index = 0; index < layers.count; index++) expect(layers.end(index)).toBeLessThanOrEqual(length);
      }),
    );
  });
});
