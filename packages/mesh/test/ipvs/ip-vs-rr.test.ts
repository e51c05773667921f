/** Round robin against the kernel's own walk over its list, written down as ip_vs_rr.c has it. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { IpVsDest } from "../../src/ipvs/dest.ts";
import { IpVsService } from "../../src/ipvs/service.ts";

const service = (...ips: number[]): IpVsService => {
  const made = new IpVsService({ fwmark: 1 }, "rr");
  for (const ip of ips) add(made, ip);
  return made;
};
const add = (to: IpVsService, ip: number): void => to.add({ ip, port: 0, weight: 1, forwarding: "masq" }, undefined);
const at = (of: IpVsService, ip: number): IpVsDest => of.find(ip, 0)!;
const take = (from: IpVsService, count: number): (number | undefined)[] =>
  Array.from({ length: count }, () => from.schedule()?.ip);

describe("round robin", () => {
  test("begins with the last that was added, and goes round", () => {
    expect(take(service(1, 2, 3), 7)).toEqual([3, 2, 1, 3, 2, 1, 3]);
  });

  test("leaves out what has no weight, and says so if none has", () => {
    const three = service(1, 2, 3);
    at(three, 2).weight = 0;
    expect(take(three, 4)).toEqual([3, 1, 3, 1]);
    at(three, 1).weight = 0;
    at(three, 3).weight = 0;
    expect(take(three, 2)).toEqual([undefined, undefined]);
    at(three, 2).weight = 1;
    expect(take(three, 2)).toEqual([2, 2]);
  });

  test("stays where it is when somebody comes or goes", () => {
    const three = service(1, 2, 3);
    expect(take(three, 1)).toEqual([3]);
    add(three, 4);
    expect(take(three, 5)).toEqual([2, 1, 4, 3, 2]);
    // The one that was chosen last goes: on behind the one in front of it.
    three.delete(at(three, 2));
    expect(take(three, 3)).toEqual([1, 4, 3]);
    three.delete(at(three, 4));
    expect(take(three, 3)).toEqual([1, 3, 1]);
  });

  test("goes on behind the one that somebody says", () => {
    const three = service(1, 2, 3);
    three.startBehind(at(three, 2));
    expect(take(three, 3)).toEqual([1, 3, 2]);
  });
});

/** A node of the kernel's circular list; the head has no destination. */
interface Node {
  ip: number;
  weight: number;
  next: Node;
  previous: Node;
}

class KernelList {
  readonly head: Node;
  pointer: Node;

  constructor() {
    const head = { ip: -1, weight: 0 } as Node;
    head.next = head;
    head.previous = head;
    this.head = head;
    this.pointer = head;
  }

  find(ip: number): Node | undefined {
    for (let node = this.head.next; node !== this.head; node = node.next) if (node.ip === ip) return node;
    return undefined;
  }

  add(ip: number, weight: number): void {
    const { head } = this;
    const node = { ip, weight, next: head.next, previous: head };
    head.next.previous = node;
    head.next = node;
  }

  delete(node: Node): void {
    node.previous.next = node.next;
    node.next.previous = node.previous;
    if (this.pointer === node) this.pointer = node.next.previous;
  }

  schedule(): number | undefined {
    const { head } = this;
    const last = this.pointer;
    let node = last;
    for (let pass = 0; pass < 2; pass++) {
      for (node = node.next; node !== head; node = node.next) {
        if (node.weight > 0) {
          this.pointer = node;
          return node.ip;
        }
        if (node === last) return undefined;
      }
      if (last === head) return undefined;
    }
    return undefined;
  }
}

test("agrees with the kernel's list, whatever is done to it", () => {
  const ip = fc.nat(5);
  const change = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), ip, weight: fc.nat(1) }),
    fc.record({ kind: fc.constant("delete" as const), ip, weight: fc.constant(0) }),
    fc.record({ kind: fc.constant("weigh" as const), ip, weight: fc.nat(2) }),
    fc.record({ kind: fc.constant("take" as const), ip: fc.constant(0), weight: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const made = service();
      const list = new KernelList();
      for (const { kind, ip: which, weight } of changes) {
        const known = list.find(which);
        if (kind === "take") {
          expect(take(made, weight)).toEqual(Array.from({ length: weight }, () => list.schedule()));
        } else if (kind === "add" && known === undefined) {
          list.add(which, weight);
          made.add({ ip: which, port: 0, weight, forwarding: "masq" }, undefined);
        } else if (kind === "delete" && known !== undefined) {
          list.delete(known);
          made.delete(at(made, which));
        } else if (kind === "weigh" && known !== undefined) {
          known.weight = weight;
          at(made, which).weight = weight;
        }
      }
    }),
    { numRuns: 500 },
  );
});
