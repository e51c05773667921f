/**
 * Which rules of a long chain a packet can match at all. A node with five hundred published ports has chains of a thousand
 * rules, each for one port or one address; the kernel looks at every one of them, here only those are looked at that are
 * for the packet's own, and those that ask for something else. What is left out would not have matched, so counters and
 * decisions are the same.
 */
import type { Packet } from "./packet.ts";
import type { Match, PortMatch } from "./rule.ts";

const NONE: readonly number[] = [];

/** Positions of rules, ascending. Each rule is in one list. */
export class ChainIndex {
  /** Rules that any packet may match. */
  readonly always: readonly number[];
  readonly #byDstIp: ReadonlyMap<number, readonly number[]>;
  readonly #byDstPort: ReadonlyMap<number, readonly number[]>;
  readonly #bySrcPort: ReadonlyMap<number, readonly number[]>;

  constructor(matches: readonly Match[]) {
    const always: number[] = [];
    const byDstIp = new Map<number, number[]>();
    const byDstPort = new Map<number, number[]>();
    const bySrcPort = new Map<number, number[]>();
    for (const [position, match] of matches.entries()) {
      const { dstIp, dstPort, srcPort } = match;
      // A limit counts every packet that it is asked about, be it before the port.
      if (match.limit !== undefined) always.push(position);
      else if (dstIp !== undefined && dstIp.prefixLength === 32 && dstIp.not !== true) add(byDstIp, dstIp.ip, position);
      else if (isOne(dstPort)) add(byDstPort, dstPort.port, position);
      else if (isOne(srcPort)) add(bySrcPort, srcPort.port, position);
      else always.push(position);
    }
    this.always = always;
    this.#byDstIp = byDstIp;
    this.#byDstPort = byDstPort;
    this.#bySrcPort = bySrcPort;
  }

  /** Those for the packet's destination address alone. */
  forDstIp(packet: Packet): readonly number[] {
    return this.#byDstIp.get(packet.dstIp) ?? NONE;
  }

  forDstPort(packet: Packet): readonly number[] {
    return packet.hasPorts ? (this.#byDstPort.get(packet.dstPort) ?? NONE) : NONE;
  }

  forSrcPort(packet: Packet): readonly number[] {
    return packet.hasPorts ? (this.#bySrcPort.get(packet.srcPort) ?? NONE) : NONE;
  }
}

function isOne(match: PortMatch | undefined): match is PortMatch {
  return match !== undefined && match.not !== true && (match.lastPort ?? match.port) === match.port;
}

function add(lists: Map<number, number[]>, key: number, position: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [position]);
  else list.push(position);
}
