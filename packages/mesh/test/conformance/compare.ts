/**
 * Compares a simulated trace with a recording of a real swarm, capture point by capture point. Each frame becomes a
 * line (frame-line.ts); the two sequences of each point are aligned by their longest common subsequence.
 */
import { decodeBlock, type RawBlock } from "@hopscope/tracer/pcapng-blocks";
import { openCapture } from "@hopscope/tracer/reader";
import type { EspKeys } from "./esp.ts";
import { ipv4AddressesIn, lineOf } from "./frame-line.ts";

/** `NODE/host/vethXXXXXXX` to `NAMESPACE/DEVICE`: what a node's veth is connected to, which a capture does not say. */
export type VethPeers = Readonly<Record<string, string>>;

export interface PointComparison {
  readonly point: string;
  readonly matched: number;
  readonly real: number;
  readonly simulated: number;
  /** Lines of one side only: `-` real, `+` simulated. */
  readonly differences: readonly string[];
}

export interface Comparison {
  readonly points: readonly PointComparison[];
  readonly real: number;
  readonly simulated: number;
  readonly matched: number;
  /** 2 × matched ÷ (real + simulated); 1 means that nothing differs. */
  readonly f1: number;
}

/** What of a recording is compared. */
export interface Scope {
  readonly peers?: VethPeers;
  /** It watched only the interfaces that it lists; of others nothing is known. Default: it watched all there were. */
  readonly isPartial?: boolean;
  /** With which ESP is opened, on both sides. */
  readonly keys?: EspKeys;
}

export async function compare(
  realFile: string,
  simulated: string | Uint8Array,
  { peers = {}, isPartial = false, keys = new Map() }: Scope = {},
): Promise<Comparison> {
  const { points: real, watched } = await readPoints(realFile, peers, keys);
  const { points: other } = await readPoints(simulated, peers, keys);
  const points = [...new Set([...real.keys(), ...other.keys()])]
    .filter((point) => !isPartial || watched.has(point))
    .toSorted()
    .map((point) => align(point, real.get(point) ?? [], other.get(point) ?? []));
  const total = (of: (point: PointComparison) => number): number => points.reduce((sum, point) => sum + of(point), 0);
  const sums = {
    real: total((point) => point.real),
    simulated: total((point) => point.simulated),
    matched: total((point) => point.matched),
  };
  const frames = sums.real + sums.simulated;
  return { points, ...sums, f1: frames === 0 ? 1 : (2 * sums.matched) / frames };
}

interface Points {
  /** Point name to its frames in the order of their times. */
  readonly points: ReadonlyMap<string, string[]>;
  /** All that the file lists, also those without a frame. */
  readonly watched: ReadonlySet<string>;
}

async function readPoints(file: string | Uint8Array, peers: VethPeers, keys: EspKeys): Promise<Points> {
  interface Seen {
    readonly point: string;
    readonly time: bigint;
    readonly direction: string;
    readonly bytes: Uint8Array;
  }
  const seen: Seen[] = [];
  const watched = new Set<string>();
  const onBlock = (raw: RawBlock): void => {
    const block = decodeBlock(raw);
    if (block?.kind !== "interface") return;
    watched.add(pointName(block.options.name ?? "", block.options.description ?? "", peers));
  };
  for await (const packet of await openCapture(file, { onBlock })) {
    const { name = "", description = "" } = packet.interface;
    const point = pointName(name, description, peers);
    // Nothing says what it was connected to.
    if (NAMELESS.test(point)) continue;
    seen.push({
      point,
      time: BigInt(packet.seconds) * 1_000_000_000n + BigInt(packet.nanoseconds),
      direction: packet.direction ?? "?",
      bytes: packet.data.slice(),
    });
  }
  const addresses = ipv4AddressesIn(seen.map((frame) => frame.bytes));
  const points = new Map<string, string[]>();
  for (const frame of seen.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))) {
    const lines = points.get(frame.point) ?? [];
    lines.push(`${frame.direction} ${lineOf(frame.bytes, addresses, keys)}`);
    points.set(frame.point, lines);
  }
  return { points, watched };
}

/** A node's end of a container's veth pair. Its name is chance. */
const NAMELESS = /\/host\/veth[0-9a-f]{7}$/;

/**
 * `node.ctr-task.eth0` and `node/task/eth0` are the same point; a node's veth is named after its other end, which a
 * trace says in the interface's description: `peer NAMESPACE/DEVICE`.
 */
function pointName(name: string, description: string, peers: VethPeers): string {
  const parts = name.includes("/") ? name.split("/") : name.split(".");
  const namespace = parts.slice(1, -1).join(".").replace(/^ctr-/, "");
  const point = `${parts[0]}/${namespace}/${parts.at(-1)}`;
  if (namespace !== "host") return point;
  const peer = peers[point] ?? /^peer (?:ctr-)?(.+)$/.exec(description)?.[1];
  return peer === undefined ? point : `${parts[0]}/host/veth of ${peer}`;
}

function align(point: string, real: readonly string[], simulated: readonly string[]): PointComparison {
  const width = simulated.length + 1;
  const common = new Uint32Array((real.length + 1) * width);
  for (let i = real.length - 1; i >= 0; i--) {
    for (let j = simulated.length - 1; j >= 0; j--) {
      const below = common[(i + 1) * width + j]!;
      const right = common[i * width + j + 1]!;
      common[i * width + j] = real[i] === simulated[j] ? common[(i + 1) * width + j + 1]! + 1 : Math.max(below, right);
    }
  }
  const differences: string[] = [];
  let i = 0;
  let j = 0;
  while (i < real.length || j < simulated.length) {
    if (i < real.length && j < simulated.length && real[i] === simulated[j]) {
      i++;
      j++;
    } else if (
      j < simulated.length &&
      (i === real.length || common[i * width + j + 1]! >= common[(i + 1) * width + j]!)
    ) {
      differences.push(`+ ${simulated[j++]}`);
    } else differences.push(`- ${real[i++]}`);
  }
  return { point, matched: common[0]!, real: real.length, simulated: simulated.length, differences };
}
