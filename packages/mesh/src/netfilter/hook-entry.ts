/** What is registered at a hook (Linux struct nf_hook_ops). */
import type { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Hook } from "./hook.ts";

export interface HookEntry {
  /**
   * The frame to go on with, as it is or another, or undefined: the entry has dropped it or keeps it. The IPv4 header
   * lies 14 bytes behind the frame's start.
   */
  run(hook: Hook, frame: Frame, inDevice: NetDevice | undefined, outDevice: NetDevice | undefined): Frame | undefined;
}
