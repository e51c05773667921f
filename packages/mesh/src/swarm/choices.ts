/** What is arbitrary in a real swarm, chosen by whoever wants to know the outcome: a scenario's pins. */
import type { Pins } from "./ipam.ts";
import type { PinnedKeys } from "./key-manager.ts";

export interface Choices {
  /** Task to node. */
  readonly placement: ReadonlyMap<string, string>;
  readonly addresses: Pins;
  /** Container or task to the identifier of its container, or the first digits. */
  readonly containers: ReadonlyMap<string, string>;
  /** Task to the identifiers of those that have its slot, one after the other. */
  readonly tasks: ReadonlyMap<string, readonly string[]>;
  /** Task to the nodes of those that have its slot, one after the other. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  readonly networks: ReadonlyMap<string, string>;
  /** Container or task to the networks of eth0, eth1 …; docker_gwbridge may be one. */
  readonly interfaces: ReadonlyMap<string, readonly string[]>;
  /** `NODE/NETWORK` to the MAC address of that network's bridge. */
  readonly macs: ReadonlyMap<string, number>;
  /** `NODE/overlay-NET` to container, task or `lb-NET` to the number of its port there; who has the lower starts first. */
  readonly ports: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** `NODE/lb-NET` or `NODE/ingress_sbox` to service to the tasks that get its connections there, in this order. */
  readonly balancing: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** Service to its slots in the order in which updates take them. */
  readonly turns: ReadonlyMap<string, readonly string[]>;
  /** Of encrypted overlays. */
  readonly keys: PinnedKeys;
}

export const NO_CHOICES: Choices = {
  placement: new Map(),
  addresses: new Map(),
  containers: new Map(),
  tasks: new Map(),
  nodes: new Map(),
  networks: new Map(),
  interfaces: new Map(),
  macs: new Map(),
  ports: new Map(),
  balancing: new Map(),
  turns: new Map(),
  keys: { values: [], firstTag: undefined },
};
