// What a trace costs: a million frames seen at devices, simulated, recorded and written to a file, in one figure.
//   node trace.mjs OUTPUT_DIRECTORY      prints sightings and nanoseconds of running, and of writing
import { join } from "node:path";
import { rmSync, statSync } from "node:fs";
import { writeTrace } from "../../packages/mesh/dist/trace/pcapng.js";
import { PcapngWriter } from "../../packages/tracer/dist/pcapng-writer.js";
import { overlay } from "./forward.mjs";

const SIGHTINGS = 1_000_000;
const file = join(process.argv[2], "hopscope-bench-trace.pcapng");

function measure() {
  const path = overlay();
  const { mesh } = path;
  const { recorder } = mesh;
  for (let warm = 0; warm < 20; warm++) path.run();
  const startedAt = mesh.simulator.now;
  recorder.start();
  const began = process.hrtime.bigint();
  while (recorder.hopCount < SIGHTINGS) path.run();
  const ran = process.hrtime.bigint();
  const writer = new PcapngWriter(file);
  writeTrace(writer, { mesh, name: "bench", dataPathPort: 4789, startedAt });
  writer.closeSync();
  const wrote = process.hrtime.bigint();
  const bytes = statSync(file).size;
  rmSync(file);
  return { sightings: recorder.hopCount, run: Number(ran - began), write: Number(wrote - ran), bytes };
}

measure();
console.log(JSON.stringify(measure()));
