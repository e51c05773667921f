/**
 * What `dissect` found: the layers of one frame as offsets in a reused object. Nothing is allocated per frame.
 */
import type { LimitedBy } from "./result.ts";
import { Status } from "./status.ts";

/** One number a protocol; `protocols.ts` has what else there is to know about each. */
export const LayerKind = {
  /** Bytes that nobody here reads: a payload, a fragment, an unknown type. */
  data: 0,
  ethernet: 1,
  llc: 2,
  vlan: 3,
  arp: 4,
  ipv4: 5,
  ipv6: 6,
  icmp: 7,
  icmpv6: 8,
  igmp: 9,
  udp: 10,
  tcp: 11,
  vxlan: 12,
  dns: 13,
  esp: 14,
  hopByHop: 15,
  routing: 16,
  fragment: 17,
  destinationOptions: 18,
  linuxSll: 19,
  linuxSll2: 20,
  null: 21,
  sctp: 22,
} as const;
export type LayerKind = (typeof LayerKind)[keyof typeof LayerKind];
export type LayerName = keyof typeof LayerKind;

const NAMES = Object.keys(LayerKind) as LayerName[];

export function layerName(kind: LayerKind): LayerName {
  return NAMES[kind]!;
}

/** VXLAN in VXLAN is legal, endless is not: no frame has more layers than this. */
export const MAX_LAYERS = 32;
/** How many layers `dissect` walks unless told otherwise. */
export const DEFAULT_DEPTH = 16;

/** The layers of one frame, outermost first. Fill with `dissect`; keep one and reuse it. */
export class Layers {
  /** Number of layers that passed their check. */
  count = 0;
  /** Why the walk ended: `ok` at a payload nobody reads further, otherwise what the next layer's check said. */
  status: Status = Status.ok;
  /** Kind of the layer that did not pass; meaningful if `status` is not `ok`. */
  stopKind: LayerKind = LayerKind.data;
  /** Which length was the bound of that layer. */
  stopLimit: LimitedBy = "capture";
  /** First byte that no layer covers: the innermost payload, or the layer that did not pass. */
  payloadStart = 0;
  /** Where that payload ends by the headers around it. What follows in the frame is padding or a trailer. */
  payloadEnd = 0;
  /** Index of the first layer that is a quotation inside an ICMP error, or -1. */
  quoteIndex = -1;
  /** Index of the first layer that promised more payload than there is, or -1. */
  cutIndex = -1;
  /** True if the innermost network layer is a fragment, so `payload` is part of an upper-layer packet. */
  isFragment = false;
  readonly kinds: Uint8Array = new Uint8Array(MAX_LAYERS);
  readonly starts: Int32Array = new Int32Array(MAX_LAYERS);
  /** Where each layer's content ends: header and payload, as its own length field and those around it say. */
  readonly ends: Int32Array = new Int32Array(MAX_LAYERS);

  /** Kind of layer `index`, which must be below `count`. */
  kind(index: number): LayerKind {
    return this.kinds[index]! as LayerKind;
  }

  start(index: number): number {
    return this.starts[index]!;
  }

  end(index: number): number {
    return this.ends[index]!;
  }

  /** Index of the first layer of that kind at or after `from`, or -1. */
  find(kind: LayerKind, from: number = 0): number {
    for (let index = from; index < this.count; index++) if (this.kinds[index] === kind) return index;
    return -1;
  }

  /** Index of the innermost layer of that kind, quotations left out, or -1. */
  findLast(kind: LayerKind): number {
    const stop = this.quoteIndex < 0 ? this.count : this.quoteIndex;
    for (let index = stop - 1; index >= 0; index--) if (this.kinds[index] === kind) return index;
    return -1;
  }
}
