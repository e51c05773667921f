/** Frames from nowhere: put on a device of a mesh as a driver or a packet socket would, and watched until they end. */
import type { NetDevice } from "../../src/device.ts";
import type { Mesh } from "../../src/build.ts";
import type { Frame } from "../../src/frame.ts";
import { formatStep, StepKind } from "../../src/trace/step.ts";

/** A frame arrives on a device, or leaves by it, `delayNs` from now. */
export function inject(mesh: Mesh, device: NetDevice, way: "in" | "out", bytes: Uint8Array, delayNs: number = 0): void {
  const { node } = device.netns;
  const frame = mesh.frames.allocate(bytes.length);
  if (frame === undefined) throw new Error(`no room for ${bytes.length} bytes`);
  mesh.frames.bytes.set(bytes, mesh.frames.start(frame));
  const wake = (): void => (way === "in" ? device.receive(frame) : device.transmit(frame));
  mesh.simulator.schedule(mesh.simulator.now + delayNs, { softnet: node.softnet, wake }, 0);
}

/** Lets the mesh go on for a while. */
export function pass(mesh: Mesh, ns: number): void {
  const { simulator } = mesh;
  simulator.hold();
  const { softnet } = [...mesh.nodes.values()][0]!;
  simulator.schedule(simulator.now + ns, { softnet, wake: () => simulator.release() }, 0);
  simulator.run();
}

/** Steps after which a frame's life may end: it was taken, refused, or handed on as copies. */
const ENDS: ReadonlySet<StepKind> = new Set([
  StepKind.drop,
  StepKind.flood,
  StepKind.arpProxy,
  StepKind.arpReply,
  StepKind.arpIgnore,
  StepKind.neighborUpdate,
  StepKind.deliverIcmp,
  StepKind.deliverUdp,
  StepKind.deliverTcp,
  StepKind.fragmentWaits,
  StepKind.reassemble,
  StepKind.fragment,
  StepKind.segment,
  StepKind.tunnelPmtu,
  StepKind.gro,
]);

/** Keeps book of a mesh's frames: what was decided about each last, and which ended without a word. */
export class Ledger {
  readonly complaints: string[] = [];
  /** Drops that were decided. */
  drops = 0;
  readonly #mesh: Mesh;
  readonly #last: Map<Frame, StepKind> = new Map();

  constructor(mesh: Mesh) {
    const { frames, recorder } = mesh;
    this.#mesh = mesh;
    const step = recorder.step.bind(recorder);
    recorder.step = (frame, kind, a, b) => {
      if (frame.slot < 0) this.complaints.push(`step about a frame that is gone: ${formatStep(kind, a, b, String)}`);
      this.#last.set(frame, kind);
      if (kind === StepKind.drop) this.drops++;
      step(frame, kind, a, b);
    };
    const free = frames.free.bind(frames);
    frames.free = (frame) => {
      const kind = this.#last.get(frame);
      if (kind === undefined || !ENDS.has(kind)) this.complaints.push(`frame ${frame.id} ended in silence`);
      this.#last.delete(frame);
      free(frame);
    };
  }

  /** Drops that somebody who reads the trace learns of. */
  reportedDrops(): number {
    const { recorder } = this.#mesh;
    let count = 0;
    for (let hop = 0; hop < recorder.hopCount; hop++) {
      recorder.steps(hop, (kind) => {
        if (kind === StepKind.drop) count++;
      });
    }
    for (const number of recorder.unreported.values()) count += number;
    return count;
  }

  /** Frames that wait for a neighbor's answer or for other fragments: all that may be alive when nothing moves. */
  waiting(): number {
    let count = 0;
    for (const node of this.#mesh.nodes.values()) {
      for (const netns of node.namespaces.values()) {
        for (const entry of netns.arp.neighbors.entries()) count += entry.pending.length;
        count += netns.ipv4.fragments.waiting;
      }
    }
    return count;
  }
}
