/** `hopscope replay`: what would become of these frames? Feeds a capture into a scenario's mesh. */
import type { DevicePlace, ReplayStep, RunResult, Step } from "@hopscope/mesh";
import { Command, InvalidArgumentError, Option } from "commander";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { openScenario, type OpenScenario } from "./scenario-file.ts";
import { limitOption, outputOption, simulate, type SimulationFlags } from "./simulation.ts";

interface ReplayFlags extends SimulationFlags {
  readonly scenario: string;
  readonly at: DevicePlace;
  readonly as: "in" | "out";
  readonly from?: string;
  readonly only?: "in" | "out";
  readonly speed?: number;
  readonly atOnce?: true;
}

/** What the frames set going goes on for a while after the last of them. */
const SETTLE_NS = 1_000_000_000;

const DETAILS = `
The scenario's cluster, stack and setup are built; its steps are not taken: the frames are what happens. They are fed in
at a device as if its namespace had sent them, or with --as in as if they had arrived there, with their own timing. A
namespace whose part the capture plays does not hear the answers: the capture has them. One more second is run after the
last frame.

Examples:
  hopscope replay web.pcap --scenario s.yml --at manager/web.1/eth0 -o out
  hopscope replay trace.pcapng --from manager/web.1/eth0 --only out --scenario s.yml --at manager/web.1/eth0 -o out
  hopscope replay wire.pcap --as in --at-once --scenario s.yml --at worker1/host/eth0 -o out

What is written and printed is as with hopscope run.

Exit status: 0 done · 1 the capture is damaged, what was good has been fed in · 2 usage, no capture, or mistakes in the
scenario.
`;

/** The command, to be added to the program; `done` takes its exit code. */
export function replayCommand(io: Io, done: (code: ExitCode) => void): Command {
  return new Command("replay")
    .summary("what would become of these frames? Feeds a capture into a scenario")
    .description("Feeds the frames of a capture file into a simulated swarm and shows what becomes of them.")
    .argument("<capture>", "pcap or pcapng, may be gzipped")
    .requiredOption("--scenario <file>", "scenario file: its cluster, stack and setup")
    .requiredOption("--at <node/namespace/device>", "where the frames are fed in", place)
    .addOption(outputOption())
    .addOption(
      new Option("--as <direction>", "out: as if sent there, in: as if arrived").choices(["in", "out"]).default("out"),
    )
    .option("--from <interface>", "frames of this interface of a pcapng file only")
    .addOption(new Option("--only <direction>", "only frames that the file marks so").choices(["in", "out"]))
    .option("--speed <factor>", "2: twice as fast as recorded", factor)
    .addOption(new Option("--at-once", "all frames at one moment, in their order").conflicts("speed"))
    .option("-q, --quiet", "no hop table")
    .addOption(limitOption())
    .option("--no-color", "no colors, also on a terminal (as if NO_COLOR were set)")
    .addHelpText("after", DETAILS)
    .action(async (capture: string, flags: ReplayFlags) => {
      done(await replay(capture, flags, io));
    });
}

/** A task's name has no slash: the parts are between slashes. */
function place(text: string): DevicePlace {
  const [node, namespace, device, ...more] = text.split("/");
  if (!node || !namespace || !device || more.length > 0)
    throw new InvalidArgumentError("Expected NODE/NAMESPACE/DEVICE such as worker1/web.1/eth0.");
  return { node, namespace, device };
}

function factor(text: string): number {
  const found = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  if (!(found > 0)) throw new InvalidArgumentError("Expected a factor such as 2 or 0.5.");
  return found;
}

export async function replay(file: string, flags: ReplayFlags, io: Io): Promise<ExitCode> {
  const open = openScenario(flags.scenario, io);
  if (open === undefined) return ExitCode.usage;
  const { at, as, from, only, atOnce, speed = 1 } = flags;
  const position = { file: flags.scenario, line: 1, column: 1 };
  const step: Step & ReplayStep = {
    kind: "replay",
    file,
    at,
    as,
    from,
    only,
    speed: atOnce === true ? Number.POSITIVE_INFINITY : speed,
    position,
    text: `replay ${file} at ${at.node}/${at.namespace}/${at.device}`,
    background: false,
  };
  const settle: Step = { kind: "sleep", durationNs: SETTLE_NS, position, text: "sleep 1s", background: false };
  const run = { ...open.scenario.run, steps: [step, settle] };
  // Of the one step that is nowhere in the file.
  const tell: OpenScenario["tell"] = (diagnostics, word) => {
    for (const each of diagnostics)
      if (each.position !== position) open.tell([each], word);
      else io.stderr.write(`hopscope: ${word === "" ? "" : `${word}: `}${each.message}\n`);
  };
  const problemOf = ({ steps }: RunResult): string | undefined =>
    steps[0]?.status === 0 ? undefined : steps[0]?.output.join("\n");
  return simulate({ tell, scenario: { ...open.scenario, run } }, flags, io, problemOf);
}
