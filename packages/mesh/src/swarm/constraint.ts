/** Placement constraints (swarmkit manager/constraint, Parse and NodeMatches): `node.role==manager`. */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import type { ClusterNode } from "../scenario/scenario.ts";
import { contains, networkOf, parseCidr } from "./cidr.ts";

export interface Constraint {
  readonly key: string;
  readonly equal: boolean;
  readonly value: string;
}

export type ConstraintReading =
  | { readonly ok: true; readonly constraint: Constraint }
  | { readonly ok: false; readonly message: string };

/** The messages are swarmkit's. */
export function parseConstraint(text: string): ConstraintReading {
  for (const operator of ["==", "!="]) {
    const at = text.indexOf(operator);
    if (at < 0) continue;
    const key = text.slice(0, at).trim();
    const value = text.slice(at + operator.length).trim();
    if (!/^[a-z_][a-z0-9\-_.]+$/i.test(key)) return { ok: false, message: `key '${key}' is invalid` };
    if (!/^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i.test(value)) return { ok: false, message: `value '${value}' is invalid` };
    return { ok: true, constraint: { key, equal: operator === "==", value } };
  }
  return { ok: false, message: "constraint expected one operator from ==, !=" };
}

/** Nodes of the model: Linux on x86_64, the id is the name, and the engines have no labels. */
export function matches({ key, equal, value }: Constraint, node: ClusterNode): boolean {
  const is = (found: string): boolean => (found.toLowerCase() === value.toLowerCase()) === equal;
  const lower = key.toLowerCase();
  switch (lower) {
    case "node.id":
    case "node.hostname":
      return is(node.name);
    case "node.role":
      return is(node.role);
    case "node.platform.os":
      return is("linux");
    case "node.platform.arch":
      return is("x86_64");
    case "node.ip": {
      if (parseIpv4(value) !== undefined) return is(formatIpv4(node.ip));
      const cidr = parseCidr(value);
      return cidr !== undefined && contains(networkOf(cidr), node.ip) === equal;
    }
    default:
      // The name of a label is case-sensitive, the prefix and the value are not.
      if (lower.startsWith("node.labels.")) return is(node.labels.get(key.slice("node.labels.".length)) ?? "");
      if (lower.startsWith("engine.labels.")) return is("");
      return false;
  }
}
