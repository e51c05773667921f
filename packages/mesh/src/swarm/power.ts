/**
 * Machines that lose their power, and start again: all that ran there is gone, nobody is told, and what was about to be
 * done is never done. What lasts is on the disk: containers, which have ended (daemon/daemon.go, restore: 255).
 *
 * Not modelled: restart policies of plain containers; what somebody has changed by hand on a node, which stays, though a
 * machine forgets it when it starts.
 */
import { type Container, releaseNetwork } from "./container.ts";
import type { Engine } from "./engine.ts";
import { FIRST_MARK, removeBackend } from "./load-balancer.ts";
import type { Deferrable, Host, Operation } from "./operation.ts";
import { localOverlay, removeOverlay } from "./overlay-driver.ts";
import type { Request, Place } from "./request.ts";
import { deleteServiceBinding } from "./service-binding.ts";

/** Of a container whose machine has gone down. */
const UNKNOWN_STATUS = 255;

/** A host on which an operation goes on only as long as its node does. */
export class PoweredHost implements Host {
  readonly #host: Host;
  readonly #engineOf: (node: string) => Engine | undefined;

  constructor(host: Host, engineOf: (node: string) => Engine | undefined) {
    this.#host = host;
    this.#engineOf = engineOf;
  }

  get now(): number {
    return this.#host.now;
  }

  get isImmediate(): boolean {
    return this.#host.isImmediate;
  }

  request(request: Request): void {
    this.#host.request(request);
  }

  defer(place: Place, what: Deferrable, action: () => void): void {
    this.#host.defer(place, what, action);
  }

  pace(name: string, usual: number): number {
    return this.#host.pace(name, usual);
  }

  start(node: string, operation: Operation<unknown>, afterNs: number): void {
    const engine = this.#engineOf(node);
    if (engine === undefined) return this.#host.start(node, operation, afterNs);
    if (!engine.isOn) return;
    // In the first deployment no node goes off; what is left of it then comes by here again.
    this.#host.start(node, this.isImmediate ? operation : whileOn(engine, engine.life, operation), afterNs);
  }
}

function* whileOn(engine: Engine, life: number, operation: Operation<unknown>): Operation<unknown> {
  for (;;) {
    if (engine.life !== life) return undefined;
    const { done, value } = operation.next();
    if (done === true) return value;
    yield value;
  }
}

/** The machine goes off. */
export function powerOff(engine: Engine): void {
  if (!engine.isOn) return;
  // Nobody hears of what follows.
  engine.isRunning = false;
  engine.swarm.changeConnections();
  engine.life++;
  engine.isOn = false;
  for (const container of engine.containers.values()) if (container.hasNamespace) end(engine, container);
  for (const overlay of [...engine.overlays.values()]) {
    overlay.catchUp();
    for (const { backends } of [...overlay.services.values()])
      for (const record of [...backends]) removeBackend(engine, overlay, record, true);
    removeOverlay(engine, overlay);
  }
  engine.nextMark = FIRST_MARK;
  for (const { index } of engine.swarm.nodes) if (index !== engine.node.index) engine.lost.add(index);
}

function end(engine: Engine, container: Container): void {
  container.state = "exited";
  container.finishedAt = engine.now;
  container.exitCode = UNKNOWN_STATUS;
  container.onExit = undefined;
  deleteServiceBinding(engine, container);
  releaseNetwork(engine, container);
}

/** The machine is on again; its engine will be. */
export function powerOn(engine: Engine): void {
  if (engine.isOn) return;
  engine.isOn = true;
  engine.host.start(engine.name, boot(engine), 0);
}

function* boot(engine: Engine): Operation {
  yield engine.cost("boot");
  engine.isRunning = true;
  const { swarm } = engine;
  if (engine.node.role === "manager") swarm.renewKeysBy(engine);
  swarm.changeConnections();
  const { ingress } = swarm;
  if (ingress !== undefined && swarm.addresses.networks.get(ingress.name)?.loadBalancers.has(engine.name) === true) {
    yield* localOverlay(engine, ingress);
    yield* engine.balancers.get(ingress.name)!.joinGateway();
  }
}
