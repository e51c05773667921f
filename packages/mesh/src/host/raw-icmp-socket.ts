/**
 * A raw socket for ICMP (Linux net/ipv4/raw.c, raw_local_deliver): gets a copy of every ICMP message for this host.
 *
 * Not modelled: sending by it (ping's way is `Icmp.sendEcho`), ICMP_FILTER.
 */
import type { Netns } from "../netns.ts";
import type { WaitedFor, Waiter } from "../program/process.ts";

/** An IPv4 packet with ICMP inside, and when it arrived. */
export interface IcmpArrival {
  readonly packet: Uint8Array;
  readonly time: number;
}

export class RawIcmpSocket implements WaitedFor {
  waiter: Waiter | undefined = undefined;
  readonly #netns: Netns;
  readonly #received: IcmpArrival[] = [];

  constructor(netns: Netns) {
    this.#netns = netns;
    netns.icmp.rawSockets.push(this);
  }

  enqueue(ipAt: number, end: number): void {
    const { frames, softnet } = this.#netns.node;
    this.#received.push({ packet: frames.bytes.slice(ipAt, end), time: softnet.now });
    this.waiter?.wakeUp();
  }

  receive(): IcmpArrival | undefined {
    return this.#received.shift();
  }

  close(): void {
    const { rawSockets } = this.#netns.icmp;
    const at = rawSockets.indexOf(this);
    if (at >= 0) rawSockets.splice(at, 1);
  }
}
