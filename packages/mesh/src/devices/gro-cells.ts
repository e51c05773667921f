/**
 * Where a tunnel device's received frames wait to be merged (Linux net/core/gro_cells.c): what the machine's interface
 * brings in one go is one poll here.
 */
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import { Gro } from "../host/gro.ts";
import type { Simulator, Wakeable } from "../sim/simulator.ts";
import type { Napi, Softnet } from "../sim/softnet.ts";

export class GroCells implements Napi, Wakeable {
  readonly softnet: Softnet;
  readonly #device: NetDevice;
  readonly #simulator: Simulator;
  readonly #gro: Gro;
  /** The first `#count` wait. An array that is emptied would give its memory back each time. */
  readonly #queue: (Frame | undefined)[] = [];
  #count = 0;

  constructor(device: NetDevice) {
    const { frames, recorder, simulator, softnet } = device.netns.node;
    this.#device = device;
    this.#simulator = simulator;
    this.#gro = new Gro(frames, recorder);
    this.softnet = softnet;
  }

  /** Linux gro_cells_receive. Takes the frame. */
  receive(frame: Frame): void {
    if (!this.#device.offloads.gro) return this.softnet.enqueue(this.#device, frame);
    this.#queue[this.#count++] = frame;
    if (this.#count === 1) this.softnet.schedule(this);
  }

  /** The CPU has done what came before. What has arrived meanwhile at its interfaces belongs to the same poll. */
  poll(): void {
    // Machines of one kernel hand over by the backlog, which is empty now.
    if (this.softnet.isShared || this.#simulator.nextTime > this.softnet.now) return this.#deliver();
    this.#simulator.hold();
    this.#simulator.schedule(this.softnet.now, this, 0);
  }

  wake(): void {
    this.#simulator.release();
    this.#deliver();
  }

  /** The device is gone, and what waits for it. */
  clear(reason: (frame: Frame) => void): void {
    const count = this.#count;
    this.#count = 0;
    for (const frame of this.#queue.splice(0).slice(0, count)) reason(frame!);
  }

  /** Linux gro_cell_poll. */
  #deliver(): void {
    const queue = this.#queue;
    const device = this.#device;
    const count = this.#count;
    this.#count = 0;
    if (count === 1) {
      const frame = queue[0]!;
      queue[0] = undefined;
      return device.receive(frame);
    }
    for (let at = 0; at < count; at++) {
      this.#gro.receive(queue[at]!);
      queue[at] = undefined;
    }
    this.#gro.flush(device);
  }
}
