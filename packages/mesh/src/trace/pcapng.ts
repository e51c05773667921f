/**
 * A trace as the blocks of a pcapng file that Wireshark opens: an interface a capture point, names of the tasks, and
 * on each frame its direction, the number of its packet and what the hop decided. Pure: somebody else writes them.
 */
import { LinkType } from "@hopscope/codec/code-points";
import type {
  Block,
  EnhancedPacketBlock,
  InterfaceBlock,
  NamesBlock,
  SectionBlock,
} from "@hopscope/tracer/pcapng-blocks";
import type { Mesh } from "../build.ts";
import type { SwarmPlan } from "../swarm/plan.ts";
import { DecisionBytes } from "./decision-bytes.ts";
import { Direction, type Recorder } from "./recorder.ts";
import { formatStep, type StepKind } from "./step.ts";

/** Virtual time 0 in the file: a fixed moment, so that the same seed gives the same bytes. 2026-01-01 00:00:00 UTC. */
export const EPOCH_SECONDS = 1_767_225_600;

const NANOSECONDS = 9;
const TWO_TO_32 = 0x100000000;
/** The epoch in nanoseconds needs more than 53 bits: its halves, exactly. */
const EPOCH = BigInt(EPOCH_SECONDS) * 1_000_000_000n;
const EPOCH_HIGH = Number(EPOCH >> 32n);
const EPOCH_LOW = Number(EPOCH & 0xffffffffn);
/** epb_flags, bits 0 and 1 (draft-ietf-opsawg-pcapng §4.3.1). */
const FLAG_OF = { [Direction.in]: 1, [Direction.out]: 2 } as const;
/** Wireshark's own default. Other ports it has to be told. */
const WELL_KNOWN_PORT = 4789;

export interface TraceFile {
  readonly mesh: Mesh;
  /** Name of the scenario. */
  readonly name: string;
  /** UDP port of the tunnels. */
  readonly dataPathPort: number;
  /** Virtual time of the file's first moment: when the recording began. */
  readonly startedAt: number;
}

/** All blocks, in the order of the file; frames by time. */
export function* traceBlocks(file: TraceFile): Generator<Block> {
  yield* headBlocks(file);
  for (const hop of file.mesh.recorder.order()) yield packetBlock(file, hop);
}

function* headBlocks(file: TraceFile): Generator<Block> {
  yield sectionBlock(file);
  for (let index = 0; index < file.mesh.recorder.pointCount; index++) yield interfaceBlock(file.mesh, index);
  yield namesBlock(file.mesh.plan);
}

/** What {@link writeTrace} needs of a writer; tracer's PcapngWriter is one. */
export interface TraceWriter {
  writeBlock(block: Block): boolean;
  writeSighting(
    view: DataView,
    start: number,
    end: number,
    timeHigh: number,
    timeLow: number,
    interfaceId: number,
    flags: number,
    packetId: number,
    comment: DataView,
    commentLength: number,
  ): boolean;
}

/** Writes the same as {@link traceBlocks} makes, byte for byte; nothing is made for a frame. */
export function writeTrace(writer: TraceWriter, file: TraceFile): void {
  const { recorder } = file.mesh;
  for (const block of headBlocks(file)) writer.writeBlock(block);
  const decisions = new DecisionBytes(recorder);
  for (const hop of recorder.order()) {
    const since = recorder.time(hop) - file.startedAt;
    const low = EPOCH_LOW + (since % TWO_TO_32);
    const carry = low >= TWO_TO_32 ? 1 : 0;
    writer.writeSighting(
      recorder.bytesView(hop),
      recorder.bytesStart(hop),
      recorder.bytesEnd(hop),
      EPOCH_HIGH + Math.floor(since / TWO_TO_32) + carry,
      carry === 0 ? low : low - TWO_TO_32,
      recorder.point(hop),
      FLAG_OF[recorder.direction(hop)],
      recorder.packetId(hop),
      decisions.view,
      decisions.read(hop),
    );
  }
}

function sectionBlock({ name, dataPathPort }: TraceFile): SectionBlock {
  const comments = [`${name}: simulated by hopscope; times count from the start of the recording`];
  if (dataPathPort !== WELL_KNOWN_PORT) {
    comments.push(`VXLAN is on UDP port ${dataPathPort}: tshark -d udp.port==${dataPathPort},vxlan`);
  }
  const options = { comments, application: "hopscope" };
  return { kind: "section", littleEndian: true, versionMajor: 1, versionMinor: 0, sectionLength: undefined, options };
}

function interfaceBlock({ recorder, captureNames }: Mesh, index: number): InterfaceBlock {
  const { node, namespace, device } = recorder.pointAt(index);
  const nameOf = (plain: string): string => captureNames.get(plain) ?? plain;
  const other = recorder.peerOf(index);
  const description =
    other === undefined
      ? {}
      : { description: `${other.isGone ? "was " : ""}peer ${nameOf(other.peer.namespace)}/${other.peer.device}` };
  const name = `${node}/${nameOf(namespace)}/${device}`;
  const options = { name, timestampResolution: NANOSECONDS, ...description };
  return { kind: "interface", linkType: LinkType.ethernet, snapLength: 0, options };
}

/** Tasks, load-balancer endpoints and nodes, for Wireshark's name resolution. */
function namesBlock(plan: SwarmPlan): NamesBlock {
  const names = new Map<number, string[]>();
  const add = (ip: number, name: string): void => {
    names.set(ip, [...(names.get(ip) ?? []), name]);
  };
  for (const node of plan.nodes) add(node.vtep, node.name);
  const nodeOf = new Map(plan.nodes.map((node) => [node.vtep, node.name]));
  const tasks = new Set(plan.tasks.map((task) => task.name));
  for (const network of plan.networks) {
    for (const peer of network.peers) {
      add(peer.ip, tasks.has(peer.endpoint) ? peer.endpoint : `${peer.endpoint}.${nodeOf.get(peer.vtep)}`);
    }
  }
  const records = Array.from(names, ([address, all]) => ({ kind: "ipv4", address, names: all }) as const);
  return { kind: "names", records, options: {} };
}

function packetBlock({ mesh: { recorder }, startedAt }: TraceFile, hop: number): EnhancedPacketBlock {
  const since = recorder.time(hop) - startedAt;
  const low = EPOCH_LOW + (since % TWO_TO_32);
  const high = EPOCH_HIGH + Math.floor(since / TWO_TO_32) + (low >= TWO_TO_32 ? 1 : 0);
  const data = recorder.bytes(hop);
  const decision = decisionOf(recorder, hop);
  return {
    kind: "enhancedPacket",
    interfaceId: recorder.point(hop),
    time: { high, low: low % TWO_TO_32 },
    wireLength: data.length,
    data,
    options: {
      ...(decision === "" ? {} : { comments: [decision] }),
      flags: FLAG_OF[recorder.direction(hop)],
      packetId: recorder.packetId(hop),
    },
  };
}

/** What a hop decided, in one line; "" if the frame only passed. */
export function decisionOf(recorder: Recorder, hop: number): string {
  let line = "";
  const nameOf = (point: number): string => recorder.pointAt(point).device;
  const labelOf = (label: number): string => recorder.label(label);
  recorder.steps(hop, (kind: StepKind, a: number, b: number) => {
    if (line !== "") line += line.endsWith(":") ? " " : "; ";
    line += formatStep(kind, a, b, nameOf, labelOf);
  });
  return line;
}
