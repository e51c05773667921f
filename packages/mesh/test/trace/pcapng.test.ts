import {
  encodeBlock,
  type EnhancedPacketBlock,
  type InterfaceBlock,
  type NamesBlock,
  type SectionBlock,
} from "@hopscope/tracer/pcapng-blocks";
import { PcapngWriter } from "@hopscope/tracer/pcapng-writer";
import { describe, expect, test } from "vitest";
import { run } from "../../src/run.ts";
import type { Scenario } from "../../src/scenario/scenario.ts";
import { decisionOf, EPOCH_SECONDS, traceBlocks, writeTrace } from "../../src/trace/pcapng.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { exec, ip, overlayPlan, sleep } from "../engine/overlay-plan.ts";
import { buildPlan } from "../engine/build-plan.ts";

// Long enough for the lower half of the time to overflow, more than once.
const steps = [exec("svc.1", "ping -c 1 10.0.9.4"), sleep(3), exec("svc.1", "ping -c 6 10.0.9.4")];
const scenario = { run: { seed: 1, setup: [exec("svc.1", "ping -c 1 10.0.9.4")], steps } } as unknown as Scenario;
const { mesh, recordingStartedAt: startedAt } = run(scenario, { mesh: buildPlan(overlayPlan([1, 1])) });
const { recorder } = mesh;
const blocksFor = (dataPathPort: number) => [...traceBlocks({ mesh, name: "test", dataPathPort, startedAt })];
const blocks = blocksFor(4789);
const packets = blocks.filter((block): block is EnhancedPacketBlock => block.kind === "enhancedPacket");

describe("a trace as pcapng blocks", () => {
  test("is a section, an interface for each point, names, then frames", () => {
    const kinds = blocks.map((block) => block.kind);
    const before = ["section", ...Array.from({ length: recorder.pointCount }, () => "interface"), "names"];
    expect(kinds).toEqual([...before, ...Array(recorder.hopCount).fill("enhancedPacket")]);
  });

  test("has the time of each frame to the nanosecond, and never goes back", () => {
    const order = recorder.order();
    const times = packets.map(({ time }) => (BigInt(time.high) << 32n) + BigInt(time.low));
    const epoch = BigInt(EPOCH_SECONDS) * 1_000_000_000n;
    expect(times).toEqual(Array.from(order, (hop) => epoch + BigInt(recorder.time(hop) - startedAt)));
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect(new Set(packets.map(({ time }) => time.high)).size).toBeGreaterThan(1);
  });

  test("says of each frame where it was, which way it went, whose it is, and what was decided", () => {
    for (const [index, hop] of recorder.order().entries()) {
      const { interfaceId, data, wireLength, options } = packets[index]!;
      const decision = decisionOf(recorder, hop);
      expect(interfaceId).toBe(recorder.point(hop));
      expect(data).toEqual(recorder.bytes(hop));
      expect(wireLength).toBe(data.length);
      expect(options.flags).toBe(recorder.direction(hop) === Direction.in ? 1 : 2);
      expect(options.packetId).toBe(recorder.packetId(hop));
      expect(options.comments ?? []).toEqual(decision === "" ? [] : [decision]);
      // Only what leaves a device may leave it undecided: the README says so.
      if (decision === "") expect(recorder.direction(hop)).toBe(Direction.out);
    }
  });

  test("names interfaces by node, namespace and device, and says what is behind the node's end of a pair", () => {
    const interfaces = blocks.filter((block): block is InterfaceBlock => block.kind === "interface");
    const options = interfaces.find((each) => each.options.name === "node1/overlay-net/veth1")?.options;
    expect(options).toEqual({
      name: "node1/overlay-net/veth1",
      timestampResolution: 9,
      description: "peer svc.1/eth0",
    });
    expect(interfaces.map((each) => each.options.name)).toContain("switch/host/p-node2");
    const container = interfaces.find((each) => each.options.name === "node1/svc.1/eth0")!;
    expect(container.options.description).toBeUndefined();
  });

  test("names nodes, tasks and load balancers", () => {
    const { records } = blocks.find((block): block is NamesBlock => block.kind === "names")!;
    const namesOf = (address: string) =>
      records.flatMap((each) => (each.kind === "ipv4" && each.address === ip(address) ? each.names : []));
    expect(namesOf("192.168.77.12")).toEqual(["node2"]);
    expect(namesOf("10.0.9.4")).toEqual(["svc.2"]);
    expect(namesOf("10.0.9.6")).toEqual(["lb-net.node2"]);
  });

  test("tells how to decode tunnels on another port than Wireshark knows", () => {
    const comments = (port: number) => (blocksFor(port)[0] as SectionBlock).options.comments!.join("\n");
    expect(comments(4789)).not.toMatch(/tshark/);
    expect(comments(8472)).toMatch(/tshark -d udp\.port==8472,vxlan/);
  });

  test("a writer of millions of hops writes the same bytes", () => {
    const chunks: Uint8Array[] = [];
    const sink = {
      file: "trace",
      writeSync: (bytes: Uint8Array) => void chunks.push(bytes.slice()),
      closeSync: () => {},
    };
    const writer = new PcapngWriter(sink);
    writeTrace(writer, { mesh, name: "test", dataPathPort: 4789, startedAt });
    writer.closeSync();
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat(blocks.map((block) => encodeBlock(block, true))));
  });
});
