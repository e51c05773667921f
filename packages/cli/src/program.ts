/** The command line as a whole: commands, help, and what their mistakes answer to the shell. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { OutputError } from "./output.ts";

type CommandMaker = (io: Io, done: (code: number) => void) => Command;

/** Where each command is, in the order of the help. Decoding needs no simulator, nor the memory that one takes. */
const COMMANDS: ReadonlyMap<string, () => Promise<CommandMaker>> = new Map([
  ["run", async () => (await import("./run.ts")).runCommand],
  ["inspect", async () => (await import("./inspect.ts")).inspectCommand],
  ["plan", async () => (await import("./plan.ts")).planCommand],
  ["replay", async () => (await import("./replay.ts")).replayCommand],
  ["decode", async () => (await import("./decode.ts")).decodeCommand],
]);

const DETAILS = `
Try:
  hopscope run examples/first-light/scenario.yml -o out  what would happen? Every hop of a ping between two nodes
  hopscope inspect examples/first-light/scenario.yml --at 100ms --namespace overlay_service.1 ip neigh
                                                         what would a tool print there, at that time?
  hopscope plan examples/first-light/scenario.yml        what does Docker make of this stack? The same by hand
  hopscope replay capture.pcapng --scenario scenario.yml --at worker1/web.1/eth0 -o out
                                                         what would become of these frames?
  hopscope decode capture.pcapng                         what is in this file? One line a packet, through VXLAN
  hopscope decode --tree --count 1 capture.pcapng        every field of the first packet
  tcpdump -i eth0 -U -w - | hopscope decode -            live, as it arrives

Exit status: 0 done · 1 the file is damaged, what was good is printed; or the output cannot be written · 2 usage, or
no capture (inspect: the tool's).
Each command has its own help: hopscope help decode. Nothing here needs root, Docker or a network.
`;

/** Runs one command line, without the name of the program. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let code: number = ExitCode.ok;
  const makers = await makersFor(args);
  const program = createProgram(io, makers, (result) => {
    code = result;
  });
  try {
    refuseUnknown(program, args);
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    if (!(error instanceof OutputError)) throw error;
    io.stderr.write(`hopscope: ${error.message}\n`);
    return ExitCode.damaged;
  }
}

/** The command that is named; all of them if none is. */
async function makersFor([name = ""]: readonly string[]): Promise<readonly CommandMaker[]> {
  const named = COMMANDS.get(name);
  const loads = named === undefined ? [...COMMANDS.values()] : [named];
  return Promise.all(loads.map((load) => load()));
}

/** With --help behind it commander would show the help of the program, and be content. */
function refuseUnknown(program: Command, [name]: readonly string[]): void {
  if (name === undefined || name.startsWith("-") || name === "help") return;
  if (!program.commands.some((command) => command.name() === name)) program.error(`error: unknown command '${name}'`);
}

function createProgram(io: Io, makers: readonly CommandMaker[], done: (code: number) => void): Command {
  const program = new Command("hopscope")
    .description("See every hop of a container overlay network: Docker Swarm's bridges, VXLAN tunnels and containers.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", DETAILS);
  const commands = makers.map((make) => make(io, done));
  for (const command of [program, ...commands]) {
    command
      .exitOverride()
      .showHelpAfterError(`(${command === program ? "hopscope" : `hopscope ${command.name()}`} --help says more)`)
      .configureOutput({
        writeOut: (text) => io.stdout.write(text),
        writeErr: (text) => io.stderr.write(text.replace(/^error: /, "hopscope: ")),
      });
  }
  for (const command of commands) program.addCommand(command);
  return program;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { readonly version: string }).version;
}
