/**
 * Which node is next for a task of a service (swarmkit manager/scheduler, nodeLess and decision_tree.go): over the values
 * of the labels that the service prefers, then the node with the fewest tasks of the service, then the one with the
 * fewest tasks in all. Among equals Docker's choice is arbitrary; here it is the first of the file.
 *
 * Not modelled: nodes on which tasks of the service have failed often, which come last; resources.
 */
import type { ClusterNode } from "../scenario/scenario.ts";

/** Tasks that nodes have: of all services, kept up to date, and of the service before the first is placed. */
export interface Tasks {
  readonly load: Map<ClusterNode, number>;
  readonly own: ReadonlyMap<ClusterNode, number>;
}

/** Nodes to choose from. */
export interface Spread {
  /** The node for the next task, which it gets. */
  next(): ClusterNode | undefined;
  /** A task goes to this node, whatever would have been next. */
  take(node: ClusterNode): void;
  /** It takes no more. */
  drop(node: ClusterNode): void;
}

/** `preferences` are labels such as `node.labels.zone`, the most important first. */
export function spreadOver(nodes: readonly ClusterNode[], tasks: Tasks, preferences: readonly string[]): Spread {
  const [first, ...rest] = preferences;
  if (first === undefined) return new SpreadQueue(nodes, tasks);
  return new SpreadTree(nodes, tasks, first, rest);
}

/** As swarmkit has it: a node without the label has the value "". */
function labelOf(node: ClusterNode, preference: string): string {
  const NODE = "node.labels.";
  return preference.toLowerCase().startsWith(NODE) ? (node.labels.get(preference.slice(NODE.length)) ?? "") : "";
}

interface Branch {
  readonly spread: Spread;
  /** Tasks of the service in it. */
  tasks: number;
  isExhausted: boolean;
}

/** The branch with the fewest tasks of the service gets the next one. */
class SpreadTree implements Spread {
  readonly #label: string;
  readonly #branches: Map<string, Branch> = new Map();

  constructor(nodes: readonly ClusterNode[], tasks: Tasks, label: string, rest: readonly string[]) {
    this.#label = label;
    const groups = new Map<string, ClusterNode[]>();
    for (const node of nodes) {
      const value = labelOf(node, label);
      const members = groups.get(value);
      if (members === undefined) groups.set(value, [node]);
      else members.push(node);
    }
    for (const [value, members] of groups) {
      const own = members.reduce((sum, node) => sum + (tasks.own.get(node) ?? 0), 0);
      this.#branches.set(value, { spread: spreadOver(members, tasks, rest), tasks: own, isExhausted: false });
    }
  }

  next(): ClusterNode | undefined {
    for (;;) {
      let least: Branch | undefined;
      for (const branch of this.#branches.values())
        if (!branch.isExhausted && (least === undefined || branch.tasks < least.tasks)) least = branch;
      if (least === undefined) return undefined;
      const node = least.spread.next();
      if (node !== undefined) {
        least.tasks++;
        return node;
      }
      least.isExhausted = true;
    }
  }

  take(node: ClusterNode): void {
    const branch = this.#branches.get(labelOf(node, this.#label));
    if (branch === undefined) return;
    branch.tasks++;
    branch.spread.take(node);
  }

  drop(node: ClusterNode): void {
    this.#branches.get(labelOf(node, this.#label))?.spread.drop(node);
  }
}

/**
 * Nodes of one service by how little they run: a binary heap, so that a thousand nodes cost little more than two. An
 * entry whose node has got a task since it was put in is out of date, and is passed over.
 */
class SpreadQueue implements Spread {
  readonly #heap: { readonly node: ClusterNode; readonly tasks: number; readonly load: number }[] = [];
  readonly #tasks = new Map<ClusterNode, number>();
  readonly #order = new Map<ClusterNode, number>();
  readonly #load: Map<ClusterNode, number>;

  constructor(nodes: readonly ClusterNode[], { load, own }: Tasks) {
    this.#load = load;
    for (const [index, node] of nodes.entries()) {
      this.#order.set(node, index);
      this.#tasks.set(node, own.get(node) ?? 0);
      this.#push(node);
    }
  }

  next(): ClusterNode | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return undefined;
      this.#pop();
      if (top.tasks !== this.#tasks.get(top.node)) continue;
      this.take(top.node);
      return top.node;
    }
  }

  take(node: ClusterNode): void {
    this.#load.set(node, (this.#load.get(node) ?? 0) + 1);
    const tasks = this.#tasks.get(node);
    if (tasks === undefined) return;
    this.#tasks.set(node, tasks + 1);
    this.#push(node);
  }

  drop(node: ClusterNode): void {
    this.#tasks.delete(node);
  }

  #less(a: number, b: number): boolean {
    const left = this.#heap[a]!;
    const right = this.#heap[b]!;
    const difference =
      left.tasks - right.tasks || left.load - right.load || this.#order.get(left.node)! - this.#order.get(right.node)!;
    return difference < 0;
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = kept;
  }

  #push(node: ClusterNode): void {
    this.#heap.push({ node, tasks: this.#tasks.get(node)!, load: this.#load.get(node) ?? 0 });
    for (let at = this.#heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#less(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < this.#heap.length && this.#less(left, least)) least = left;
      if (right < this.#heap.length && this.#less(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
