/**
 * How tasks are replaced, restarted, stopped and watched: `update_config`, `restart_policy` and `healthcheck` of a stack
 * file (docker/cli cli/compose/convert/service.go, convertUpdateConfig, convertRestartPolicy, convertHealthcheck).
 */
import * as v from "valibot";
import { map, type Schema } from "./check.ts";
import { key, textOrList } from "./compose-key.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import type { HealthCheck, RestartPolicy, UpdateConfig } from "./scenario.ts";
import { duration, integer, oneOf, text, truth } from "./values.ts";

const SECOND = 1_000_000_000;

const natural: Schema<number> = integer(0, Number.MAX_SAFE_INTEGER, "a whole number from 0 on");
const number: Schema<number> = v.pipe(v.number("a number"), v.metadata({ type: "number" }));

export interface RestartPolicyFile {
  readonly condition: string | undefined;
  readonly delay: number | undefined;
  readonly max_attempts: number | undefined;
  readonly window: number | undefined;
}

export interface UpdateConfigFile {
  readonly parallelism: number | undefined;
  readonly delay: number | undefined;
  readonly failure_action: string | undefined;
  readonly monitor: number | undefined;
  readonly max_failure_ratio: number | undefined;
  readonly order: "start-first" | "stop-first" | undefined;
}

export interface HealthCheckFile {
  readonly disable: boolean | undefined;
  readonly interval: number | undefined;
  readonly retries: number | undefined;
  readonly test: string | readonly (string | undefined)[] | undefined;
  readonly timeout: number | undefined;
  readonly start_period: number | undefined;
  readonly start_interval: number | undefined;
}

export const restartPolicy: Schema<RestartPolicyFile> = map({
  condition: key(text(), "used", "`none`, `on-failure` or `any`: which tasks that end get a successor.", {
    default: "`any`",
  }),
  delay: key(duration, "used", "Between the end of a task and the start of its successor.", { default: "`5s`" }),
  max_attempts: key(natural, "used", "How many successors a slot may have; 0: any number.", { default: "`0`" }),
  window: key(duration, "used", "How far back successors count.", { default: "forever" }),
});

export const updateConfig: Schema<UpdateConfigFile> = map({
  parallelism: key(natural, "used", "How many slots are updated at a time; 0: all.", { default: "`1`" }),
  delay: key(duration, "used", "Between a slot and the next.", { default: "`0s`" }),
  failure_action: key(
    text(),
    "used",
    "`pause`, `continue` or `rollback`: what becomes of the update when tasks fail.",
    { default: "`pause`" },
  ),
  monitor: key(duration, "used", "How long a new task must run to count as updated.", { default: "`5s`" }),
  max_failure_ratio: key(number, "used", "Share of the slots that may fail.", { default: "`0`" }),
  order: key(
    oneOf("start-first", "stop-first"),
    "used",
    "`stop-first`: the new task of a slot waits for the end of the old one. `start-first`: the other way round.",
    { default: "`stop-first`" },
  ),
});

export const healthcheck: Schema<HealthCheckFile> = map({
  test: key(textOrList, "used", "No command is run: `images` says when it would succeed. `NONE` switches it off.", {
    default: "the image's",
  }),
  disable: key(truth, "used", "No check.", { default: "`false`" }),
  interval: key(duration, "used", "From the start to the first check, and from each to the next.", {
    default: "`30s`",
  }),
  timeout: key(duration, "used", "How long a check may take. Here it takes no time.", { default: "`30s`" }),
  retries: key(
    v.pipe(v.number("a number"), v.minValue(0, "a number from 0 on"), v.metadata({ type: "number" })),
    "used",
    "So many failures in a row, and the task is ended.",
    { default: "`3`" },
  ),
  start_period: key(duration, "used", "Failures within it do not count.", { default: "`0s`" }),
  start_interval: key(duration, "used", "Instead of `interval` within `start_period`. From Docker 25 on.", {
    default: "`5s`",
  }),
});

export function readRestartPolicy(
  file: RestartPolicyFile | undefined,
  place: Place,
  report: Report,
): RestartPolicy | undefined {
  if (file === undefined) return undefined;
  let condition: RestartPolicy["condition"] = "any";
  if (file.condition === "none" || file.condition === "on-failure") condition = file.condition;
  else if (file.condition !== undefined && file.condition !== "" && file.condition !== "any")
    report.warn(
      place.at("condition"),
      `expected none, on-failure or any, found ${describe(file.condition)}: taken as any`,
    );
  return {
    condition,
    delayNs: file.delay ?? DEFAULT_RESTART.delayNs,
    maxAttempts: file.max_attempts ?? 0,
    windowNs: file.window ?? 0,
  };
}

export function readUpdateConfig(
  file: UpdateConfigFile | undefined,
  place: Place,
  report: Report,
): UpdateConfig | undefined {
  if (file === undefined) return undefined;
  const action = file.failure_action;
  let failureAction: UpdateConfig["failureAction"] = "pause";
  if (action === "continue" || action === "rollback") failureAction = action;
  else if (action !== undefined && action !== "" && action !== "pause")
    report.warn(
      place.at("failure_action"),
      `expected pause, continue or rollback, found ${describe(action)}: taken as pause`,
    );
  return {
    parallelism: file.parallelism ?? DEFAULT_UPDATE.parallelism,
    delayNs: file.delay ?? 0,
    monitorNs: file.monitor ?? DEFAULT_UPDATE.monitorNs,
    failureAction,
    maxFailureRatio: file.max_failure_ratio ?? 0,
    order: file.order ?? DEFAULT_UPDATE.order,
  };
}

export function readHealthCheck(file: HealthCheckFile | undefined): HealthCheck | undefined {
  if (file === undefined || file.disable === true || (Array.isArray(file.test) && file.test[0] === "NONE"))
    return undefined;
  return {
    intervalNs: file.interval || DEFAULT_HEALTH.intervalNs,
    retries: file.retries || DEFAULT_HEALTH.retries,
    startPeriodNs: file.start_period ?? 0,
    startIntervalNs: file.start_interval || DEFAULT_HEALTH.startIntervalNs,
  };
}

/** What swarmkit takes where nobody has said anything (api/defaults/service.go). */
export const DEFAULT_RESTART: RestartPolicy = { condition: "any", delayNs: 5 * SECOND, maxAttempts: 0, windowNs: 0 };
export const DEFAULT_UPDATE: UpdateConfig = {
  parallelism: 1,
  delayNs: 0,
  monitorNs: 5 * SECOND,
  failureAction: "pause",
  maxFailureRatio: 0,
  order: "stop-first",
};
/** The engine's (daemon/health.go). */
export const DEFAULT_HEALTH: HealthCheck = {
  intervalNs: 30 * SECOND,
  retries: 3,
  startPeriodNs: 0,
  startIntervalNs: 5 * SECOND,
};
