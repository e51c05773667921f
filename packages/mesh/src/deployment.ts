/** A deployment as the commands that a person would type to have the same networks without Docker. */
import { deploy } from "./build.ts";
import type { Scenario } from "./scenario/scenario.ts";
import { formatRequest } from "./swarm/format-request.ts";
import type { AeadMaker } from "./xfrm/aead.ts";

/** One command a line, in the order in which the engines do it, each behind `NODE#` or `NODE/NAMESPACE#`. */
export function deploymentCommands(scenario: Scenario, aead?: AeadMaker): readonly string[] {
  const lines: string[] = [];
  deploy(scenario, aead, (request) => lines.push(...formatRequest(request)));
  return lines;
}
