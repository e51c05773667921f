/**
 * A physical interface and its cable: what leaves it arrives at the other end after the link's delay, on another
 * machine. Frames keep their order. Between machines that share a CPU, as the nodes of a test lab in namespaces do, a
 * cable of no length hands over as a veth pair.
 *
 * Not modelled yet: rate, loss.
 */
import { type DeviceOptions, NetDevice } from "../device.ts";
import { Checksum, type Frame } from "../frame.ts";
import { checksumHelp } from "../host/checksum-help.ts";
import { segment } from "../host/gso.ts";
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
    // As the recordings' machines have it, so that a trace shows what is on the wire.
    Object.assign(this.offloads, { tx: false, tso: false, gso: false, gro: false });
  }

  /** Plugs a cable in between the two. */
  connect(peer: Nic): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  protected startXmit(frame: Frame): void {
    const peer = this.#peer;
    if (peer === undefined) return this.netns.drop(frame, DropReason.DEV_READY);
    // The card's own work, which no tap sees.
    if (frame.gsoSize > 0) segment(this.netns, frame, (part) => this.#send(peer, part));
    else if (frame.csum === Checksum.partial) this.#complete(peer, frame);
    else this.#send(peer, frame);
  }

  #complete(peer: Nic, frame: Frame): void {
    const { frames } = this.netns.node;
    if (!frames.own(frame)) return this.netns.drop(frame, DropReason.NOMEM);
    checksumHelp(frames, frame);
    this.#send(peer, frame);
  }

  #send(peer: Nic, frame: Frame): void {
    const { frames, simulator, softnet } = this.netns.node;
    frames.scrub(frame);
    frame.innerOffset = 0;
    // Both ends in one kernel: the cable is a veth pair.
    if (this.#latencyNs === 0 && peer.softnet === softnet) return softnet.enqueue(peer, frame);
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
