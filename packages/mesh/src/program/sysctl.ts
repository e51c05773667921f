/** `sysctl`: kernel parameters of the namespace (procps). Not modelled: `-a`, `-p`. */
import { readSysctl, writeSysctl } from "../inspect/sysctls.ts";
import { type Program, UsageError } from "./program.ts";

export const SYSCTL: Program = {
  check(argv) {
    read(argv);
  },
  *main(argv, { environment, print }) {
    const { isQuiet, hasNoNames, names } = read(argv);
    let status = 0;
    for (const [name, value] of names) {
      const old = readSysctl(environment.netns, name);
      if (old === undefined) {
        print(`sysctl: cannot stat /proc/sys/${name.replaceAll(".", "/")}: No such file or directory`);
        status = 1;
      } else if (value !== undefined && !writeSysctl(environment.netns, name, value)) {
        print(`hopscope: ${name} = ${value} is not modelled; it stays ${old}`);
        status = 1;
      } else if (!isQuiet) print(hasNoNames ? (value ?? old) : `${name} = ${value ?? old}`);
    }
    return status;
  },
};

interface Options {
  readonly isQuiet: boolean;
  readonly hasNoNames: boolean;
  readonly names: readonly (readonly [name: string, value: string | undefined])[];
}

function read(argv: readonly string[]): Options {
  let isQuiet = false;
  let hasNoNames = false;
  const names: [string, string | undefined][] = [];
  for (const word of argv.slice(1)) {
    if (/^-[wnqe]+$/.test(word)) {
      isQuiet ||= word.includes("q");
      hasNoNames ||= word.includes("n");
    } else if (word.startsWith("-")) {
      throw new UsageError(`sysctl: option ${word} is not modelled; there are -w -n -q`);
    } else {
      const at = word.indexOf("=");
      const name = (at < 0 ? word : word.slice(0, at)).replaceAll("/", ".");
      names.push([name, at < 0 ? undefined : word.slice(at + 1)]);
    }
  }
  if (names.length === 0) throw new UsageError("sysctl: say which parameter: sysctl net.ipv4.ip_forward");
  return { isQuiet, hasNoNames, names };
}
