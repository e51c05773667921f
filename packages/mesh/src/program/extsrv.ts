/**
 * `extsrv`: what the recordings' machine outside serves, by kind: `extsrv dns PORT NAME=ADDRESS…` answers for a few
 * names (dnsd.ts).
 */
import { DNSD } from "./dnsd.ts";
import { type Program, UsageError } from "./program.ts";

/** The command behind a kind. */
function commandOf(argv: readonly string[]): readonly string[] {
  const [, kind, port, ...rest] = argv;
  if (kind !== "dns")
    throw new UsageError(`extsrv: "${kind ?? ""}" is not understood; there is: extsrv dns PORT NAME=ADDRESS…`);
  return ["dnsd", "-p", port ?? "", ...rest];
}

export const EXTSRV: Program = {
  check(argv) {
    DNSD.check(commandOf(argv));
  },
  *main(argv, context) {
    return yield* DNSD.main(commandOf(argv), context);
  },
};
