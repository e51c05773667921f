/**
 * One end of a veth pair: what leaves it arrives at the other end, in another namespace of the same node, when the CPU
 * gets to it (Linux drivers/net/veth.c, veth_xmit and veth_forward_skb).
 */
import { Cost } from "../costs.ts";
import { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import { DropReason } from "../trace/drop-reason.ts";

export class Veth extends NetDevice {
  #peer: Veth | undefined = undefined;

  get peer(): Veth | undefined {
    return this.#peer;
  }

  /** Makes the two a pair. */
  connect(peer: Veth): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  protected startXmit(frame: Frame): void {
    const peer = this.#peer;
    if (peer === undefined) return this.netns.drop(frame, DropReason.DEV_READY);
    const { frames, softnet } = this.netns.node;
    frames.scrub(frame, peer.netns !== this.netns);
    softnet.spend(Cost.veth);
    softnet.enqueue(peer, frame);
  }

  /** One end does not outlive the other (veth_dellink). */
  protected override unregister(): void {
    const peer = this.#peer;
    this.#peer = undefined;
    peer?.delete();
  }
}
