/** `hopscope run`: what would happen? Runs a scenario, writes its trace, shows every hop. */
import { Command } from "commander";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { problemOfCapture } from "./replay-files.ts";
import { openScenario } from "./scenario-file.ts";
import { limitOption, outputOption, simulate, type SimulationFlags } from "./simulation.ts";

const DETAILS = `
A scenario is a YAML file with three parts: a cluster, a Docker stack file (inline or by path), and commands to run:

  cluster: { nodes: 3 }
  compose: stack.yml
  run:
    steps:
      - exec web.1 ping -c 1 10.0.1.4

Steps also run on a machine (on worker1 …), create and remove what Docker has (docker run …), wait (sleep 2s), look
(inspect worker1/host ip neigh), feed in a capture (replay …) and let links and tables go wrong (fault …).

What is written with -o DIR:
  DIR/trace.pcapng   every frame at every device it passed, for Wireshark or hopscope decode. Each interface is a
                     point named node/namespace/device; frame.packet_id is the same on all hops of one packet; the
                     packet comment says what the hop decided, and a frame without one was handed on unchanged.
  DIR/esp_sa         with encrypted networks: their keys, for Wireshark to read what is inside of ESP.

What is printed: each step, below it the hops during it with what they decided, then what its program printed.

Examples:
  hopscope run scenario.yml
  hopscope run examples/first-light/scenario.yml -o out
  tshark -r out/trace.pcapng -Y 'frame.packet_id == 3'      one packet's whole way

Exit status: 0 done (also if a ping in it failed) · 1 a capture to be fed in was damaged, or the output cannot be written ·
2 usage, or mistakes in the scenario: all of them are listed.
`;

/** The command, to be added to the program; `done` takes its exit code. */
export function runCommand(io: Io, done: (code: ExitCode) => void): Command {
  return new Command("run")
    .summary("what would happen? Runs a scenario, shows every hop of every packet")
    .description(
      "Runs a scenario on a simulated swarm, shows every hop of every packet, and writes a trace if asked to.",
    )
    .argument("<scenario>", "scenario file (docs/scenario-reference.md)")
    .addOption(outputOption())
    .option("-q, --quiet", "no hop table: only what the programs printed")
    .option("--no-hops", "no hops: the steps and what they printed")
    .addOption(limitOption())
    .option("--no-color", "no colors, also on a terminal (as if NO_COLOR were set)")
    .addHelpText("after", DETAILS)
    .action(async (scenario: string, flags: SimulationFlags) => {
      done(await run(scenario, flags, io));
    });
}

/** Runs the file. Mistakes in it are told with their places; nothing is written then. */
export async function run(file: string, flags: SimulationFlags, io: Io): Promise<ExitCode> {
  const open = openScenario(file, io, problemOfCapture);
  return open === undefined ? ExitCode.usage : simulate(open, flags, io);
}
