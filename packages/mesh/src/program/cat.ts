/** `cat`: prints files of the place it runs in. Not modelled: options, standard input, directories. */
import { fileText } from "../inspect/files.ts";
import { isBusybox } from "./ip-action.ts";
import { type Program, UsageError } from "./program.ts";

export const CAT: Program = {
  check(argv) {
    if (argv.length < 2) throw new UsageError("cat: say which file: cat /etc/resolv.conf");
    const option = argv.slice(1).find((word) => word.startsWith("-"));
    if (option !== undefined) throw new UsageError(`cat: option ${option} is not modelled`);
  },
  *main(argv, context) {
    let status = 0;
    for (const path of argv.slice(1)) {
      const text = fileText(context.environment, path);
      if (text === undefined) {
        const what = isBusybox(context) ? `can't open '${path}'` : path;
        context.print(`cat: ${what}: No such file or directory`);
        status = 1;
      } else if (text !== "") for (const line of text.replace(/\n$/, "").split("\n")) context.print(line);
    }
    return status;
  },
};
