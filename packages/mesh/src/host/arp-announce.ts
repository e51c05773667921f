/** A gratuitous ARP request, as Docker sends it for an interface that has come up (libnetwork osl, advertiseAddrs). */
import * as arp from "@hopscope/codec/arp";
import type { NetDevice } from "../device.ts";
import { createArp } from "./arp-create.ts";

const BROADCAST_MAC = 0xffffffffffff;

/** Says that `ip` (int32) is at the device: a broadcast request for it that nobody is to answer. */
export function announce(device: NetDevice, ip: number): void {
  const { mac, netns } = device;
  const frame = createArp(netns.node.frames, {
    operation: arp.ArpOperation.request,
    srcMac: mac,
    dstMac: BROADCAST_MAC,
    senderMac: mac,
    senderIp: ip,
    targetMac: 0,
    targetIp: ip,
  });
  if (frame !== undefined) device.transmit(frame);
}
