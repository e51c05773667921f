/**
 * A packet socket on one device (Linux net/packet/af_packet.c): sees what arrives there, sends what it likes.
 *
 * Not modelled: what the device sends, filters other than an EtherType, frames for other hosts than this one.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { WaitedFor, Waiter } from "../program/process.ts";

/** A frame that arrived, and when. */
export interface PacketArrival {
  readonly bytes: Uint8Array;
  readonly time: number;
}

export class PacketSocket implements WaitedFor {
  waiter: Waiter | undefined = undefined;
  readonly #device: NetDevice;
  readonly #etherType: number;
  readonly #received: PacketArrival[] = [];

  /** socket(2) and bind(2). */
  constructor(device: NetDevice, etherType: number) {
    this.#device = device;
    this.#etherType = etherType;
    device.packetSockets = [...device.packetSockets, this];
  }

  /** Linux packet_rcv: a copy of a frame that has arrived on the device. */
  enqueue(frame: Frame): void {
    const { frames, softnet } = this.#device.netns.node;
    if (ethernet.etherType(frames.view, frame.start) !== this.#etherType) return;
    this.#received.push({ bytes: frames.bytes.slice(frame.start, frame.end), time: softnet.now });
    this.waiter?.wakeUp();
  }

  receive(): PacketArrival | undefined {
    return this.#received.shift();
  }

  close(): void {
    this.#device.packetSockets = this.#device.packetSockets.filter((socket) => socket !== this);
  }
}
