import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EtherType, IpProtocol, LinkType } from "../src/code-points.ts";
import { dissect } from "../src/dissect.ts";
import * as icmp from "../src/icmp.ts";
import * as igmp from "../src/igmp.ts";
import * as ipv6 from "../src/ipv6.ts";
import * as extension from "../src/ipv6-extensions.ts";
import { LayerKind, layerName, Layers } from "../src/layers.ts";
import * as llc from "../src/llc.ts";
import { errorOf, etherTypeName, ipProtocolName, nextProtocolOf, protocolOf, titleOf } from "../src/protocols.ts";
import * as tcp from "../src/tcp.ts";
import { bytesOf, viewOf } from "./hex.ts";
import { counting, datagram, ethernetFrame, glued, ip, SRC, tagged, tunneled, walk } from "./stack.ts";

const kinds = Object.values(LayerKind).filter((kind) => kind !== LayerKind.data);

/** What the table says of layer `index` of a frame. */
function plainOf(bytes: Uint8Array, index: number, linkType: number = LinkType.ethernet): object {
  const layers = walk(bytes, linkType);
  return protocolOf(layers.kind(index))!.plain(viewOf(bytes), layers.start(index), layers.end(index));
}

function headerOf(bytes: Uint8Array, index: number, linkType: number = LinkType.ethernet): readonly number[] {
  const layers = walk(bytes, linkType);
  const at = layers.start(index);
  return [at, protocolOf(layers.kind(index))!.headerEnd(viewOf(bytes), at, layers.end(index))];
}

describe("the table", () => {
  it("has a row for each kind of layer but data, under its own name", () => {
    expect(protocolOf(LayerKind.data)).toBeUndefined();
    for (const kind of kinds) expect(protocolOf(kind)?.name).toBe(layerName(kind));
  });

  it("has titles that differ", () => {
    expect(new Set(kinds.map(titleOf)).size).toBe(kinds.length);
    expect([titleOf(LayerKind.ipv4), titleOf(LayerKind.vxlan), titleOf(LayerKind.data)]).toEqual([
      "IPv4",
      "VXLAN",
      "data",
    ]);
  });

  it("has fields for each kind", () => {
    for (const kind of kinds) expect(protocolOf(kind)!.layout.length, layerName(kind)).toBeGreaterThan(0);
  });

  it("knows the fields of a message's type", () => {
    const names = (bytes: Uint8Array, index: number): readonly string[] => {
      const layers = walk(bytes);
      const at = layers.start(index);
      const rows = protocolOf(layers.kind(index))!.layoutAt(viewOf(bytes), at, layers.end(index));
      return rows.map((row) => row.name);
    };
    const echo = icmp.encode({ kind: "echo", type: 8, identifier: 1, sequence: 2 });
    expect(names(ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, echo)), 2)).toContain("sequence");
    const redirect = icmp.encode({ kind: "redirect", code: 1, gateway: SRC }, datagram(1, 2, counting(8)));
    expect(names(ethernetFrame(EtherType.ipv4, ip(IpProtocol.icmp, redirect)), 2)).toContain("gateway");
    const snap = llc.encode({ dsap: 0xaa, ssap: 0xaa, oui: 0, protocolId: EtherType.ipv4 }, ip(1, echo));
    expect(names(ethernetFrame(snap.length, snap), 1)).toContain("protocolId");
    const stp = llc.encode({ dsap: 0x42, ssap: 0x42 }, counting(40));
    expect(names(ethernetFrame(stp.length, stp), 1)).not.toContain("protocolId");
    const query = igmp.encode({ kind: "membership", type: 0x11, group: SRC });
    expect(names(ethernetFrame(EtherType.ipv4, ip(IpProtocol.igmp, query)), 2)).not.toContain("robustness");
    const v3 = glued(query, bytesOf("02000000"));
    expect(names(ethernetFrame(EtherType.ipv4, ip(IpProtocol.igmp, v3)), 2)).toContain("robustness");
  });
});

describe("plain values", () => {
  const withOptions = (options: Uint8Array): Uint8Array =>
    ethernetFrame(EtherType.ipv4, ip(IpProtocol.tcp, tcp.encode({ srcPort: 1, dstPort: 2, options })));

  it("have their options read", () => {
    expect(plainOf(withOptions(bytesOf("02040582")), 2)).toMatchObject({ options: [{ option: "mss", mss: 1410 }] });
    const alert = ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, counting(0), { options: bytesOf("94040000") }));
    expect(plainOf(alert, 1)).toMatchObject({ options: [{ option: "routerAlert", value: 0 }] });
  });

  it("have them raw where they are malformed", () => {
    expect(plainOf(withOptions(bytesOf("02ff0582")), 2)).toMatchObject({ options: bytesOf("02ff0582") });
    const bad = ethernetFrame(EtherType.ipv4, ip(IpProtocol.udp, counting(0), { options: bytesOf("94ff0000") }));
    expect(plainOf(bad, 1)).toMatchObject({ options: bytesOf("94ff0000") });
    const head = bytesOf("110006ff00000000");
    const six = ipv6.encode({ nextHeader: 0, srcIp: counting(16), dstIp: counting(16) }, head);
    expect(plainOf(six, 1, LinkType.ipv6)).toEqual({
      nextHeader: 17,
      headerExtensionLength: 0,
      options: bytesOf("06ff00000000"),
    });
  });
});

describe("where headers end", () => {
  it("behind their options, and at the end of what is one message", () => {
    const segment = tcp.encode({ srcPort: 1, dstPort: 2, options: bytesOf("02040582") }, counting(9));
    const frame = ethernetFrame(EtherType.ipv4, ip(IpProtocol.tcp, segment, { options: bytesOf("94040000") }));
    expect([headerOf(frame, 0), headerOf(frame, 1), headerOf(frame, 2)]).toEqual([
      [0, 14],
      [14, 38],
      [38, 62],
    ]);
    const query = ethernetFrame(
      EtherType.ipv4,
      datagram(1, 53, bytesOf("00010100000100000000000003776562000001 0001")),
    );
    expect(headerOf(query, 3)).toEqual([42, query.length]);
    const fragment = extension.encodeFragment({ nextHeader: 59 }, counting(4));
    const six = ipv6.encode({ nextHeader: 44, srcIp: counting(16), dstIp: counting(16) }, fragment);
    expect(headerOf(six, 1, LinkType.ipv6)).toEqual([40, 48]);
  });
});

describe("errorOf", () => {
  const of = (bytes: Uint8Array): ReturnType<typeof errorOf> => errorOf(viewOf(bytes), 0, walk(bytes));

  it("is undefined for a frame that was read to its end", () => {
    expect(of(tunneled(1, ethernetFrame(EtherType.ipv4, datagram(1, 2, counting(3)))))).toBeUndefined();
  });

  it("says of a cut packet what it needs, what there is, and that the capture is the limit", () => {
    const frame = ethernetFrame(EtherType.ipv4, datagram(1, 2, counting(100)));
    expect(of(frame.subarray(0, 96))).toEqual({
      code: "truncated",
      layer: "ipv4",
      at: 14,
      required: 128,
      available: 82,
      limitedBy: "capture",
      message: "ipv4 at byte 14: needs 128 bytes, there are 82 (limit: capture)",
    });
  });

  it("says of a header that is not whole how long it is", () => {
    const frame = ethernetFrame(EtherType.ipv4, datagram(1, 2, counting(100)));
    expect(of(frame.subarray(0, 24))).toMatchObject({ layer: "ipv4", at: 14, required: 20, available: 10 });
    expect(of(frame.subarray(0, 9))).toMatchObject({ layer: "ethernet", at: 0, required: 14, available: 9 });
  });

  it("says which length was the limit", () => {
    const segment = ip(IpProtocol.tcp, bytesOf(`00010002000000000000000050${"00".repeat(3)}`));
    expect(of(ethernetFrame(EtherType.ipv4, segment))).toMatchObject({
      layer: "tcp",
      at: 34,
      required: 20,
      available: 16,
      limitedBy: "ipv4.totalLength",
    });
  });

  it("says why a header was refused", () => {
    expect(of(ethernetFrame(EtherType.ipv4, bytesOf(`65${"00".repeat(30)}`)))).toMatchObject({
      code: "badVersion",
      layer: "ipv4",
      at: 14,
    });
  });

  it("counts from the start of the frame", () => {
    const frame = ethernetFrame(EtherType.ipv4, bytesOf(`65${"00".repeat(30)}`));
    const moved = glued(counting(33), frame);
    const layers = new Layers();
    dissect(viewOf(moved), 33, moved.length, LinkType.ethernet, layers);
    expect(errorOf(viewOf(moved), 33, layers)?.at).toBe(14);
  });

  it("has an answer for what is too deep, where the layer itself is sound", () => {
    const frame = ethernetFrame(EtherType.ipv4, datagram(1, 2, counting(3)));
    const layers = walk(frame, LinkType.ethernet, { depth: 2 });
    expect(errorOf(viewOf(frame), 0, layers)).toMatchObject({ code: "tooDeep", layer: "udp", at: 34, available: 11 });
  });
});

describe("numbers and names", () => {
  it("what follows a layer", () => {
    const frame = ethernetFrame(EtherType.vlan, tagged(5, EtherType.ipv4, datagram(1, 2, counting(3))));
    const layers = walk(frame);
    expect([0, 1, 2, 3].map((index) => nextProtocolOf(viewOf(frame), layers, index))).toEqual([
      EtherType.vlan,
      EtherType.ipv4,
      IpProtocol.udp,
      -1,
    ]);
  });

  it("EtherTypes and IP protocols", () => {
    expect([etherTypeName(0x0800), etherTypeName(0x88cc), etherTypeName(38), etherTypeName(0x1234)]).toEqual([
      "IPv4",
      "LLDP",
      "LLC",
      "EtherType 0x1234",
    ]);
    expect([ipProtocolName(50), ipProtocolName(47), ipProtocolName(253)]).toEqual(["ESP", "GRE", "protocol 253"]);
  });
});

describe("arbitrary bytes", () => {
  it("are told in every way without a throw, and headers end inside their layer", () => {
    const tunnel = tunneled(4097, ethernetFrame(EtherType.ipv4, ip(IpProtocol.tcp, counting(0))));
    const changes = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 });
    const frames = fc.tuple(changes, fc.uint8Array({ maxLength: 120 }), fc.nat(tunnel.length));
    fc.assert(
      fc.property(frames, fc.constantFrom(...Object.values(LinkType)), ([edits, tail, keep], linkType) => {
        const bytes = glued(tunnel.subarray(0, keep), tail);
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        const view = viewOf(bytes);
        const layers = walk(bytes, linkType);
        for (let index = 0; index < layers.count; index++) {
          const protocol = protocolOf(layers.kind(index))!;
          const at = layers.start(index);
          const end = layers.end(index);
          expect(protocol.headerEnd(view, at, end)).toBeLessThanOrEqual(end);
          expect(protocol.headerEnd(view, at, end)).toBeGreaterThan(at);
          protocol.plain(view, at, end);
          protocol.format(view, at, end);
          for (const row of protocol.layoutAt(view, at, end)) expect(row.bits).toBeGreaterThan(0);
        }
        errorOf(view, 0, layers);
      }),
    );
  });
});
