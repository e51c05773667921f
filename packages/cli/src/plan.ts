/** `hopscope plan`: what does Docker make of this stack? The commands that would make the same by hand. */
import { deploymentCommands } from "@hopscope/mesh";
import { Command } from "commander";
import { aesGcm } from "./aes-gcm.ts";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Output } from "./output.ts";
import { openScenario } from "./scenario-file.ts";

interface PlanFlags {
  readonly node?: string;
}

const DETAILS = `
Nothing is run: it is the swarm as it stands when the run begins, in the order in which the engines made it. Each line is a
command of a node (node-1# …) or of a namespace on it (node-1/overlay-front# …): ip, bridge, iptables, sysctl, ipvsadm. What
no command does is said in words: dockerd listens on …

Examples:
  hopscope plan examples/first-light/scenario.yml
  hopscope plan scenario.yml --node node-1 | grep iptables

Exit status: 0 done · 2 usage, or mistakes in the scenario: all of them are listed.
`;

/** The command, to be added to the program; `done` takes its exit code. */
export function planCommand(io: Io, done: (code: ExitCode) => void): Command {
  return new Command("plan")
    .summary("what does Docker make of this stack? The same by hand, as commands")
    .description("Deploys a scenario's stack and prints the commands that would make the same networks without Docker.")
    .argument("<scenario>", "scenario file (docs/scenario-reference.md)")
    .option("--node <name>", "only what is done on that node")
    .addHelpText("after", DETAILS)
    .action(async (scenario: string, flags: PlanFlags) => {
      done(await plan(scenario, flags, io));
    });
}

export async function plan(file: string, { node }: PlanFlags, io: Io): Promise<ExitCode> {
  const open = openScenario(file, io);
  if (open === undefined) return ExitCode.usage;
  const { nodes } = open.scenario.cluster;
  if (node !== undefined && !nodes.some(({ name }) => name === node)) {
    io.stderr.write(`hopscope: there is no node ${node}; there are ${nodes.map(({ name }) => name).join(", ")}\n`);
    return ExitCode.usage;
  }
  const output = new Output(io.stdout);
  for (const line of deploymentCommands(open.scenario, aesGcm)) {
    if (node !== undefined && line.split(/[/#]/, 1)[0] !== node) continue;
    if (output.line(line)) await output.flush();
    if (output.isClosed) break;
  }
  await output.flush();
  return ExitCode.ok;
}
