/** What `hopscope run` and `hopscope replay` have in common: a run with its capture files, its trace and its report. */
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Diagnostic,
  type DropReason,
  dropReasonName,
  formatDuration,
  espSaTable,
  hopTable,
  outputLines,
  parseBytes,
  run as runScenario,
  type RunResult,
  type Scenario,
  StepKind,
  type StepResult,
  type TraceFile,
  writeTrace,
} from "@hopscope/mesh";
import { InvalidArgumentError, Option } from "commander";
import { PcapngWriter } from "@hopscope/tracer/pcapng-writer";
import { aesGcm } from "./aes-gcm.ts";
import { styleFor } from "./colors.ts";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Output } from "./output.ts";
import { ReplayFiles } from "./replay-files.ts";
import type { OpenScenario } from "./scenario-file.ts";
import { systemProblem } from "./system-problem.ts";

/** As Wireshark calls its table of security associations. */
const ESP_SA = "esp_sa";

export interface SimulationFlags {
  /** Undefined: no trace is written. */
  readonly output?: string;
  readonly quiet?: true;
  /** False after `--no-hops`. Default true. */
  readonly hops?: boolean;
  /** Bytes of frames that are recorded at most. */
  readonly limit?: number;
  /** False after `--no-color`. */
  readonly color: boolean;
}

export function outputOption(): Option {
  return new Option(
    "-o, --output <dir>",
    "directory for trace.pcapng; made if it is not there (default: none is written)",
  );
}

export function limitOption(): Option {
  const words = "most bytes of frames in the trace; what comes then is not recorded (default: 1GiB)";
  return new Option("--limit <size>", words).argParser(size);
}

function size(text: string): number {
  const found = parseBytes(text);
  if (found === undefined) throw new InvalidArgumentError("Expected a size such as 100MB or 4GiB.");
  return found;
}

/** Opens all capture files that the steps read. Undefined: at least one cannot be used, which has been told. */
export async function openReplays({ run }: Scenario, tell: OpenScenario["tell"]): Promise<ReplayFiles | undefined> {
  const files = new ReplayFiles();
  let all = true;
  for (const part of ["setup", "steps"] as const)
    for (const [index, step] of run[part].entries())
      if (step.kind === "replay" && !(await files.open(step, `run.${part}[${index}]`))) all = false;
  if (all) return files;
  tell(files.problems, "");
  return undefined;
}

/**
 * Runs the scenario, writes its trace and prints what happened; unless `problemOf` finds that what was asked for could
 * not be done.
 */
export async function simulate(
  { scenario, tell }: OpenScenario,
  flags: SimulationFlags,
  io: Io,
  problemOf: (result: RunResult) => string | undefined = () => undefined,
): Promise<ExitCode> {
  const files = await openReplays(scenario, tell);
  if (files === undefined) return ExitCode.usage;
  const result = runScenario(scenario, {
    openReplay: files.of,
    aead: aesGcm,
    ...(flags.limit === undefined ? {} : { traceLimit: flags.limit }),
  });
  tell(files.problems, "warning");
  tell(failuresOf(result.setup), "warning");
  const problem = problemOf(result);
  if (problem !== undefined) {
    io.stderr.write(`hopscope: ${problem}\n`);
    return ExitCode.usage;
  }
  const { fullAt } = result.mesh.recorder;
  if (fullAt !== undefined) {
    const time = formatDuration(fullAt - result.recordingStartedAt);
    io.stderr.write(`warning: the trace ends at ${time}: it is as large as it may be (--limit)\n`);
  }
  const { mesh, recordingStartedAt: startedAt } = result;
  const trace = { mesh, name: scenario.name, dataPathPort: scenario.cluster.dataPathPort, startedAt };
  const written = flags.output === undefined ? undefined : { folder: flags.output, associations: espSaTable(mesh) };
  if (written !== undefined) {
    const { folder, associations } = written;
    try {
      makeFolder(folder);
      writeFile(pathIn(folder), trace);
      if (associations !== "") writeFileSync(join(folder, ESP_SA), associations);
    } catch (error) {
      const problem = isFile(folder) ? `${folder} is a file, not a directory` : systemProblem(error);
      io.stderr.write(`hopscope: cannot write ${pathIn(folder)}: ${problem}\n`);
      return ExitCode.usage;
    }
  }
  await report(result, written, flags, io);
  return files.problems.length > 0 ? ExitCode.damaged : ExitCode.ok;
}

/** Steps of the setup that did not do what they were there for. */
export function failuresOf(setup: readonly StepResult[]): Diagnostic[] {
  const failures: Diagnostic[] = [];
  for (const [index, { step, status, output }] of setup.entries()) {
    if (status === undefined || status === 0) continue;
    const last = output.findLast((line) => line !== "");
    const message = `ended with status ${status}${last === undefined ? "" : `: ${last.trim()}`}`;
    failures.push({ position: step.position, path: `run.setup[${index}]`, message });
  }
  return failures;
}

/** Not by `recursive`: Node tries for ever to make a folder in one that takes none, such as /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

function writeFile(path: string, trace: TraceFile): void {
  const writer = new PcapngWriter(path);
  try {
    writeTrace(writer, trace);
  } finally {
    writer.closeSync();
  }
}

/** What was written, and where. */
interface Written {
  readonly folder: string;
  /** Empty: no network is encrypted. */
  readonly associations: string;
}

function pathIn(folder: string): string {
  return join(folder, "trace.pcapng");
}

async function report(result: RunResult, written: Written | undefined, flags: SimulationFlags, io: Io): Promise<void> {
  const output = new Output(io.stdout);
  const table = { style: styleFor(io, flags.color), hops: flags.hops ?? true };
  const lines = flags.quiet === true ? outputLines(result) : hopTable(result, table);
  for (const line of lines) {
    if (output.line(line)) await output.flush();
    if (output.isClosed) break;
  }
  output.line("");
  if (written === undefined) output.line(`${summaryOf(result)}; -o DIR writes them for Wireshark`);
  else {
    output.line(`${summaryOf(result)} -> ${pathIn(written.folder)}`);
    if (written.associations !== "") for (const line of decryptionHelp(written)) output.line(line);
  }
  await output.flush();
}

/** How to see what is inside of ESP. */
function decryptionHelp({ associations, folder }: Written): readonly string[] {
  const count = associations.split("\n").length - 1;
  return [
    `${count} security associations -> ${join(folder, ESP_SA)}; to read what is inside of ESP:`,
    `  WIRESHARK_CONFIG_DIR=${folder} tshark -o esp.enable_encryption_decode:TRUE -r ${pathIn(folder)}`,
    `  Wireshark: copy ${ESP_SA} into its personal configuration folder, and switch on "Attempt to detect/decode encrypted ESP payloads"`,
  ];
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
