/**
 * Feeds the frames of a capture into a mesh at a device, as if its namespace had sent them or as if they had arrived.
 * What they become is recorded like all else.
 *
 * A namespace whose part a recording plays does not hear what arrives on that device any more: the recording has the
 * answers. Not modelled: link types other than Ethernet; frames that the capture has cut short.
 */
import { fold, pseudoHeader4 } from "@hopscope/codec/checksum";
import { EtherType, IpProtocol, LinkType } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import type { Packet } from "@hopscope/tracer/packet";
import type { NetDevice } from "./device.ts";
import { Checksum, type Frame } from "./frame.ts";
import type { ReplayStep } from "./scenario/step.ts";
import type { Wakeable } from "./sim/simulator.ts";
import type { Softnet } from "./sim/softnet.ts";

/** A frame of a capture. */
export interface CapturedFrame {
  /** When it was seen, nanoseconds since the file's first packet. */
  readonly sinceNs: number;
  readonly bytes: Uint8Array;
}

/** What of a packet decides whether and how it is fed in. */
export type CapturedPacket = Pick<
  Packet,
  "seconds" | "nanoseconds" | "data" | "wireLength" | "direction" | "interface"
>;

/** Picks out of a capture's packets what a step feeds in. */
export class ReplaySelection {
  /** Packets that were meant, and could not be used. */
  cut = 0;
  notEthernet = 0;
  readonly #step: Pick<ReplayStep, "from" | "only">;
  #first: { readonly seconds: number; readonly nanoseconds: number } | undefined = undefined;

  constructor(step: Pick<ReplayStep, "from" | "only">) {
    this.#step = step;
  }

  /** The frame, or undefined: not that one. */
  take(packet: CapturedPacket): CapturedFrame | undefined {
    const { seconds, nanoseconds, data } = packet;
    this.#first ??= { seconds, nanoseconds };
    const { from, only } = this.#step;
    if (from !== undefined && packet.interface.name !== from) return undefined;
    if (only !== undefined && packet.direction !== only) return undefined;
    if (packet.interface.linkType !== LinkType.ethernet) {
      this.notEthernet++;
      return undefined;
    }
    if (data.length < packet.wireLength || data.length < ethernet.HEADER_LENGTH) {
      this.cut++;
      return undefined;
    }
    const sinceNs = (seconds - this.#first.seconds) * 1e9 + (nanoseconds - this.#first.nanoseconds);
    return { sinceNs: Math.max(0, sinceNs), bytes: data };
  }
}

/** Feeds frames in, each in an event of its own. */
export class Replayer implements Wakeable {
  readonly softnet: Softnet;
  /** Frames that were fed in, and those for which there was no room. */
  fed = 0;
  tooLong = 0;
  readonly #device: NetDevice;
  readonly #as: "in" | "out";
  readonly #speed: number;
  readonly #frames: Iterator<CapturedFrame>;
  readonly #onEnd: (time: number) => void;
  #startedAt = 0;
  #next: CapturedFrame | undefined = undefined;

  /** `onEnd` is told when the last frame has been fed in. */
  constructor(
    device: NetDevice,
    { as, speed }: Pick<ReplayStep, "as" | "speed">,
    frames: Iterable<CapturedFrame>,
    onEnd: (time: number) => void,
  ) {
    this.softnet = device.netns.node.softnet;
    this.#device = device;
    this.#as = as;
    this.#speed = speed;
    this.#frames = frames[Symbol.iterator]();
    this.#onEnd = onEnd;
  }

  start(time: number): void {
    this.#startedAt = time;
    if (this.#as === "out") this.#device.isDeaf = true;
    this.#proceed(time);
  }

  wake(): void {
    this.#feed(this.#next!.bytes);
    this.#proceed(this.softnet.now);
  }

  #proceed(now: number): void {
    const { done, value } = this.#frames.next();
    if (done === true) return this.#onEnd(now);
    this.#next = value;
    const due = this.#startedAt + Math.round(value.sinceNs / this.#speed);
    this.#device.netns.node.simulator.schedule(due, this, 0);
  }

  #feed(bytes: Uint8Array): void {
    const { frames } = this.#device.netns.node;
    const frame = frames.allocate(bytes.length);
    if (frame === undefined) {
      this.tooLong++;
      return;
    }
    this.fed++;
    const { view } = frames;
    frames.bytes.set(bytes, frame.start);
    restoreOffloads(view, frame, this.#device.mtu);
    if (this.#as === "out") this.#device.transmit(frame);
    else this.#device.receive(frame);
  }
}

/**
 * What a capture on the sender's own machine shows of work that was left to the network card: a checksum field with the
 * pseudo-header's sum only, and frames that are longer than the MTU.
 */
function restoreOffloads(view: DataView, frame: Frame, mtu: number): void {
  if (ethernet.etherType(view, frame.start) !== EtherType.ipv4) return;
  const at = frame.start + ethernet.HEADER_LENGTH;
  if (ipv4.check(view, at, frame.end) !== 0 || (ipv4.flagsAndFragmentOffset(view, at) & ~ipv4.DONT_FRAGMENT) !== 0)
    return;
  const protocol = ipv4.protocol(view, at);
  const transportAt = ipv4.payloadStart(view, at);
  const end = ipv4.payloadEnd(view, at, frame.end);
  const isTcp = protocol === IpProtocol.tcp;
  if (!isTcp && protocol !== IpProtocol.udp) return;
  if ((isTcp ? tcp.check(view, transportAt, end) : udp.check(view, transportAt, end)) !== 0) return;
  const sum = fold(pseudoHeader4(ipv4.srcIp(view, at), ipv4.dstIp(view, at), protocol, end - transportAt));
  const field = isTcp ? tcp.checksum(view, transportAt) : udp.checksum(view, transportAt);
  if (field === sum) frame.csum = Checksum.partial;
  if (isTcp && end - at > mtu) frame.gsoSize = mtu - (tcp.payloadStart(view, transportAt) - at);
}
