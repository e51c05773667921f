/**
 * One CPU of a node: its clock while it works, and the backlog of received frames that it takes up when it is done
 * with what it is doing (Linux softnet_data; net/core/dev.c, netif_rx and process_backlog). What a veth pair hands over
 * waits here, which is why a bridge has flooded a frame to all its ports before the first neighbor sees it.
 *
 * Not modelled: more than one CPU a node, so packets of one node never overtake each other.
 */
import { Cost } from "../costs.ts";
import type { Frame } from "../frame.ts";
import type { NetDevice } from "../device.ts";

/** A queue of its own that a device has besides the backlog (struct napi_struct). */
export interface Napi {
  poll(): void;
}

export class Softnet {
  /** Nanoseconds; never goes back. */
  now = 0;
  /**
   * True while a process runs here. What it sends is taken up before it goes on, as far as this CPU can take it: a
   * process runs with bottom halves enabled (net/core/dev.c, __dev_queue_xmit; kernel/softirq.c, __local_bh_enable_ip).
   * The kernel's own work is finished first, whatever it sends.
   */
  isInProcess = false;
  /** Several machines are namespaces of the kernel that it belongs to. */
  readonly isShared: boolean;
  #devices: (NetDevice | undefined)[] = new Array<NetDevice | undefined>(256);
  #frames: (Frame | undefined)[] = new Array<Frame | undefined>(256);
  #head = 0;
  #count = 0;
  /** Queues to look at when the backlog is empty (softnet_data.poll_list). */
  readonly #polls: Napi[] = [];

  constructor(isShared: boolean = false) {
    this.isShared = isShared;
  }

  /** Begins work that arrived at `time`: at once, or when the CPU is free. */
  enter(time: number): void {
    if (time > this.now) this.now = time;
  }

  /** Lets work take time. */
  spend(ns: number): void {
    this.now += ns;
  }

  /** Linux netif_rx: the frame has arrived on `device` and waits its turn. */
  enqueue(device: NetDevice, frame: Frame): void {
    if (this.#count === this.#devices.length) this.#grow();
    const tail = (this.#head + this.#count++) & (this.#devices.length - 1);
    this.#devices[tail] = device;
    this.#frames[tail] = frame;
  }

  /** Linux process_backlog, for the process that has sent something. */
  drainForProcess(): void {
    this.isInProcess = false;
    this.drain();
    this.isInProcess = true;
  }

  /** Linux napi_schedule. */
  schedule(napi: Napi): void {
    this.#polls.push(napi);
  }

  /** Linux net_rx_action: receives what waits, and what that brings, in order; devices' own queues after the backlog. */
  drain(): void {
    for (;;) {
      while (this.#count > 0) this.#receiveNext();
      if (this.#polls.length === 0) return;
      this.#polls.shift()!.poll();
    }
  }

  #receiveNext(): void {
    const at = this.#head;
    const device = this.#devices[at]!;
    const frame = this.#frames[at]!;
    this.#devices[at] = undefined;
    this.#frames[at] = undefined;
    this.#head = (at + 1) & (this.#devices.length - 1);
    this.#count--;
    this.now += Cost.backlog;
    device.receive(frame);
  }

  #grow(): void {
    const capacity = this.#devices.length;
    const unroll = <T>(ring: readonly T[]): T[] => [...ring.slice(this.#head), ...ring.slice(0, this.#head)];
    this.#devices = [...unroll(this.#devices), ...new Array<NetDevice | undefined>(capacity)];
    this.#frames = [...unroll(this.#frames), ...new Array<Frame | undefined>(capacity)];
    this.#head = 0;
  }
}
