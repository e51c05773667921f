/**
 * The Docker engines of a mesh on its virtual clock: carries out what the swarm asks for (../swarm), lets its operations
 * go on when their time has come, starts and ends the processes of containers, and knows which container is where.
 */
import type { Mesh } from "../build.ts";
import { DockerCost } from "../costs.ts";
import { Nic } from "../devices/nic.ts";
import type { Netns } from "../netns.ts";
import type { Node } from "../node.ts";
import { type Process, Signal, type Waiter } from "../program/process.ts";
import { type Environment, UsageError } from "../program/program.ts";
import { startScript } from "../program/script.ts";
import { spawn } from "../program/shell.ts";
import { isIdle } from "../program/sleep.ts";
import type { Image, Stack } from "../scenario/scenario.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import type { Trouble } from "../swarm/connectivity.ts";
import { type Container, containerExited, containerFiles } from "../swarm/container.ts";
import { Refusal } from "../swarm/docker-error.ts";
import type { Engine } from "../swarm/engine.ts";
import { type Deferrable, type Host, type Operation, Instant, resume } from "../swarm/operation.ts";
import { deploymentLimit } from "../swarm/plan-swarm.ts";
import type { ContainerAdd, ContainerStart, Place, ProcessStart, Request, ResolverStart } from "../swarm/request.ts";
import { deployStack } from "../swarm/stack.ts";
import { powerOff, powerOn } from "../swarm/power.ts";
import { Swarm, type SwarmOptions } from "../swarm/swarm.ts";
import { hostFirewall } from "./host-firewall.ts";
import { Kernels } from "./perform.ts";
import { Placeholders } from "./placeholders.ts";
import { Resolvers } from "./resolvers.ts";

/** An operation that somebody waits for. */
export interface Pending<Result> {
  outcome: { readonly result: Result } | { readonly error: unknown } | undefined;
}

function troubleOf(nic: Nic): Trouble {
  const blocks = nic.faults?.blocks ?? [];
  const iptables = nic.netns.netfilter?.iptables;
  return {
    isOff: false,
    isCut: !nic.hasCarrier || !nic.isUp,
    lossOut: nic.link.loss,
    lossIn: nic.peer?.link.loss ?? 0,
    firewalls: [
      blocks.map((filter) => ({ filter, drops: true })),
      iptables === undefined ? [] : hostFirewall(iptables),
    ],
  };
}

/** A container that has an environment to run programs in. */
interface Housed {
  readonly node: string;
  readonly container: Container;
  readonly netns: Netns;
  /** Made when a program is to run there. */
  environment: Environment | undefined;
}

export class Docker implements Host {
  readonly swarm: Swarm;
  readonly kernels: Kernels;
  readonly #mesh: Mesh;
  readonly #resolvers: Resolvers;
  readonly #placeholders: Placeholders;
  readonly #imageOf: (image: string) => Image | undefined;
  readonly #onRequest: ((request: Request) => void) | undefined;
  /** By identifier. */
  readonly #housed = new Map<string, Housed>();
  /** Names and identifiers of containers, and how scenarios call tasks. */
  readonly #byName = new Map<string, Housed>();
  /** Those that are not in there yet: nobody has asked for a name since they came. */
  #unnamed: Housed[] = [];
  /** Containers, by identifier, to who reads their first process. */
  readonly #attached = new Map<string, (line: string) => void>();
  /** docker-proxy processes by node and key. */
  readonly #proxies = new Map<string, Process>();
  #instant: Instant | undefined = undefined;
  /** What the deployment took: the clock of the swarm is ahead of the mesh's by it. */
  #epoch = 0;
  #softnet: Softnet | undefined = undefined;

  /** `onRequest` is told what the engines ask of their kernels, before it is done. */
  constructor(
    mesh: Mesh,
    options: SwarmOptions,
    imageOf: (image: string) => Image | undefined,
    onRequest?: (request: Request) => void,
  ) {
    this.#mesh = mesh;
    this.#onRequest = onRequest;
    this.#imageOf = imageOf;
    this.swarm = new Swarm(options, this);
    this.#resolvers = new Resolvers(mesh, this.swarm, () => this.now);
    this.#placeholders = new Placeholders(mesh.nodes);
    const { nodes, gossip } = this.swarm;
    this.kernels = new Kernels(
      mesh.nodes,
      nodes.map(({ name }) => name),
      nodes.map(({ ip }) => ip),
      gossip,
    );
  }

  /** Of the swarm's clock. */
  get now(): number {
    if (this.#instant !== undefined) return this.#instant.now;
    return this.#epoch + (this.#softnet?.now ?? this.#mesh.simulator.now);
  }

  /** Forms the swarm and deploys a stack, as if it had been done long before the virtual clock began. */
  deploy(stack: Stack): void {
    const instant = new Instant((request) => this.request(request), deploymentLimit(stack));
    this.#instant = instant;
    const { swarm } = this;
    swarm.start();
    instant.run();
    instant.start(swarm.manager.name, deployStack(swarm, stack), 0);
    instant.run();
    swarm.bindings.settle();
    this.#epoch = instant.now;
    this.kernels.epoch = instant.now;
    this.#instant = undefined;
    this.kernels.isSettled = false;
    instant.handOver(swarm.host);
    swarm.renewKeys();
  }

  get isImmediate(): boolean {
    return this.#instant !== undefined;
  }

  defer({ node, netns }: Place, _what: Deferrable, action: () => void): void {
    // Somebody wants to know all of it.
    if (this.#onRequest !== undefined) return action();
    const space = this.#nodeOf(node).namespaces.get(netns);
    if (space === undefined) throw new Error(`docker: ${node} has no namespace ${netns}`);
    space.defer(action);
  }

  /** Somebody may have pulled a cable, or blocked a port: the nodes' own packets may get elsewhere than before. */
  connectionsChanged(): void {
    const troubles = new Map<number, Trouble>();
    for (const { index, name } of this.swarm.nodes) {
      const nic = this.#nodeOf(name).host?.devices.find((device) => device instanceof Nic);
      if (nic !== undefined) troubles.set(index, troubleOf(nic));
    }
    this.swarm.changeConnections(troubles);
  }

  /** A node goes off: nobody reaches it, and whatever ran there has ended. */
  powerOff(name: string): void {
    const engine = this.swarm.engines.get(name);
    if (engine === undefined) return;
    powerOff(engine);
    for (const process of [...this.#nodeOf(name).processes]) process.kill(Signal.kill);
  }

  /** It is on again. */
  powerOn(name: string): void {
    const engine = this.swarm.engines.get(name);
    if (engine !== undefined) powerOn(engine);
  }

  pace(name: string, usual: number): number {
    return this.#mesh.pace.of(name, usual);
  }

  start(node: string, operation: Operation<unknown>, afterNs: number): void {
    if (this.#instant !== undefined) return this.#instant.start(node, operation, afterNs);
    const { softnet } = this.#nodeOf(node);
    const { simulator } = this.#mesh;
    const from = this.#softnet?.now ?? Math.max(simulator.now, softnet.now);
    simulator.schedule(
      from + afterNs,
      { softnet, wake: () => this.#resume(node, operation, softnet) } satisfies Wakeable,
      0,
    );
  }

  /** Begins an operation for somebody who waits for its end. */
  perform<Result>(node: string, operation: Operation<Result>, waiter: Waiter): Pending<Result> {
    const pending: Pending<Result> = { outcome: undefined };
    function* watched(): Operation {
      try {
        pending.outcome = { result: yield* operation };
      } catch (error) {
        pending.outcome = { error };
      }
      waiter.wakeUp();
    }
    this.start(node, watched(), DockerCost.request);
    return pending;
  }

  #resume(node: string, operation: Operation<unknown>, softnet: Softnet): void {
    const before = this.#softnet;
    this.#softnet = softnet;
    resume(this, node, operation);
    this.#softnet = before;
  }

  #nodeOf(name: string): Node {
    const node = this.#mesh.nodes.get(name);
    if (node === undefined) throw new Error(`docker: there is no node ${name}`);
    return node;
  }

  request(request: Request): void {
    this.#onRequest?.(request);
    switch (request.kind) {
      case "container-add":
        return this.#addContainer(request);
      case "container-delete":
        return this.#deleteContainer(request.id);
      case "container-start":
        return this.#startContainer(request);
      case "container-kill":
        return this.#killAll(this.#housed.get(request.id));
      case "file-write":
        this.#housed.get(request.id)?.environment?.files.set(request.path, request.text);
        return;
      case "resolver-start":
        return this.#startResolver(request);
      case "resolver-stop":
        return this.#resolvers.stop(request);
      case "listener-add":
      case "listener-delete":
        return this.#placeholders.change(request);
      case "process-start":
        return this.#startProxy(request);
      case "process-kill": {
        const key = `${request.node} ${request.key}`;
        this.#proxies.get(key)?.kill(Signal.terminate);
        this.#proxies.delete(key);
        return;
      }
      default:
        return this.kernels.perform(request);
    }
  }

  #addContainer({ node, netns, id, name }: ContainerAdd): void {
    const container = this.swarm.engine(node).containers.get(id);
    const space = this.#nodeOf(node).namespaces.get(netns);
    if (container === undefined || space === undefined) throw new Error(`docker: ${node} has no container ${name}`);
    const housed: Housed = { node, container, netns: space, environment: undefined };
    this.#housed.set(id, housed);
    this.#unnamed.push(housed);
  }

  #named(name: string): Housed | undefined {
    for (const housed of this.#unnamed) for (const key of keysOf(housed)) this.#byName.set(key, housed);
    this.#unnamed = [];
    return this.#byName.get(name);
  }

  #environment(housed: Housed): Environment {
    const { container, netns } = housed;
    if (housed.environment === undefined) {
      const image = this.#imageOf(container.options.image);
      const files = new Map([...(image?.files ?? []), ...Object.entries(containerFiles(container))]);
      housed.environment = { netns, hostname: container.hostname, files, mesh: this.#mesh, processes: new Set() };
    }
    return housed.environment;
  }

  #deleteContainer(id: string): void {
    const housed = this.#housed.get(id);
    if (housed === undefined) return;
    this.#killAll(housed);
    this.#housed.delete(id);
    for (const key of keysOf(housed)) if (this.#named(key) === housed) this.#byName.delete(key);
  }

  /** The first process is killed, and so all others of its PID namespace (zap_pid_ns_processes). */
  #killAll(housed: Housed | undefined): void {
    for (const process of [...(housed?.environment?.processes ?? [])]) process.kill(Signal.kill);
  }

  /** A command that is no program here runs all the same, and does nothing. */
  #startContainer({ node, id, argv: given }: ContainerStart): void {
    const housed = this.#housed.get(id);
    if (housed === undefined) return;
    const image = this.#imageOf(housed.container.options.image);
    const words = given.length > 0 ? given : (image?.command ?? []);
    const script = image?.scripts.get(words[0] ?? "") ?? [];
    if (words.length === 0 || (script.length === 0 && isIdle(words))) return;
    const onExit = (status: number): void => {
      const engine = this.swarm.engine(node);
      this.start(node, containerExited(engine, housed.container, status), 0);
    };
    const print = this.#attached.get(id);
    this.#attached.delete(id);
    const environment = this.#environment(housed);
    if (script.length > 1) startScript(script, environment, { onExit, print: print ?? (() => {}) });
    else this.#spawn(script[0]?.argv ?? words, environment, onExit, print);
  }

  /** The output of the container's first process goes to somebody from the start. */
  attach(container: Container, print: (line: string) => void): void {
    this.#attached.set(container.shortId, print);
  }

  /** Another process in a container; throws a {@link UsageError}. */
  exec(argv: readonly string[], environment: Environment, print: (line: string) => void): Process {
    return spawn(argv, environment, { print });
  }

  #startResolver(request: ResolverStart): void {
    const { node, netns, udpPort, tcpPort } = request;
    const start = (): void => {
      this.swarm.resolverRules.program(udpPort, tcpPort, (table, chain, change) =>
        this.kernels.perform({ kind: "iptables", node, netns, table, chain, ...change }),
      );
      this.#resolvers.start(request);
    };
    if (this.kernels.isSettled) this.#nodeOf(node).namespaces.get(netns)?.defer(start);
    else start();
  }

  #startProxy({ node, key, argv }: ProcessStart): void {
    const process = this.#spawn(argv, this.#mesh.machines.get(node)!, () => {});
    if (process !== undefined) this.#proxies.set(`${node} ${key}`, process);
  }

  #spawn(
    argv: readonly string[],
    environment: Environment,
    onExit: (status: number) => void,
    print: (line: string) => void = () => {},
  ): Process | undefined {
    try {
      return spawn(argv, environment, { onExit, print });
    } catch (error) {
      if (error instanceof UsageError) return undefined;
      throw error;
    }
  }

  /** Where programs of a container run: by its name, identifier, or a task's name (`web.1`, also `web.1.ID`). */
  find(name: string): Environment | undefined {
    const housed = this.#named(name);
    return housed === undefined ? undefined : this.#environment(housed);
  }

  /** The same of a container that must run; throws a `DockerError`. */
  running(name: string): Environment {
    const found = this.find(name);
    if (found !== undefined) return found;
    for (const { containers } of this.swarm.engines.values())
      for (const container of containers.values())
        if (container.name === name) throw Refusal.isNotRunning(container.id);
    throw Refusal.noSuchContainer(name);
  }

  /** Where programs of a container run; undefined: it does not run. */
  environmentOf(container: Container): Environment | undefined {
    const housed = this.#housed.get(container.shortId);
    return housed === undefined ? undefined : this.#environment(housed);
  }

  /** The container that programs in this environment belong to. */
  containerOf(environment: Environment): { readonly engine: Engine; readonly container: Container } | undefined {
    for (const { node, container, environment: own } of this.#housed.values())
      if (own === environment) return { engine: this.swarm.engine(node), container };
    return undefined;
  }
}

function keysOf({ container }: Housed): readonly string[] {
  return [container.shortName, container.name, container.shortId];
}
