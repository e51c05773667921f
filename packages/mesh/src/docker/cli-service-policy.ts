/** How `docker service create` and `update` say when tasks are restarted, replaced, stopped and found healthy. */
import { UsageError } from "../program/program.ts";
import { DEFAULT_HEALTH, DEFAULT_RESTART, DEFAULT_UPDATE } from "../scenario/compose-rollout.ts";
import type { HealthCheck, RestartPolicy, Service, UpdateConfig } from "../scenario/scenario.ts";
import { parseDuration } from "../scenario/units.ts";
import { DockerError } from "../swarm/docker-error.ts";
import type { Words } from "./cli-options.ts";

export const POLICY_FLAGS: readonly string[] = [
  "restart-condition=",
  "restart-delay=",
  "restart-max-attempts=",
  "restart-window=",
  "update-delay=",
  "update-parallelism=",
  "update-order=",
  "update-monitor=",
  "update-failure-action=",
  "update-max-failure-ratio=",
  "rollback-delay=",
  "rollback-parallelism=",
  "rollback-order=",
  "rollback-monitor=",
  "rollback-failure-action=",
  "rollback-max-failure-ratio=",
  "stop-grace-period=",
  "health-cmd=",
  "health-interval=",
  "health-retries=",
  "health-start-period=",
  "health-start-interval=",
  "health-timeout=",
  "no-healthcheck",
  "replicas-max-per-node=",
];

type Policy = Pick<
  Service,
  "restart" | "update" | "rollback" | "stopGraceNs" | "healthcheck" | "noHealthcheck" | "maxReplicasPerNode"
>;

/** As it was, but for what the words say. */
export function readPolicy(words: Words, before: Policy): Policy {
  const { healthcheck, maxReplicasPerNode, restart, rollback, stopGraceNs, update } = before;
  return {
    restart: readRestart(words, restart),
    update: readUpdate(words, "update", update),
    rollback: readUpdate(words, "rollback", rollback),
    stopGraceNs: durationOf(words, "stop-grace-period") ?? stopGraceNs,
    healthcheck: readHealth(words, healthcheck),
    ...(words.has("no-healthcheck") ? { noHealthcheck: true } : {}),
    maxReplicasPerNode: numberOf(words, "replicas-max-per-node") ?? maxReplicasPerNode,
  };
}

function readRestart(words: Words, before: RestartPolicy | undefined): RestartPolicy | undefined {
  const condition = words.value("restart-condition");
  if (condition !== undefined && condition !== "none" && condition !== "on-failure" && condition !== "any")
    throw new DockerError(`invalid restart condition: "${condition}"`);
  const from = before ?? DEFAULT_RESTART;
  const read: RestartPolicy = {
    condition: condition ?? from.condition,
    delayNs: durationOf(words, "restart-delay") ?? from.delayNs,
    maxAttempts: numberOf(words, "restart-max-attempts") ?? from.maxAttempts,
    windowNs: durationOf(words, "restart-window") ?? from.windowNs,
  };
  return words.names.some((name) => name.startsWith("restart-")) ? read : before;
}

function readUpdate(
  words: Words,
  which: "update" | "rollback",
  before: UpdateConfig | undefined,
): UpdateConfig | undefined {
  if (!words.names.some((name) => name.startsWith(`${which}-`))) return before;
  const from = before ?? DEFAULT_UPDATE;
  const order = words.value(`${which}-order`) ?? from.order;
  if (order !== "stop-first" && order !== "start-first")
    throw new UsageError(
      `invalid argument "${order}" for "--${which}-order" flag: valid values are "start-first"|"stop-first"`,
    );
  const action = words.value(`${which}-failure-action`) ?? from.failureAction;
  if (action !== "pause" && action !== "continue" && action !== "rollback")
    throw new DockerError(`unrecognized update failure action ${action}`);
  return {
    parallelism: numberOf(words, `${which}-parallelism`) ?? from.parallelism,
    delayNs: durationOf(words, `${which}-delay`) ?? from.delayNs,
    monitorNs: durationOf(words, `${which}-monitor`) ?? from.monitorNs,
    failureAction: action,
    maxFailureRatio: Number(words.value(`${which}-max-failure-ratio`) ?? from.maxFailureRatio),
    order,
  };
}

function readHealth(words: Words, before: HealthCheck | undefined): HealthCheck | undefined {
  if (words.has("no-healthcheck")) return undefined;
  if (!words.names.some((name) => name.startsWith("health-"))) return before;
  const from = before ?? DEFAULT_HEALTH;
  return {
    intervalNs: durationOf(words, "health-interval") || from.intervalNs,
    retries: numberOf(words, "health-retries") || from.retries,
    startPeriodNs: durationOf(words, "health-start-period") ?? from.startPeriodNs,
    startIntervalNs: durationOf(words, "health-start-interval") || from.startIntervalNs,
    timeoutNs: durationOf(words, "health-timeout") ?? from.timeoutNs,
    test: words.has("health-cmd") ? ["CMD-SHELL", words.value("health-cmd")!] : from.test,
  };
}

function durationOf(words: Words, name: string): number | undefined {
  const text = words.value(name);
  if (text === undefined) return undefined;
  const duration = text === "0" ? 0 : parseDuration(text);
  if (duration === undefined)
    throw new UsageError(`invalid argument "${text}" for "--${name}" flag: time: invalid duration "${text}"`);
  return duration;
}

function numberOf(words: Words, name: string): number | undefined {
  const text = words.value(name);
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(
    `invalid argument "${text}" for "--${name}" flag: strconv.ParseUint: parsing "${text}": invalid syntax`,
  );
}
