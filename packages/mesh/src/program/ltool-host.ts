/** The host that a command of `ltool` (ltool.ts) names. */
import type { ProgramContext } from "./program.ts";
import { resolve, RESOLVE_ERRORS } from "./resolve.ts";

/** Its first address, int32; undefined: it has none, which is told. */
export function* hostAddress(context: ProgramContext, host: string): Generator<void, number | undefined, boolean> {
  const found = yield* resolve(context, host, { family: 4 });
  if ("addresses" in found) return found.addresses[0]!;
  context.print(`resolve ${host}: ${RESOLVE_ERRORS[found.error]}`);
  return undefined;
}
