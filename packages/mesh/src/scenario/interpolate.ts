/**
 * Variables in a stack file, `${TAG:-latest}`, as docker stack deploy fills them in (docker/cli
 * cli/compose/template): in every text that is a value, never in a key.
 */
import { isMap } from "./check.ts";
import type { Path, Place, Report } from "./diagnostic.ts";

export type Environment = Readonly<Record<string, string>>;

const NAME = "[_a-z][_a-z0-9]*(?::?[-?][^}]*)?";
const PATTERN = new RegExp(`\\$(?:(\\$)|(${NAME})|\\{(${NAME})\\}|)`, "gi");

/**
 * Where a text in which a variable was filled in becomes a number or a truth value (cli/compose/loader,
 * interpolateTypeCastMapping); `*` is any key or index.
 */
const CASTS: readonly (readonly [path: string, cast: Cast])[] = [
  ["services.*.configs.*.mode", "number"],
  ["services.*.secrets.*.mode", "number"],
  ["services.*.healthcheck.retries", "number"],
  ["services.*.healthcheck.disable", "truth"],
  ["services.*.deploy.replicas", "number"],
  ["services.*.deploy.update_config.parallelism", "number"],
  ["services.*.deploy.update_config.max_failure_ratio", "number"],
  ["services.*.deploy.rollback_config.parallelism", "number"],
  ["services.*.deploy.rollback_config.max_failure_ratio", "number"],
  ["services.*.deploy.restart_policy.max_attempts", "number"],
  ["services.*.deploy.placement.max_replicas_per_node", "number"],
  ["services.*.ports.*.target", "number"],
  ["services.*.ports.*.published", "number"],
  ["services.*.ulimits.*", "number"],
  ["services.*.ulimits.*.hard", "number"],
  ["services.*.ulimits.*.soft", "number"],
  ["services.*.oom_score_adj", "number"],
  ["services.*.privileged", "truth"],
  ["services.*.read_only", "truth"],
  ["services.*.stdin_open", "truth"],
  ["services.*.tty", "truth"],
  ["services.*.volumes.*.read_only", "truth"],
  ["services.*.volumes.*.volume.nocopy", "truth"],
  ["networks.*.external", "truth"],
  ["networks.*.internal", "truth"],
  ["networks.*.attachable", "truth"],
  ["volumes.*.external", "truth"],
  ["secrets.*.external", "truth"],
  ["configs.*.external", "truth"],
];

type Cast = "number" | "truth";

/** The same document with its variables filled in. */
export function interpolate(value: unknown, place: Place, environment: Environment, report: Report): unknown {
  // What an alias repeats is one object; it is read, and complained of, once.
  const done = new Map<object, unknown>();
  const visit = (found: unknown, at: Place): unknown => {
    if (typeof found === "string") {
      const text = found.includes("$") ? substitute(found, at, environment, report) : found;
      return text === found ? found : cast(text, at.path.slice(place.path.length));
    }
    if (typeof found !== "object" || found === null) return found;
    const known = done.get(found);
    if (known !== undefined) return known;
    let filled: unknown;
    if (Array.isArray(found)) filled = found.map((item, index) => visit(item, at.at(index)));
    else if (isMap(found))
      filled = Object.fromEntries(Object.entries(found).map(([key, item]) => [key, visit(item, at.at(key))]));
    done.set(found, filled);
    return filled;
  };
  return visit(value, place);
}

/** What cannot be cast stays text, and the schema of its key refuses it. */
function cast(text: string, path: Path): string | number | boolean {
  const kind = CASTS.find(([pattern]) => matchesPattern(path, pattern))?.[1];
  if (kind === "number" && /^[-+]?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  if (kind !== "truth") return text;
  // YAML 1.1's words, as Docker takes them.
  const word = text.toLowerCase();
  if (["y", "yes", "true", "on"].includes(word)) return true;
  return ["n", "no", "false", "off"].includes(word) ? false : text;
}

function matchesPattern(path: Path, pattern: string): boolean {
  const parts = pattern.split(".");
  return parts.length === path.length && parts.every((part, index) => part === "*" || part === path[index]);
}

function substitute(template: string, place: Place, environment: Environment, report: Report): string {
  return template.replace(PATTERN, (found, escaped?: string, named?: string, braced?: string) => {
    if (escaped !== undefined) return "$";
    const [, name, operator, rest = ""] = /^(\w+)(:?[-?])?(.*)$/s.exec(named ?? braced ?? "") ?? [];
    if (name === undefined) {
      report.error(
        place,
        `invalid interpolation format: ${JSON.stringify(template)}; you may need to escape any $ with another $`,
      );
      return found;
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    const missing = value === undefined || (value === "" && operator?.startsWith(":") === true);
    if (!missing) return value;
    if (operator?.endsWith("-") === true) return rest;
    if (operator?.endsWith("?") === true) report.error(place, `required variable ${name} is missing a value: ${rest}`);
    else if (value === undefined)
      report.warn(place, `the variable ${name} is not set: nothing is put in its place; environment sets it`);
    return "";
  });
}
