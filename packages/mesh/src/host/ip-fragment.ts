/**
 * Putting fragments together again (Linux net/ipv4/ip_fragment.c): for this host's own packets, and for connection
 * tracking.
 */
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";

export class IpFragments {
  readonly #netns: Netns;

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** Takes a fragment. Answers the whole packet if it was the last one missing (ip_defrag). */
  add(frame: Frame): Frame | undefined {
    // Nobody puts them together yet: as if the others never came.
    this.#netns.drop(frame, DropReason.FRAG_REASM_TIMEOUT);
    return undefined;
  }
}
