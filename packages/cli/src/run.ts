/** `hopscope run`: what would happen? Runs a scenario, writes its trace, shows every hop. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  checkSteps,
  type Diagnostic,
  type DropReason,
  dropReasonName,
  formatDiagnostics,
  hopTable,
  loadScenario,
  run as runScenario,
  type RunResult,
  StepKind,
  type TraceFile,
  writeTrace,
} from "@hopscope/mesh";
import { PcapngWriter } from "@hopscope/tracer/pcapng-writer";
import { Command } from "commander";
import { styleFor } from "./colors.ts";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Output } from "./output.ts";

interface RunFlags {
  readonly output: string;
  readonly quiet?: true;
  /** False after `--no-color`. */
  readonly color: boolean;
}

const DETAILS = `
A scenario is a YAML file with three parts: a cluster, a Docker stack file (inline or by path), and commands to run:

  cluster: { nodes: 3 }
  compose: stack.yml
  run:
    steps:
      - exec web.1 ping -c 1 10.0.1.4

What is written:
  DIR/trace.pcapng   every frame at every device it passed, for Wireshark or hopscope decode. Each interface is a
                     point named node/namespace/device; frame.packet_id is the same on all hops of one packet; the
                     packet comment says what the hop decided.

Examples:
  hopscope run examples/first-light/scenario.yml -o out
  tshark -r out/trace.pcapng -Y 'frame.packet_id == 3'      one packet's whole way

Exit status: 0 done (also if a ping in it failed) · 2 usage, or mistakes in the scenario: all of them are listed.
`;

/** The command, to be added to the program; `done` takes its exit code. */
export function runCommand(io: Io, done: (code: ExitCode) => void): Command {
  return new Command("run")
    .summary("what would happen? Runs a scenario, writes a trace of every hop")
    .description("Runs a scenario on a simulated swarm, shows every hop of every packet, and writes a trace.")
    .argument("<scenario>", "scenario file (docs/scenario-reference.md)")
    .requiredOption("-o, --output <dir>", "directory for trace.pcapng; made if it is not there")
    .option("-q, --quiet", "no hop table: only what the programs printed")
    .option("--no-color", "no colors, also on a terminal (as if NO_COLOR were set)")
    .addHelpText("after", DETAILS)
    .action(async (scenario: string, flags: RunFlags) => {
      done(await run(scenario, flags, io));
    });
}

/** Runs the file. Mistakes in it are told with their places; nothing is written then. */
export async function run(file: string, flags: RunFlags, io: Io): Promise<ExitCode> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    io.stderr.write(`hopscope: cannot read ${file}: ${(error as Error).message}\n`);
    return ExitCode.usage;
  }
  const loaded = loadScenario(text, { file, readFile: (path) => readFileSync(path, "utf8") });
  const tell = (diagnostics: readonly Diagnostic[], word: string): void => {
    if (diagnostics.length > 0) io.stderr.write(`${formatDiagnostics(diagnostics, loaded.sources, word)}\n`);
  };
  if (!loaded.ok) {
    tell(loaded.warnings, "warning");
    tell(loaded.diagnostics, "");
    return ExitCode.usage;
  }
  const { scenario } = loaded;
  tell(scenario.warnings, "warning");
  const mistakes = checkSteps(scenario);
  if (mistakes.length > 0) {
    tell(mistakes, "");
    return ExitCode.usage;
  }
  const result = runScenario(scenario);
  const path = join(flags.output, "trace.pcapng");
  const { mesh, recordingStartedAt: startedAt } = result;
  const trace = { mesh, name: scenario.name, dataPathPort: scenario.cluster.dataPathPort, startedAt };
  try {
    mkdirSync(flags.output, { recursive: true });
    writeFile(path, trace);
  } catch (error) {
    io.stderr.write(`hopscope: cannot write ${path}: ${(error as Error).message}\n`);
    return ExitCode.usage;
  }
  await report(result, path, flags, io);
  return ExitCode.ok;
}

function writeFile(path: string, trace: TraceFile): void {
  const writer = new PcapngWriter(path);
  try {
    writeTrace(writer, trace);
  } finally {
    writer.closeSync();
  }
}

async function report(result: RunResult, path: string, flags: RunFlags, io: Io): Promise<void> {
  const output = new Output(io.stdout);
  const lines = flags.quiet === true ? programOutput(result) : hopTable(result, { style: styleFor(io, flags.color) });
  for (const line of lines) {
    if (output.line(line)) await output.flush();
    if (output.isClosed) break;
  }
  output.line("");
  output.line(`${summaryOf(result)} -> ${path}`);
  await output.end();
}

function* programOutput(result: RunResult): Generator<string> {
  for (const step of result.steps) yield* step.output;
}

/** `120 hops of 14 packets at 18 points; dropped: OTHERHOST 2` */
function summaryOf({ mesh: { recorder } }: RunResult): string {
  const points = new Set<number>();
  const drops = new Map<number, number>();
  for (let hop = 0; hop < recorder.hopCount; hop++) {
    points.add(recorder.point(hop));
    recorder.steps(hop, (kind, a) => {
      if (kind === StepKind.drop) drops.set(a, (drops.get(a) ?? 0) + 1);
    });
  }
  const dropped = [...drops].map(([reason, count]) => `${dropReasonName(reason as DropReason)} ${count}`).join(", ");
  const tail = dropped === "" ? "" : `; dropped: ${dropped}`;
  return `${recorder.hopCount} hops of ${recorder.packetCount} packets at ${points.size} points${tail}`;
}
