import { describe, expect, it } from "vitest";
import { EtherType } from "../src/code-points.ts";
import { LayerKind, layerName, Layers, MAX_LAYERS } from "../src/layers.ts";
import * as icmp from "../src/icmp.ts";
import { counting, datagram, ethernetFrame, ip, tunneled, walk } from "./stack.ts";

describe("layer names", () => {
  it("are the keys, in the order of the numbers", () => {
    for (const [name, kind] of Object.entries(LayerKind)) expect(layerName(kind)).toBe(name);
  });

  it("are numbered without gaps, so that a table can be indexed", () => {
    expect(Object.values(LayerKind)).toEqual(Object.values(LayerKind).map((_, index) => index));
  });
});

describe("Layers", () => {
  const tunnel = walk(tunneled(4097, ethernetFrame(EtherType.ipv4, datagram(1, 2, counting(4)))));

  it("finds the first layer of a kind, or the first from an index on", () => {
    expect(tunnel.find(LayerKind.ipv4)).toBe(1);
    expect(tunnel.find(LayerKind.ipv4, 2)).toBe(5);
    expect(tunnel.find(LayerKind.ipv4, 6)).toBe(-1);
    expect(tunnel.find(LayerKind.tcp)).toBe(-1);
  });

  it("finds the innermost layer of a kind", () => {
    expect(tunnel.findLast(LayerKind.udp)).toBe(6);
    expect(tunnel.findLast(LayerKind.vxlan)).toBe(3);
    expect(tunnel.findLast(LayerKind.arp)).toBe(-1);
  });

  it("leaves quotations out when it looks for the innermost", () => {
    const quote = datagram(1000, 53, counting(8));
    const error = icmp.encode(
      { kind: "unreachable", type: 3, code: 3, unused: 0, quoteWords: 0, nextHopMtu: 0 },
      quote,
    );
    const layers = walk(ethernetFrame(EtherType.ipv4, ip(1, error)));
    expect(layers.quoteIndex).toBe(3);
    expect(layers.find(LayerKind.ipv4, 2)).toBe(3);
    expect(layers.findLast(LayerKind.ipv4)).toBe(1);
    expect(layers.findLast(LayerKind.udp)).toBe(-1);
  });

  it("has room for the most layers that may be asked for", () => {
    const layers = new Layers();
    expect([layers.kinds.length, layers.starts.length, layers.ends.length]).toEqual([
      MAX_LAYERS,
      MAX_LAYERS,
      MAX_LAYERS,
    ]);
  });
});
