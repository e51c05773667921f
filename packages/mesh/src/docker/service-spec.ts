/**
 * A service's specification as `docker service inspect` prints it (moby api/types/swarm; what docker stack deploy fills in).
 * Not modelled: secrets, mounts, resources; what an operator did not say is as the recordings have it.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { Service, UpdateConfig } from "../scenario/scenario.ts";

const SECOND = 1_000_000_000;
const GRACE = 10 * SECOND;
const RESTART = { condition: "any", delayNs: 5 * SECOND, maxAttempts: 0, windowNs: 0 } as const;
const UPDATE: UpdateConfig = {
  parallelism: 1,
  delayNs: 0,
  monitorNs: 5 * SECOND,
  failureAction: "pause",
  maxFailureRatio: 0,
  order: "stop-first",
};

/** `networks` are the identifiers of those it joins; `endpoint` is what it says of its ports. */
export function serviceSpec(spec: Service, networks: readonly string[], endpoint: object): object {
  return {
    Name: spec.name,
    Labels: Object.fromEntries(spec.labels ?? []),
    TaskTemplate: {
      ContainerSpec: containerSpec(spec),
      Resources: { Limits: {}, Reservations: {} },
      RestartPolicy: restartPolicy(spec),
      Placement: placement(spec),
      Networks: networks.map((id) => ({ Target: id })),
      ForceUpdate: 0,
      Runtime: "container",
    },
    Mode: spec.mode === "global" ? { Global: {} } : { Replicated: { Replicas: spec.replicas } },
    UpdateConfig: updateConfig(spec.update ?? UPDATE),
    RollbackConfig: updateConfig(spec.rollback ?? UPDATE),
    EndpointSpec: endpoint,
  };
}

function containerSpec(spec: Service): object {
  const { image, command, hostname, dns, stopGraceNs, healthcheck, env, workdir, user } = spec;
  return {
    Image: image,
    ...(command === undefined ? {} : { Args: command }),
    ...(hostname === undefined ? {} : { Hostname: hostname }),
    ...(env === undefined || env.length === 0 ? {} : { Env: env }),
    ...(workdir === undefined ? {} : { Dir: workdir }),
    ...(user === undefined ? {} : { User: user }),
    Init: false,
    StopGracePeriod: stopGraceNs ?? GRACE,
    ...(spec.noHealthcheck === true ? { Healthcheck: { Test: ["NONE"] } } : {}),
    ...(healthcheck === undefined
      ? {}
      : {
          Healthcheck: {
            ...(healthcheck.test === undefined ? {} : { Test: healthcheck.test }),
            Interval: healthcheck.intervalNs,
            ...(healthcheck.timeoutNs === undefined ? {} : { Timeout: healthcheck.timeoutNs }),
            StartPeriod: healthcheck.startPeriodNs,
            StartInterval: healthcheck.startIntervalNs,
            Retries: healthcheck.retries,
          },
        }),
    DNSConfig: dns.length === 0 ? {} : { Nameservers: dns.map(formatIpv4) },
    Isolation: "default",
  };
}

function restartPolicy({ restart = RESTART }: Service): object {
  return {
    Condition: restart.condition,
    Delay: restart.delayNs,
    MaxAttempts: restart.maxAttempts,
    ...(restart.windowNs > 0 ? { Window: restart.windowNs } : {}),
  };
}

function placement({ constraints, preferences = [], maxReplicasPerNode = 0 }: Service): object {
  return {
    ...(constraints.length > 0 ? { Constraints: constraints } : {}),
    ...(preferences.length > 0
      ? { Preferences: preferences.map((label) => ({ Spread: { SpreadDescriptor: label } })) }
      : {}),
    ...(maxReplicasPerNode > 0 ? { MaxReplicas: maxReplicasPerNode } : {}),
  };
}

function updateConfig({
  parallelism,
  delayNs,
  failureAction,
  monitorNs,
  maxFailureRatio,
  order,
}: UpdateConfig): object {
  return {
    Parallelism: parallelism,
    ...(delayNs > 0 ? { Delay: delayNs } : {}),
    FailureAction: failureAction,
    Monitor: monitorNs,
    MaxFailureRatio: maxFailureRatio,
    Order: order,
  };
}
