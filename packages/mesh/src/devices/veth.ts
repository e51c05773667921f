/**
 * One end of a veth pair: what leaves it arrives at the other end, in another namespace of the same node, when the CPU
 * gets to it (Linux drivers/net/veth.c, veth_xmit and veth_forward_skb).
 */
import * as ethernet from "@hopscope/codec/ethernet";
import { Cost } from "../costs.ts";
import { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import { DropReason } from "../trace/drop-reason.ts";

/** A frame may be longer than the MTU by its Ethernet header and one VLAN tag. */
const FORWARDABLE_EXTRA = ethernet.HEADER_LENGTH + 4;

export class Veth extends NetDevice {
  #peer: Veth | undefined = undefined;

  get peer(): Veth | undefined {
    return this.#peer;
  }

  /** Makes the two a pair. */
  connect(peer: Veth): void {
    this.#peer = peer;
    peer.#peer = this;
    this.port?.carrierChanged();
    peer.port?.carrierChanged();
  }

  /** Both ends have to be up (veth_open, veth_close). */
  override get hasCarrier(): boolean {
    return this.#peer?.isUp === true;
  }

  protected override carrierChanged(): void {
    super.carrierChanged();
    this.#peer?.port?.carrierChanged();
  }

  protected startXmit(frame: Frame): void {
    const peer = this.#peer;
    if (peer === undefined || !peer.isUp) return this.netns.drop(frame, DropReason.DEV_READY);
    // is_skb_forwardable: as if it had come by a wire that carries no more.
    if (frame.end - frame.start > peer.mtu + FORWARDABLE_EXTRA && frame.gsoSize === 0) {
      return this.netns.drop(frame, DropReason.PKT_TOO_BIG);
    }
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
