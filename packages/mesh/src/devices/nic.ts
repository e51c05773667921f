/**
 * A physical interface and its cable: what leaves it arrives at the other end after the link's delay, on another
 * machine. Frames keep their order. Between machines that share a CPU, as the nodes of a test lab in namespaces do, a
 * cable of no length hands over as a veth pair.
 *
 * Not modelled yet: rate, loss, offloads.
 */
import { type DeviceOptions, NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { DropReason } from "../trace/drop-reason.ts";

export class Nic extends NetDevice implements Wakeable {
  readonly softnet: Softnet;
  readonly #latencyNs: number;
  #peer: Nic | undefined = undefined;

  constructor(netns: Netns, options: DeviceOptions, latencyNs: number) {
    super(netns, options);
    this.softnet = netns.node.softnet;
    this.#latencyNs = latencyNs;
  }

  /** Plugs a cable in between the two. */
  connect(peer: Nic): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  protected startXmit(frame: Frame): void {
    const peer = this.#peer;
    if (peer === undefined) return this.netns.drop(frame, DropReason.DEV_READY);
    const { frames, simulator, softnet } = this.netns.node;
    frames.scrub(frame);
    simulator.hold();
    simulator.schedule(softnet.now + this.#latencyNs, peer, frame.id);
  }

  protected override unregister(): void {
    if (this.#peer !== undefined) this.#peer.#peer = undefined;
    this.#peer = undefined;
  }

  /** Frame `id` has come through the cable. */
  wake(id: number): void {
    this.netns.node.simulator.release();
    this.receive(this.netns.node.frames.get(id));
  }
}
