/** `--help` of the docker client: the commands and flags that are modelled, in the client's form, without its explanations. */
import type { Command } from "./cli-call.ts";

export type Commands = Readonly<Record<string, Command>>;

/** What `docker --help`, `docker GROUP --help` and `docker [GROUP] COMMAND --help` print; undefined: nobody asks for it. */
export function helpOf(
  argv: readonly string[],
  commands: Commands,
  groups: Readonly<Record<string, Commands>>,
): readonly string[] | undefined {
  const at = argv.indexOf("--help");
  const names = argv.slice(1, at);
  const [first, second, more] = names;
  if (at < 1 || more !== undefined || names.some((name) => name.startsWith("-"))) return undefined;
  if (first === undefined) return [...usage("docker", "COMMAND"), ...listed(Object.keys({ ...commands, ...groups }))];
  const group = Object.hasOwn(groups, first) ? groups[first] : undefined;
  if (group === undefined) {
    if (second !== undefined || !Object.hasOwn(commands, first)) return undefined;
    return flagsOf(`docker ${first}`, commands[first]!);
  }
  if (second === undefined) return [...usage(`docker ${first}`, "COMMAND"), ...listed(Object.keys(group))];
  return Object.hasOwn(group, second) ? flagsOf(`docker ${first} ${second}`, group[second]!) : undefined;
}

function usage(name: string, what: string): readonly string[] {
  return ["", `Usage:  ${name} ${what}`, ""];
}

function listed(names: readonly string[]): readonly string[] {
  return ["Commands that are modelled:", ...names.map((name) => `  ${name}`)];
}

function flagsOf(name: string, { flags, most }: Command): readonly string[] {
  const lines = Object.entries(flags)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([flag, { short, takesValue }]) => {
      const letter = short === undefined ? "    " : `-${short}, `;
      return `  ${letter}--${flag}${takesValue ? " value" : ""}`;
    });
  return [...usage(name, `[OPTIONS]${most === 0 ? "" : " …"}`), "Options that are taken:", ...lines];
}
