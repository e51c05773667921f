/** The loopback device: what leaves it arrives on it (Linux drivers/net/loopback.c, loopback_xmit). */
import { NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";

export class Loopback extends NetDevice {
  protected startXmit(frame: Frame): void {
    const { softnet } = this.netns.node;
    softnet.enqueue(this, frame);
  }
}
