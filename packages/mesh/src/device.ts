/**
 * A network device as Linux' net_device. Every frame that leaves or enters one passes its tap, which is where a packet
 * socket would see it (net/core/dev.c, dev_queue_xmit_nit and the ptype_all list of __netif_receive_skb_core).
 */
import type { Frame } from "./frame.ts";
import type { Netns } from "./netns.ts";
import type { BridgePort } from "./devices/bridge.ts";
import { Direction } from "./trace/recorder.ts";

export interface DeviceOptions {
  readonly name: string;
  /** Bytes of layer-3 payload. */
  readonly mtu: number;
  readonly mac: number;
  /** Said in the recording's interface block. */
  readonly description?: string;
}

export abstract class NetDevice {
  readonly netns: Netns;
  /** As Linux prints it: `br0`, `vxlan0`, `eth1`. */
  readonly name: string;
  /** Interface number in its namespace, from 1. */
  readonly index: number;
  /** Capture point in the recording. */
  readonly point: number;
  mtu: number;
  mac: number;
  /** Set while the device is a port of a bridge: received frames go there (Linux rx_handler). */
  port: BridgePort | undefined = undefined;

  constructor(netns: Netns, options: DeviceOptions) {
    this.netns = netns;
    this.name = options.name;
    this.mtu = options.mtu;
    this.mac = options.mac;
    this.index = netns.attach(this);
    this.point = netns.node.recorder.addPoint(
      { node: netns.node.name, namespace: netns.name, device: options.name },
      options.description ?? "",
    );
  }

  /** Linux dev_queue_xmit: the frame leaves by this device. */
  transmit(frame: Frame): void {
    const node = this.netns.node;
    node.recorder.hop(this.point, Direction.out, frame, node.softnet.now);
    this.startXmit(frame);
  }

  /** Linux netif_receive_skb: the frame has arrived on this device. */
  receive(frame: Frame): void {
    const node = this.netns.node;
    node.recorder.hop(this.point, Direction.in, frame, node.softnet.now);
    if (this.port === undefined) this.netns.receive(this, frame);
    else this.port.handleFrame(frame);
  }

  /** Linux ndo_start_xmit: what the device does with a frame that leaves by it. */
  protected abstract startXmit(frame: Frame): void;
}
