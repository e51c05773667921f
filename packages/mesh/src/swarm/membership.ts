/**
 * What a node does when it holds another for dead, and when that is back (libnetwork networkdb, deleteNodeTableEntries and
 * reconnectNode): names and peer records are asked of gossip whenever somebody wants to know, load balancers and what was
 * learned of addresses are changed here.
 */
import type { Epoch } from "./connectivity.ts";
import type { Engine } from "./engine.ts";
import type { Operation } from "./operation.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";

/** Behind the time at which gossip says so. */
const AT_LAST = 1;
/** All have found each other again by then. */
const LONGEST_RETURN = 60_000_000_000;

export class Membership {
  readonly #swarm: Swarm;
  /** Nodes in whose connections something is wrong, or was until then. */
  readonly #troubled = new Map<number, number>();

  constructor(swarm: Swarm) {
    this.#swarm = swarm;
  }

  /** Connections have changed: sooner or later nodes notice. */
  changed(troubled: ReadonlySet<number>): void {
    const { now } = this.#swarm.host;
    for (const node of troubled) this.#troubled.set(node, Number.POSITIVE_INFINITY);
    for (const [node, until] of this.#troubled)
      if (!troubled.has(node) && until === Number.POSITIVE_INFINITY) this.#troubled.set(node, now);
      else if (until < now - LONGEST_RETURN) this.#troubled.delete(node);
    const concerned = new Set(this.#troubled.keys());
    const { engines, gossip, host } = this.#swarm;
    for (const engine of engines.values())
      if (engine.isOn) host.start(engine.name, this.#watch(engine, gossip.epoch, concerned), 0);
  }

  #turn(engine: Engine, { index }: SwarmNode): number {
    return this.#swarm.gossip.nextTurn(index, engine.node.index, engine.now);
  }

  *#watch(engine: Engine, epoch: Epoch, concerned: ReadonlySet<number>): Operation {
    // Somebody else watches as connections are now.
    if (this.#swarm.gossip.epoch !== epoch) return;
    const { nodes } = this.#swarm;
    const others = concerned.has(engine.node.index) ? nodes : Array.from(concerned, (index) => nodes[index]!);
    const turns = others
      .filter((node) => node !== engine.node)
      .map((node) => ({ node, time: this.#turn(engine, node) }))
      .filter(({ time }) => time !== Number.POSITIVE_INFINITY)
      .sort((a, b) => a.time - b.time);
    for (const { node, time } of turns) {
      if (time + AT_LAST > engine.now) yield time + AT_LAST - engine.now;
      if (this.#swarm.gossip.epoch !== epoch) return;
      this.#look(engine, node);
    }
  }

  #look(engine: Engine, node: SwarmNode): void {
    const { bindings, encryptedPeers, gossip, host } = this.#swarm;
    const isLost = gossip.isLost(node.index, engine.node.index, engine.now);
    if (isLost === engine.lost.has(node.index)) return;
    if (isLost) {
      engine.lost.add(node.index);
      host.request({ kind: "peers-forget", node: engine.name, lost: node.name });
      bindings.lose(engine, node.index);
    } else {
      engine.lost.delete(node.index);
      bindings.regain(engine, node.index);
    }
    encryptedPeers.reconsider(engine, node);
  }
}
