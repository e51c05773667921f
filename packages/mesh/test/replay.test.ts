/** Frames of real recordings, fed in where they really were sent, become what they really became. */
import { dissect, Layers } from "@hopscope/codec";
import { ChecksumStatus } from "@hopscope/codec/checksum";
import { checksumOf } from "@hopscope/codec/verify";
import { openCapture } from "@hopscope/tracer/reader";
import { describe, expect, test } from "vitest";
import { type CapturedFrame, ReplaySelection } from "../src/replay.ts";
import { run, type RunResult } from "../src/run.ts";
import type { ReplayStep, Step } from "../src/scenario/step.ts";
import { Direction } from "../src/trace/recorder.ts";
import { load, recordingOf } from "./conformance/conformance.ts";
import { ipv4AddressesIn, lineOf } from "./conformance/frame-line.ts";

interface Feed {
  /** Interface of the recording, and the same point of the mesh. */
  readonly from: string;
  readonly at: string;
  readonly as?: "in" | "out";
}

const position = { file: "test", line: 1, column: 1 };
const plain = { position, text: "", background: false } as const;

/**
 * The conformance scenario with its steps replaced by replays of its recording, all from the same moment; `setup` comes
 * last in the setup.
 */
async function replay(
  name: string,
  feeds: readonly Feed[],
  speed = 1,
  setup: readonly Step[] = [],
): Promise<RunResult> {
  const scenario = load(name);
  const base = { kind: "replay", file: recordingOf(name), speed, ...plain, text: "replay", background: true } as const;
  const replays = feeds.map(({ from, at, as = "out" }) => {
    const [node = "", namespace = "", device = ""] = at.split("/");
    return { ...base, from, only: as, at: { node, namespace, device }, as } satisfies ReplayStep;
  });
  const frames = new Map<ReplayStep, readonly CapturedFrame[]>();
  for (const step of replays) frames.set(step, await framesOf(name, step));
  const steps = [
    ...replays,
    { kind: "wait", ...plain } as const,
    { kind: "sleep", durationNs: 1e8, ...plain } as const,
  ];
  const run2 = { ...scenario.run, setup: [...scenario.run.setup, ...setup], steps };
  return run({ ...scenario, run: run2 }, { openReplay: (step) => frames.get(step)! });
}

async function framesOf(name: string, step: Pick<ReplayStep, "from" | "only">): Promise<CapturedFrame[]> {
  const selection = new ReplaySelection(step);
  const taken: CapturedFrame[] = [];
  for await (const packet of await openCapture(recordingOf(name))) {
    const frame = selection.take({ ...packet, data: packet.data.slice() });
    if (frame !== undefined) taken.push(frame);
  }
  return taken;
}

type Point = readonly [name: string, direction: "in" | "out"];

/** Frames of one interface of the recording, `node.namespace.device`, as lines. */
async function recorded(name: string, [from, only]: Point): Promise<string[]> {
  const frames = (await framesOf(name, { from, only })).map(({ bytes }) => bytes);
  const addresses = ipv4AddressesIn(frames);
  return frames.map((bytes) => lineOf(bytes, addresses));
}

/** The same of the simulation. */
function simulated({ mesh: { recorder } }: RunResult, [name, direction]: Point): string[] {
  const hops = Array.from(recorder.order()).filter((hop) => {
    const { node, namespace, device } = recorder.pointAt(recorder.point(hop));
    const point = `${node}.${namespace}.${device}`;
    return point === name.replace(".ctr-", ".") && recorder.direction(hop) === Direction[direction];
  });
  const frames = hops.map((hop) => recorder.bytes(hop));
  const addresses = ipv4AddressesIn(frames);
  return frames.map((bytes) => lineOf(bytes, addresses));
}

describe("the recording s01: what a container of an overlay sent, fed in there", () => {
  const feed = [{ from: "swarm-manager.ctr-overlay_service.1.eth0", at: "swarm-manager/overlay_service.1/eth0" }];
  const wire: readonly Point[] = [
    ["swarm-manager.host.eth0", "out"],
    ["switch.host.p-swarm-manager", "in"],
    ["switch.host.p-swarm-worker1", "out"],
    ["swarm-worker1.host.eth0", "in"],
    ["swarm-worker1.overlay-myoverlay.vxlan0", "in"],
    ["swarm-worker1.ctr-overlay_service.3.eth0", "in"],
  ];

  test.each([1, 10])("becomes the real frames on the wire, %d times as fast", async (speed) => {
    // Who is asked for the way back does not know it.
    const forgets = { kind: "netns", node: "swarm-worker1", namespace: "overlay_service.3", ...plain } as const;
    const flush = { ...forgets, argv: ["ip", "neigh", "flush", "all"] };
    const result = await replay("s01-ping-overlay-cross", feed, speed, [flush]);
    expect(result.steps[0]!.output[0]).toMatch(/^7 frames of .* fed in at swarm-manager\/overlay_service\.1\/eth0$/);
    for (const point of wire) {
      const real = await recorded("s01-ping-overlay-cross", point);
      expect(real.length).toBeGreaterThan(0);
      expect([point, simulated(result, point)]).toEqual([point, real]);
    }
  });

  test("at once, too, as far as what was sent is concerned", async () => {
    const result = await replay("s01-ping-overlay-cross", feed, Number.POSITIVE_INFINITY);
    const point = wire[0]!;
    const real = await recorded("s01-ping-overlay-cross", point);
    expect(simulated(result, point)).toEqual(real);
    const [fed] = result.steps;
    expect(fed!.endedAt - fed!.startedAt).toBeLessThan(1e6);
  });
});

describe("the recording s06: what a container sent to the world outside, fed in there", () => {
  test("becomes the real frames outside: translated, with complete checksums", async () => {
    const name = "s06-gwbridge-out";
    // Frames are addressed to the bridge that was there.
    const argv = ["ip", "link", "set", "docker_gwbridge", "address", "02:42:b9:b3:ec:a2"];
    const bridge = { kind: "on", machine: "swarm-manager", argv, ...plain } as const;
    const result = await replay(
      name,
      [
        { from: "swarm-manager.ctr-overlay_service.1.eth1", at: "swarm-manager/overlay_service.1/eth1" },
        // Its partner's part of the conversations.
        { from: "ext.host.eth0", at: "ext/host/eth0" },
      ],
      // The lab's cables have no length: at its own speed an answer would come before its question.
      0.2,
      [bridge],
    );
    const points: readonly Point[] = [
      ["swarm-manager.host.eth0", "out"],
      ["swarm-manager.host.docker_gwbridge", "in"],
      ["ext.host.eth0", "in"],
      ["swarm-manager.ctr-overlay_service.1.eth1", "in"],
    ];
    for (const point of points) {
      const real = await recorded(name, point);
      expect(real.length).toBeGreaterThan(0);
      expect([point, simulated(result, point)]).toEqual([point, real]);
    }
    // The container left them to the network card.
    const { recorder } = result.mesh;
    const layers = new Layers();
    for (let hop = 0; hop < recorder.hopCount; hop++) {
      const { node, namespace } = recorder.pointAt(recorder.point(hop));
      if (node !== "ext" || namespace !== "host") continue;
      const bytes = recorder.bytes(hop);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      dissect(view, 0, bytes.length, 1, layers);
      for (let index = 0; index < layers.count; index++)
        expect(checksumOf(view, layers, index)).not.toBe(ChecksumStatus.invalid);
    }
  });
});
