/**
 * A network device as Linux' net_device. Every frame that leaves or enters one passes its tap, which is where a packet
 * socket would see it (net/core/dev.c, dev_queue_xmit_nit and the ptype_all list of __netif_receive_skb_core).
 *
 * Not modelled: queueing disciplines and queue lengths, carrier apart from being up.
 */
import { Checksum, type Frame } from "./frame.ts";
import { checksumHelp } from "./host/checksum-help.ts";
import { segment } from "./host/gso.ts";
import type { PacketSocket } from "./host/packet-socket.ts";
import type { Netns } from "./netns.ts";
import type { BridgePort } from "./devices/bridge.ts";
import { highOf } from "./tables/mac-table.ts";
import { DropReason } from "./trace/drop-reason.ts";
import { Direction } from "./trace/recorder.ts";

export interface DeviceOptions {
  readonly name: string;
  /** Bytes of layer-3 payload. */
  readonly mtu: number;
  readonly mac: number;
  /** Default true: as if it had been set up before anybody looked. False: `up` is still to come, and what it brings. */
  readonly isUp?: boolean;
  /** The namespace that it was made in and moved from, whose counter numbers it. Default: the node's own. */
  readonly madeIn?: Netns | undefined;
}

/** Counters as `ip -s link` prints them (struct rtnl_link_stats64). Bytes are frames with their Ethernet header. */
export interface DeviceStatistics {
  rxBytes: number;
  rxPackets: number;
  rxDropped: number;
  /** Received group frames; virtual devices count none. */
  multicast: number;
  txBytes: number;
  txPackets: number;
  txDropped: number;
}

/** What a device does itself, as `ethtool -K` sets it: fewer bytes to look at for the CPU, bigger frames at the tap. */
export interface Offloads {
  /** Completes TCP and UDP checksums of frames that leave (tx-checksumming). */
  readonly tx: boolean;
  /** Cuts TCP super-frames itself (tcp-segmentation-offload). */
  readonly tso: boolean;
  /** TCP may hand over super-frames, whoever cuts them (generic-segmentation-offload). */
  readonly gso: boolean;
  /** Received segments are merged (generic-receive-offload), by devices that have a place for that. */
  readonly gro: boolean;
}

const NO_STATISTICS: DeviceStatistics = {
  rxBytes: 0,
  rxPackets: 0,
  rxDropped: 0,
  multicast: 0,
  txBytes: 0,
  txPackets: 0,
  txDropped: 0,
};

/** Virtual devices do everything: it costs nothing to leave a frame as it is. Shared by all that nobody has changed. */
const ALL_OFFLOADS: Offloads = Object.freeze({ tx: true, tso: true, gso: true, gro: true });
const NO_SOCKETS: readonly PacketSocket[] = [];

export abstract class NetDevice {
  // Declared, and set by the constructor: a subclass each is too many for how V8 defines fields, not for how it sets them.
  declare readonly netns: Netns;
  /** As Linux prints it: `br0`, `vxlan0`, `eth1`. */
  declare readonly name: string;
  /** Interface number. */
  declare readonly index: number;
  /** Capture point in the recording. */
  declare readonly point: number;
  /** Bytes of layer-3 payload; set by {@link setMtu}. */
  declare mtu: number;
  /** The MAC address' first 16 bits, and its last 32 as an int32: the data path needs no floating point. */
  declare macHigh: number;
  declare macLow: number;
  /** IFF_UP. A device that is down neither sends nor receives. */
  declare isUp: boolean;
  declare isDeleted: boolean;
  /** What arrives ends here: a recording plays the part of this device's namespace (replay.ts). */
  declare isDeaf: boolean;
  declare readonly statistics: DeviceStatistics;
  declare offloads: Offloads;
  /** IFF_PROMISC, as `ip link set DEVICE promisc on` and captures set it. Bridges alone heed it. */
  declare isPromiscuous: boolean;
  /** Programs that look at what arrives here (the ptype list of a device). */
  declare packetSockets: readonly PacketSocket[];
  /** net.ipv4.conf.DEVICE.arp_ignore: 1 answers for addresses of this device only. */
  declare arpIgnore: 0 | 1;
  /** net.ipv4.conf.DEVICE.arp_announce: 2 asks as an address of this device, whoever sends. */
  declare arpAnnounce: 0 | 2;
  /** net.ipv4.conf.DEVICE.route_localnet: addresses of 127.0.0.0/8 may come and go by it. */
  declare routesLocalnet: boolean;
  /** Set while the device is a port of a bridge: received frames go there (Linux rx_handler). */
  declare port: BridgePort | undefined;

  constructor(netns: Netns, options: DeviceOptions) {
    this.netns = netns;
    this.name = options.name;
    this.mtu = options.mtu;
    this.mac = options.mac;
    this.isUp = options.isUp ?? true;
    this.isDeleted = false;
    this.isDeaf = false;
    this.isPromiscuous = false;
    this.statistics = { ...NO_STATISTICS };
    this.offloads = ALL_OFFLOADS;
    this.packetSockets = NO_SOCKETS;
    this.arpIgnore = 0;
    this.arpAnnounce = 0;
    this.routesLocalnet = false;
    this.port = undefined;
    this.index = netns.attach(this, options.madeIn);
    this.point = netns.node.recorder.addPoint(netns.node.name, netns.name, options.name);
  }

  get mac(): number {
    return this.macHigh * 0x100000000 + (this.macLow >>> 0);
  }

  set mac(mac: number) {
    this.macHigh = highOf(mac);
    this.macLow = mac | 0;
  }

  /** Linux dev_queue_xmit: the frame leaves by this device. */
  transmit(frame: Frame): void {
    if (!this.isUp) return this.netns.drop(frame, DropReason.DEV_READY);
    const { softnet } = this.netns.node;
    if (!softnet.isInProcess) return this.#validateAndXmit(frame);
    // A bridge or tunnel that sends on in here does so with bottom halves off.
    softnet.isInProcess = false;
    this.#validateAndXmit(frame);
    softnet.drainForProcess();
  }

  /** Linux validate_xmit_skb: what the device does not do itself is done before anybody sees the frame. */
  #validateAndXmit(frame: Frame): void {
    if (frame.gsoSize > 0 && !this.offloads.tso) {
      segment(this.netns, frame, (part) => this.#xmitOne(part), this.offloads.tx);
      return;
    }
    if (frame.csum === Checksum.partial && !this.offloads.tx) {
      const { frames } = this.netns.node;
      if (!frames.own(frame)) return this.netns.drop(frame, DropReason.NOMEM);
      checksumHelp(frames, frame);
    }
    this.#xmitOne(frame);
  }

  /** Linux xmit_one: past the tap. */
  #xmitOne(frame: Frame): void {
    const { recorder, softnet } = this.netns.node;
    const { statistics } = this;
    statistics.txPackets++;
    statistics.txBytes += frame.end - frame.start;
    recorder.hop(this.point, Direction.out, frame, softnet);
    this.startXmit(frame);
  }

  /** Linux netif_receive_skb: the frame has arrived on this device. */
  receive(frame: Frame): void {
    // A frame that was under way when its device went (flush_backlog).
    if (!this.isUp) return this.netns.drop(frame, DropReason.DEV_READY);
    if (frame.isLoopedBack) return this.netns.receive(this, frame);
    const node = this.netns.node;
    const { statistics } = this;
    statistics.rxPackets++;
    statistics.rxBytes += frame.end - frame.start;
    node.recorder.hop(this.point, Direction.in, frame, node.softnet);
    if (this.packetSockets.length > 0) for (const socket of this.packetSockets) socket.enqueue(frame);
    if (this.port === undefined) this.netns.receive(this, frame);
    else this.port.handleFrame(frame);
  }

  /** `ip link set DEVICE up` (dev_open). */
  up(): void {
    if (this.isUp || this.isDeleted) return;
    this.isUp = true;
    this.open();
    this.carrierChanged();
    this.netns.deviceIsUp(this);
  }

  /** `ip link set DEVICE down` (dev_close). */
  down(): void {
    if (!this.isUp) return;
    this.netns.deviceGoesDown(this);
    this.stop();
    this.isUp = false;
    this.carrierChanged();
  }

  /** False while nothing is at the other end (netif_carrier_ok). */
  get hasCarrier(): boolean {
    return true;
  }

  protected carrierChanged(): void {
    this.port?.carrierChanged();
  }

  /** Linux ndo_open and ndo_stop: what is the device's own to begin and end with being up. */
  protected open(): void {}
  protected stop(): void {}

  /** `ethtool -K DEVICE`. */
  setOffloads(changes: Partial<Offloads>): void {
    this.offloads = { ...this.offloads, ...changes };
  }

  /** `ip link set DEVICE mtu BYTES`. */
  setMtu(mtu: number): void {
    this.mtu = mtu;
    this.netns.routes.invalidate();
  }

  /** `ip link del DEVICE` (unregister_netdevice): frames on their way to it end there. */
  delete(): void {
    if (this.isDeleted) return;
    this.down();
    this.isDeleted = true;
    this.port?.bridge.deletePort(this.port);
    this.unregister();
    this.netns.detach(this);
    this.netns.node.recorder.pointIsGone(this.point);
  }

  /** Linux ndo_start_xmit: what the device does with a frame that leaves by it. */
  protected abstract startXmit(frame: Frame): void;

  /** What is the device's own to end with it. */
  protected unregister(): void {}
}
