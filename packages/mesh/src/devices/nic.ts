/**
 * A physical interface and its cable: what leaves it arrives at the other end after the link's delay, on another
 * machine. Frames keep their order. Between machines that share a CPU, as the nodes of a test lab in namespaces do, a
 * cable of no length hands over as a veth pair. What else a cable does to frames is in link.ts, what a card does wrong
 * in fault.ts.
 */
import { type DeviceOptions, NetDevice, type Offloads } from "../device.ts";
import { Checksum, type Frame } from "../frame.ts";
import { checksumHelp } from "../host/checksum-help.ts";
import { segment } from "../host/gso.ts";
import type { Netns } from "../netns.ts";
import type { LinkProperties } from "../scenario/scenario.ts";
import { Random } from "../sim/random.ts";
import type { Wakeable } from "../sim/simulator.ts";
import type { Softnet } from "../sim/softnet.ts";
import { DropReason } from "../trace/drop-reason.ts";
import type { NicFaults } from "./fault.ts";
import { Fate, Link, PERFECT_LINK } from "./link.ts";

/** As the recordings' machines have it, so that a trace shows what is on the wire. */
const NO_OFFLOADS: Offloads = { tx: false, tso: false, gso: false, gro: false };

export class Nic extends NetDevice implements Wakeable {
  readonly softnet: Softnet;
  /** The cable, in the direction that leads away from here. */
  readonly link: Link;
  /** Undefined as long as nothing is wrong. */
  faults: NicFaults | undefined = undefined;
  #peer: Nic | undefined = undefined;
  #isUnplugged = false;

  /** `cable` undefined: one that delays as a scenario's do that says nothing about them. */
  constructor(netns: Netns, options: DeviceOptions, cable: LinkProperties = PERFECT_LINK) {
    super(netns, options);
    const { node } = netns;
    this.softnet = node.softnet;
    // Cables have a generator of their own each: what one loses changes nothing elsewhere.
    this.link = new Link(cable, new Random(node.hashSeed, `link:${options.name}`));
    this.setOffloads(NO_OFFLOADS);
  }

  /** Plugs a cable in between the two. */
  connect(peer: Nic): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  /** The other end of the cable. */
  get peer(): Nic | undefined {
    return this.#peer;
  }

  /** Pulls the cable out at both ends, or puts it back in. */
  setPlugged(isPlugged: boolean): void {
    for (const end of [this, this.#peer]) {
      if (end === undefined) continue;
      end.#isUnplugged = !isPlugged;
      end.carrierChanged();
    }
  }

  override get hasCarrier(): boolean {
    return this.#peer !== undefined && !this.#isUnplugged;
  }

  /** Without a carrier a device's queue takes nothing (Linux net/sched/sch_generic.c, noop_enqueue). */
  override transmit(frame: Frame): void {
    if (this.#isUnplugged) return this.netns.drop(frame, DropReason.QDISC_DROP);
    super.transmit(frame);
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
    if (this.faults !== undefined) {
      if (this.faults.blocksFrame(frames, frame, "out")) return this.netns.drop(frame, DropReason.FIREWALL);
      this.faults.spoil(frames, frame);
    }
    const { link } = this;
    const fate = link.fateOf(frame.end - frame.start, softnet);
    if (fate !== Fate.arrives) return this.netns.drop(frame, REASONS[fate]);
    frames.scrub(frame);
    frame.innerOffset = 0;
    // Another machine's kernel has a packet of its own.
    if (peer.softnet !== softnet) frame.confirmsNeighbor = false;
    if (link.isDoubled) {
      simulator.hold();
      simulator.schedule(link.arrivesAt, peer, frames.clone(frame).id);
    }
    // Both ends in one kernel: the cable is a veth pair.
    if (link.arrivesAt === softnet.now && peer.softnet === softnet) return softnet.enqueue(peer, frame);
    simulator.hold();
    simulator.scheduleAfter(softnet, link.arrivesAt - softnet.now, peer, frame.id);
  }

  protected override unregister(): void {
    if (this.#peer !== undefined) this.#peer.#peer = undefined;
    this.#peer = undefined;
  }

  /** Frame `id` has come through the cable. */
  wake(id: number): void {
    const { frames, simulator } = this.netns.node;
    simulator.release();
    const frame = frames.get(id);
    if (this.#isUnplugged) return this.netns.drop(frame, DropReason.LINK_LOSS);
    if (this.faults?.blocksFrame(frames, frame, "in") === true) return this.netns.drop(frame, DropReason.FIREWALL);
    this.receive(frame);
  }
}

const REASONS = {
  [Fate.lost]: DropReason.LINK_LOSS,
  [Fate.tooLong]: DropReason.PKT_TOO_BIG,
  [Fate.queueFull]: DropReason.QDISC_DROP,
} as const;
