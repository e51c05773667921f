import { describe, expect, test } from "vitest";
import { serviceSpec } from "../../src/docker/service-spec.ts";
import type { Service } from "../../src/scenario/scenario.ts";

const SERVICE: Service = {
  name: "overlay_service",
  image: "bb:1",
  command: ["web"],
  mode: "replicated",
  replicas: 4,
  endpointMode: "vip",
  constraints: [],
  networks: ["myoverlay"],
  aliases: new Map(),
  ports: [],
  hostname: undefined,
  dns: [],
};

describe("docker service inspect", () => {
  test("says of a service what it said in recording s01", () => {
    const update = {
      Parallelism: 1,
      FailureAction: "pause",
      Monitor: 5_000_000_000,
      MaxFailureRatio: 0,
      Order: "stop-first",
    };
    const recorded = {
      Name: "overlay_service",
      Labels: {},
      TaskTemplate: {
        ContainerSpec: {
          Image: "bb:1",
          Args: ["web"],
          Init: false,
          StopGracePeriod: 10_000_000_000,
          DNSConfig: {},
          Isolation: "default",
        },
        Resources: { Limits: {}, Reservations: {} },
        RestartPolicy: { Condition: "any", Delay: 5_000_000_000, MaxAttempts: 0 },
        Placement: {},
        Networks: [{ Target: "r2dfgs44ocoizmnd7cbr5fh8d" }],
        ForceUpdate: 0,
        Runtime: "container",
      },
      Mode: { Replicated: { Replicas: 4 } },
      UpdateConfig: update,
      RollbackConfig: update,
      EndpointSpec: { Mode: "vip" },
    };
    const found = serviceSpec(SERVICE, ["r2dfgs44ocoizmnd7cbr5fh8d"], { Mode: "vip" });
    // In that order, too.
    expect(JSON.stringify(found)).toBe(JSON.stringify(recorded));
  });

  test("says what an operator has said", () => {
    const found = serviceSpec(
      {
        ...SERVICE,
        command: undefined,
        mode: "global",
        constraints: ["node.role == worker"],
        preferences: ["node.labels.zone"],
        maxReplicasPerNode: 2,
        dns: [0x08080808],
        stopGraceNs: 3_000_000_000,
        restart: { condition: "on-failure", delayNs: 1_000_000_000, maxAttempts: 3, windowNs: 60_000_000_000 },
        update: {
          parallelism: 2,
          delayNs: 10_000_000_000,
          monitorNs: 0,
          failureAction: "continue",
          maxFailureRatio: 0.5,
          order: "start-first",
        },
      },
      [],
      {},
    );
    expect(found).toMatchObject({
      TaskTemplate: {
        ContainerSpec: { StopGracePeriod: 3_000_000_000, DNSConfig: { Nameservers: ["8.8.8.8"] } },
        RestartPolicy: { Condition: "on-failure", MaxAttempts: 3, Window: 60_000_000_000 },
        Placement: {
          Constraints: ["node.role == worker"],
          Preferences: [{ Spread: { SpreadDescriptor: "node.labels.zone" } }],
          MaxReplicas: 2,
        },
      },
      Mode: { Global: {} },
      UpdateConfig: { Parallelism: 2, Delay: 10_000_000_000, FailureAction: "continue", Order: "start-first" },
    });
  });
});
