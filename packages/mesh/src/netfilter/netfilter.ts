/**
 * The hooks of one namespace (Linux net/netfilter/core.c, nf_hook_slow). A namespace whose `netfilter` is undefined has
 * nothing registered and pays nothing.
 */
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import type { Hook } from "./hook.ts";
import { Iptables } from "./iptables.ts";

export class Netfilter {
  readonly netns: Netns;
  readonly iptables: Iptables = new Iptables();
  /** After `run` answered undefined: true if the frame was dropped, not kept. Who sends it is told EPERM. */
  hasDropped = false;

  constructor(netns: Netns) {
    this.netns = netns;
  }

  /**
   * The frame to go on with, which is another one after reassembly; or undefined: dropped, its reason recorded, or kept
   * for reassembly. The IPv4 header lies 14 bytes behind the frame's start.
   */
  run(
    _hook: Hook,
    frame: Frame,
    _inDevice: NetDevice | undefined,
    _outDevice: NetDevice | undefined,
  ): Frame | undefined {
    return frame;
  }
}
