/**
 * Round robin (Linux net/netfilter/ipvs/ip_vs_rr.c): on from the destination that was chosen last. A new destination is
 * put in front of the others, so three that were added as 1, 2, 3 are used as 3, 2, 1, 3 …
 */
import type { IpVsDest } from "./dest.ts";

export class RoundRobin {
  /** The one that was chosen last; undefined: the list's head (svc->sched_data). */
  #last: IpVsDest | undefined = undefined;

  /** Linux ip_vs_rr_schedule: the next that takes something, or undefined. */
  schedule(destinations: readonly IpVsDest[]): IpVsDest | undefined {
    const { length } = destinations;
    const last = this.#last === undefined ? -1 : destinations.indexOf(this.#last);
    for (let step = 1; step <= length; step++) {
      const dest = destinations[(last + step) % length]!;
      if (dest.weight > 0) {
        this.#last = dest;
        return dest;
      }
    }
    return undefined;
  }

  /** Goes on behind this one. */
  startBehind(dest: IpVsDest): void {
    this.#last = dest;
  }

  /** Linux ip_vs_rr_del_dest: `before` was in front of the one that is gone; undefined: the head. */
  destinationIsGone(dest: IpVsDest, before: IpVsDest | undefined): void {
    if (this.#last === dest) this.#last = before;
  }
}
