/**
 * A Linux bridge (net/bridge): learns, forwards, floods, passes up to its own stack. The physical switch is one too.
 *
 * Not modelled: spanning tree (Docker switches it off), VLANs, hairpin, group_fwd_mask, multicast snooping (multicast is
 * flooded, which is what a bridge without a querier does).
 */
import * as ethernet from "@hopscope/codec/ethernet";
import { Cost } from "../costs.ts";
import { type DeviceOptions, NetDevice } from "../device.ts";
import type { Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import type { Clock } from "../sim/clock.ts";
import { Fdb } from "../tables/fdb.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";

/** A frame may be longer than the MTU by its Ethernet header and one VLAN tag (is_skb_forwardable). */
const FORWARDABLE_EXTRA = ethernet.HEADER_LENGTH + 4;
/** Port number of the bridge itself in its FDB. */
const SELF = 0;
/** 224.0.0.106, all snoopers (RFC 4286 §4). */
const ALL_SNOOPERS = 0xe000006a | 0;

export interface BridgeOptions extends Omit<DeviceOptions, "mac"> {
  readonly mac: number | undefined;
  /** False: as soon as it has ports, the lowest of theirs is its own. Default: true if a MAC is given. */
  readonly hasFixedMac?: boolean;
  /** True: its MAC was set after it was made, so it has no carrier before its first port. Default false. */
  readonly awaitsPorts?: boolean;
}

export class Bridge extends NetDevice {
  readonly fdb: Fdb = new Fdb();
  /** Newest first: the order in which a frame is flooded (br_if.c, list_add_rcu). */
  readonly ports: BridgePort[] = [];
  /** By number; the bridge itself is no port. */
  readonly #byNumber: (BridgePort | undefined)[] = [undefined];
  #hasFixedMac: boolean;
  readonly #awaitsPorts: boolean;

  constructor(netns: Netns, options: BridgeOptions) {
    super(netns, { ...options, mac: options.mac ?? 0 });
    this.#hasFixedMac = options.hasFixedMac ?? options.mac !== undefined;
    this.#awaitsPorts = options.awaitsPorts ?? false;
    if (options.mac !== undefined) this.fdb.addLocal(this.mac, SELF, 0);
    if (this.isUp) netns.igmp.join(this, ALL_SNOOPERS, false);
  }

  /** `ip link set DEVICE master BRIDGE` (br_add_if). */
  addPort(device: NetDevice): BridgePort {
    const now = this.netns.node.softnet.now;
    const port = new BridgePort(this, device, this.#freeNumber());
    this.#byNumber[port.number] = port;
    this.ports.unshift(port);
    device.port = port;
    this.fdb.addLocal(device.mac, port.number, now);
    this.#chooseMac();
    port.carrierChanged();
    return port;
  }

  /** The lowest number that no port has (br_if.c, find_portno). */
  #freeNumber(): number {
    for (let number = 1; ; number++) if (this.#byNumber[number] === undefined) return number;
  }

  /** The bridge is known by the lowest address of its ports (br_stp_recalculate_bridge_id). */
  #chooseMac(): void {
    if (this.#hasFixedMac) return;
    let mac = this.ports[0]?.device.mac ?? 0;
    for (const { device } of this.ports) mac = Math.min(mac, device.mac);
    if (mac === this.mac) return;
    this.fdb.deleteLocal(this.mac, SELF);
    this.mac = mac;
  }

  /** `ip link set BRIDGE address MAC`: from now on its ports do not decide (br_stp_change_bridge_id, BR_SETMAC). */
  setMac(mac: number): void {
    this.fdb.deleteLocal(this.mac, SELF);
    this.mac = mac;
    this.#hasFixedMac = true;
    this.fdb.addLocal(mac, SELF, this.netns.node.softnet.now);
  }

  /** A port has another address (br_fdb_changeaddr, br_stp_recalculate_bridge_id). */
  portMacChanged(port: BridgePort, oldMac: number): void {
    this.fdb.deleteLocal(oldMac, port.number);
    this.fdb.addLocal(port.device.mac, port.number, this.netns.node.softnet.now);
    this.#chooseMac();
  }

  /** It listens to those who look for multicast routers (br_dev_open, br_multicast_join_snoopers). */
  protected override open(): void {
    this.netns.igmp.join(this, ALL_SNOOPERS);
  }

  protected override stop(): void {
    this.netns.igmp.leave(this, ALL_SNOOPERS);
  }

  /** `ip link set DEVICE nomaster` (br_del_if): what was learned on the port goes with it. */
  deletePort(port: BridgePort): void {
    port.device.port = undefined;
    this.ports.splice(this.ports.indexOf(port), 1);
    this.#byNumber[port.number] = undefined;
    this.fdb.deletePort(port.number);
    this.#chooseMac();
  }

  protected override unregister(): void {
    for (const port of this.ports.slice()) this.deletePort(port);
  }

  /**
   * Set and cleared with the states of its ports (br_port_state_selection), which also giving it an address looks at
   * (br_stp_change_bridge_id): a bridge whose address was set has none before its first port, a fresh one has.
   */
  override get hasCarrier(): boolean {
    const { softnet } = this.netns.node;
    return !this.#awaitsPorts || this.ports.some((port) => port.isForwarding(softnet));
  }

  /** Without a carrier it has no queue (dev_activate; noop_qdisc). */
  override transmit(frame: Frame): void {
    if (this.isUp && !this.hasCarrier) this.netns.drop(frame, DropReason.QDISC_DROP);
    else super.transmit(frame);
  }

  /** Linux br_dev_xmit: the bridge's own stack sends. */
  protected startXmit(frame: Frame): void {
    const { frames, softnet } = this.netns.node;
    if (frame.bridgedFrom !== 0) return this.netns.netfilter!.bridge.resume(this, frame);
    const { view } = frames;
    const { start } = frame;
    if (ethernet.isToGroup(view, start)) return this.#flood(frame, undefined, false, false);
    const entry = this.fdb.findHalves(ethernet.dstMacHigh(view, start), ethernet.dstMacLow(view, start), softnet);
    if (entry === undefined) this.#flood(frame, undefined, true, false);
    else this.#forward(entry.port, undefined, frame);
  }

  /** Linux br_handle_frame: a frame came in by a port. */
  handleFrame(from: BridgePort, frame: Frame): void {
    const { netns } = this;
    const { view } = netns.node.frames;
    const { start } = frame;
    // BR_STATE_DISABLED: the bridge has not noticed yet that something is plugged in, or is down itself.
    if (!from.isForwarding(netns.node.softnet)) return netns.drop(frame, DropReason.BRIDGE_INGRESS_STP_STATE);
    if (!ethernet.isFromStation(view, start)) return netns.drop(frame, DropReason.MAC_INVALID_SOURCE);
    if (isToLinkLocal(view, start)) {
      // RX_HANDLER_PASS: for the stack that the port is in, as if there were no bridge.
      this.#learn(from, frame);
      return netns.receive(from.device, frame);
    }
    frame.isForBridge =
      ethernet.dstMacLow(view, start) === this.macLow && ethernet.dstMacHigh(view, start) === this.macHigh;
    const { netfilter } = netns;
    let passed: Frame | undefined = frame;
    if (netfilter !== undefined && netns.bridgeCallsIptables) {
      passed = netfilter.bridge.preRouting(this, from, frame);
      if (passed === undefined) return;
    }
    this.handleFrameFinish(from, passed);
  }

  /** Linux br_handle_frame_finish: it has passed prerouting. */
  handleFrameFinish(from: BridgePort, frame: Frame): void {
    const { frames, softnet } = this.netns.node;
    const { view } = frames;
    const { start } = frame;
    this.#learn(from, frame);
    softnet.spend(Cost.bridge);
    if (ethernet.isToGroup(view, start)) return this.#flood(frame, from, false, true);
    const entry = this.fdb.findHalves(ethernet.dstMacHigh(view, start), ethernet.dstMacLow(view, start), softnet);
    if (entry?.isLocal === true) return this.#passUp(frame);
    // IFF_PROMISC: its own stack gets a copy, which is behind the others.
    const copy = this.isPromiscuous ? frames.clone(frame) : undefined;
    if (entry === undefined) this.#flood(frame, from, true, false);
    else this.#forward(entry.port, from, frame);
    if (copy !== undefined) this.#passUp(copy);
  }

  #learn(from: BridgePort, frame: Frame): void {
    const { frames, recorder, softnet } = this.netns.node;
    const high = ethernet.srcMacHigh(frames.view, frame.start);
    const low = ethernet.srcMacLow(frames.view, frame.start);
    if (this.fdb.learnHalves(high, low, from.number, softnet))
      recorder.step(frame, StepKind.learn, from.device.point, 0);
  }

  /** Linux br_forward: out by the one port that leads there. */
  #forward(number: number, from: BridgePort | undefined, frame: Frame): void {
    const to = this.#byNumber[number];
    // should_deliver: never back to where it came from, and no port leads to the bridge itself.
    if (to === undefined || to === from) return this.netns.drop(frame, DropReason.BRIDGE_SAME_PORT);
    const { frames, recorder, softnet } = this.netns.node;
    if (!to.isForwarding(softnet)) return this.netns.drop(frame, DropReason.BRIDGE_EGRESS_STP_STATE);
    if (recorder.isOn) {
      recorder.step(frame, StepKind.forward, ethernet.dstMac(frames.view, frame.start), to.device.point);
    }
    this.#deliver(from, to, frame);
  }

  /** Linux br_flood: a copy to every port but `from`, and to the bridge's own stack if it is for everybody. */
  #flood(frame: Frame, from: BridgePort | undefined, isUnknown: boolean, isForSelf: boolean): void {
    const { frames, recorder, softnet } = this.netns.node;
    recorder.step(frame, StepKind.flood, this.#countOthers(from), isUnknown ? 1 : 0);
    for (const port of this.ports) {
      if (port === from || !port.isForwarding(softnet)) continue;
      this.#deliver(from, port, frames.clone(frame));
      softnet.spend(Cost.bridge);
    }
    if (!isForSelf) frames.free(frame);
    else if (this.netns.netfilter?.bridge.localIn(frame) !== false) this.#passUp(frame);
  }

  #countOthers(from: BridgePort | undefined): number {
    const { softnet } = this.netns.node;
    let count = 0;
    for (const port of this.ports) if (port !== from && port.isForwarding(softnet)) count++;
    return count;
  }

  /** Linux __br_forward: what was bridged passes IPv4's hooks first, if there are any. */
  #deliver(from: BridgePort | undefined, to: BridgePort, frame: Frame): void {
    const { netfilter } = this.netns;
    if (netfilter !== undefined && from !== undefined && frame.physIn !== undefined) {
      netfilter.bridge.forward(this, to, frame);
    } else this.pushXmit(to, frame);
  }

  /** Linux br_dev_queue_push_xmit: out by a port. */
  pushXmit(to: BridgePort, frame: Frame): void {
    if (frame.gsoSize === 0 && frame.end - frame.start > to.device.mtu + FORWARDABLE_EXTRA) {
      return this.netns.drop(frame, DropReason.PKT_TOO_BIG);
    }
    to.device.transmit(frame);
  }

  /** Linux br_pass_frame_up: the bridge receives the frame as a device. */
  #passUp(frame: Frame): void {
    this.netns.node.recorder.step(frame, StepKind.passUp, 0, 0);
    this.receive(frame);
  }
}

/**
 * 01:80:c2:00:00:01 to 0f: for the station at the other end of the wire (IEEE 802.1Q §8.6.3). 00, spanning tree's, is
 * forwarded by a bridge without.
 */
function isToLinkLocal(view: DataView, start: number): boolean {
  const low = ethernet.dstMacLow(view, start);
  return low > LINK_LOCAL_LOW && low <= LINK_LOCAL_LOW + 15 && ethernet.dstMacHigh(view, start) === 0x0180;
}

/** The last 32 bits of 01:80:c2:00:00:00 as an int32. */
const LINK_LOCAL_LOW = 0xc2000000 | 0;

/** A device that is plugged into a bridge. */
export class BridgePort {
  readonly bridge: Bridge;
  readonly device: NetDevice;
  /** From 1, in order of joining. */
  readonly number: number;
  /** Since when it forwards; `Infinity`: nothing is plugged in. */
  #forwardsFrom = Number.POSITIVE_INFINITY;

  constructor(bridge: Bridge, device: NetDevice, number: number) {
    this.bridge = bridge;
    this.device = device;
    this.number = number;
  }

  handleFrame(frame: Frame): void {
    this.bridge.handleFrame(this, frame);
  }

  /**
   * Linux br_port_carrier_check: something is plugged in or out. The bridge notices at once, or as late as the pause
   * `linkwatch.NODE/NAMESPACE/DEVICE` says: the kernel's linkwatch works when it gets to it.
   */
  carrierChanged(): void {
    const { device } = this;
    if (!device.isUp || !device.hasCarrier) this.#forwardsFrom = Number.POSITIVE_INFINITY;
    else if (this.#forwardsFrom === Number.POSITIVE_INFINITY) {
      const { name, node } = device.netns;
      this.#forwardsFrom = node.softnet.now + node.pace.of(`linkwatch.${node.name}/${name}/${device.name}`, 0);
    }
  }

  /** BR_STATE_FORWARDING. Without spanning tree a port is so from the moment that it is noticed. */
  isForwarding(clock: Clock): boolean {
    return clock.now >= this.#forwardsFrom && this.bridge.isUp;
  }
}
