/** What nodes and services have when a test does not care. */
import { PERFECT_LINK } from "../../src/devices/link.ts";
import type { ClusterNode, Service } from "../../src/scenario/scenario.ts";

export const PLAIN_NODE: Pick<ClusterNode, "docker" | "kernel" | "link"> = {
  docker: "28",
  kernel: { ipvs: true, forwarding: true },
  link: PERFECT_LINK,
};

export const PLAIN_SERVICE: Omit<Service, "name" | "replicas" | "networks"> = {
  image: "a",
  command: undefined,
  mode: "replicated",
  endpointMode: "vip",
  constraints: [],
  aliases: new Map(),
  ports: [],
  hostname: undefined,
  dns: [],
};
