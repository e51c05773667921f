/** `hopscope inspect`: what would a tool print there, at that time? */
import {
  expectedDuration,
  lookAt,
  type NamespacePlace,
  parseDuration,
  run as runScenario,
  type Scenario,
  UsageError,
} from "@hopscope/mesh";
import { Command, InvalidArgumentError } from "commander";
import { aesGcm } from "./aes-gcm.ts";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Output } from "./output.ts";
import { openScenario } from "./scenario-file.ts";
import { failuresOf, openReplays } from "./simulation.ts";

interface InspectFlags {
  /** Nanoseconds since the recording began. */
  readonly at?: number;
  readonly node?: string;
  readonly namespace: string;
}

const DETAILS = `
The scenario is run up to that time, and the tool asked there, in the format in which it would print on a live node:

  ip addr · ip -d link · ip route · ip neigh · bridge fdb · ifconfig · route -n · arp -n · ss -lntu
  iptables-save -c · iptables -t nat -S · conntrack -L · ipvsadm -Ln · sysctl net.ipv4.ip_forward
  docker network ls · docker network inspect NAME · docker ps · docker service ps NAME
  cat /etc/resolv.conf · cat /etc/hosts

A namespace is host (the node itself), a task or container (web.1), or an overlay's (overlay-front, lb-front); of one
that is not there at that time all others are listed. --at 0s is when the run's setup has ended.

Instead of --node and --namespace the place may stand before the command, as in a step: manager/web.1 ip neigh.

Examples:
  hopscope inspect examples/first-light/scenario.yml swarm-worker1/host ip addr
  hopscope inspect scenario.yml --at 1.5s --node manager --namespace web.1 ip neigh
  hopscope inspect scenario.yml --namespace overlay-front bridge fdb

Exit status: that of the tool · 2 usage, or mistakes in the scenario.
`;

/** The command, to be added to the program; `done` takes its exit code. */
export function inspectCommand(io: Io, done: (code: number) => void): Command {
  return new Command("inspect")
    .summary("what would ip, bridge, iptables … print there, at that time?")
    .description("Runs a scenario up to a time and prints what a tool prints in a namespace at that moment.")
    .argument("<scenario>", "scenario file (docs/scenario-reference.md)")
    .argument("<what...>", "command that looks: ip addr, bridge fdb, iptables-save -c …")
    .option("--at <time>", "virtual time since the recording began, such as 1.5s (default: when all is over)", time)
    .option("--node <name>", "machine; default: the first node")
    .option("--namespace <name>", "namespace on it: host, a task or container, an overlay's", "host")
    .allowUnknownOption()
    .addHelpText("after", DETAILS)
    .action(async (scenario: string, what: readonly string[], flags: InspectFlags) => {
      done(await inspect(scenario, what, flags, io));
    });
}

function time(text: string): number {
  const found = parseDuration(text);
  if (found === undefined) throw new InvalidArgumentError(`Expected ${expectedDuration(text)}.`);
  return found;
}

/** The exit status of the tool. */
export async function inspect(file: string, what: readonly string[], flags: InspectFlags, io: Io): Promise<number> {
  const words = what.length === 1 ? what[0]!.trim().split(/\s+/) : what;
  if (words[0]!.startsWith("-")) {
    io.stderr.write(`hopscope: unknown option '${words[0]}'\n(hopscope inspect --help says more)\n`);
    return ExitCode.usage;
  }
  const open = openScenario(file, io);
  if (open === undefined) return ExitCode.usage;
  const { scenario, tell } = open;
  const files = await openReplays(scenario, tell);
  if (files === undefined) return ExitCode.usage;
  const { mesh, setup } = runScenario(scenario, {
    aead: aesGcm,
    record: false,
    openReplay: files.of,
    ...(flags.at === undefined ? {} : { until: flags.at }),
  });
  tell(files.problems, "warning");
  tell(failuresOf(setup), "warning");
  try {
    const { place, argv } = placeOf(flags, words, scenario);
    const { status, output } = lookAt(mesh, place, argv);
    const stdout = new Output(io.stdout);
    for (const line of output) stdout.line(line);
    await stdout.flush();
    return status;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.stderr.write(`hopscope: ${error.message}\n`);
    return ExitCode.usage;
  }
}

/** Where, and what: the place may be the first word, as in an `inspect` step. */
function placeOf(
  { node, namespace }: InspectFlags,
  words: readonly string[],
  { cluster }: Scenario,
): { readonly place: NamespacePlace; readonly argv: readonly string[] } {
  const [first = "", ...rest] = words;
  const [, machine, inside] = /^([^/]+)\/([^/]+)$/.exec(first) ?? [];
  if (machine !== undefined && inside !== undefined && rest.length > 0) {
    return { place: { node: machine, namespace: inside }, argv: rest };
  }
  return { place: { node: node ?? cluster.nodes[0]!.name, namespace }, argv: words };
}
