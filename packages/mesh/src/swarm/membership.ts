/**
 * What a node does when it holds another for dead, and when that is back (libnetwork networkdb, deleteNodeTableEntries and
 * reconnectNode): names and peer records are asked of gossip whenever somebody wants to know, load balancers and what was
 * learned of addresses are changed here.
 */
import type { Engine } from "./engine.ts";
import type { Operation } from "./operation.ts";
import type { Swarm, SwarmNode } from "./swarm.ts";

/** Behind the time at which gossip says so. */
const AT_LAST = 1;

export class Membership {
  readonly #swarm: Swarm;
  /** Nodes in whose connections something was or is wrong. */
  #troubled: ReadonlySet<number> = new Set();

  constructor(swarm: Swarm) {
    this.#swarm = swarm;
  }

  /** Connections have changed: sooner or later nodes notice. */
  changed(troubled: ReadonlySet<number>): void {
    const concerned = new Set([...this.#troubled, ...troubled]);
    this.#troubled = troubled;
    const { nodes, engines, host } = this.#swarm;
    for (const engine of engines.values()) {
      const others = concerned.has(engine.node.index) ? nodes : nodes.filter(({ index }) => concerned.has(index));
      const subjects = others.filter(
        (node) => node !== engine.node && this.#turn(engine, node) !== Number.POSITIVE_INFINITY,
      );
      if (subjects.length > 0) host.start(engine.name, this.#watch(engine, subjects), 0);
    }
  }

  #turn(engine: Engine, { index }: SwarmNode): number {
    return this.#swarm.gossip.nextTurn(index, engine.node.index, engine.now);
  }

  *#watch(engine: Engine, subjects: readonly SwarmNode[]): Operation {
    const { epoch } = this.#swarm.gossip;
    const turns = subjects.map((node) => ({ node, time: this.#turn(engine, node) }));
    turns.sort((a, b) => a.time - b.time);
    for (const { node, time } of turns) {
      if (time + AT_LAST > engine.now) yield time + AT_LAST - engine.now;
      // Somebody else watches as connections are now.
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
