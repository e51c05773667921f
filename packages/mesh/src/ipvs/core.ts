/**
 * IPVS at the hooks (Linux net/netfilter/ipvs/ip_vs_core.c): requests for a service go to a real server, its answers come
 * back as the service's. Whatever is neither passes as it is: so the host itself answers a ping of a virtual address, and
 * resets a TCP connection that IPVS does not know.
 *
 * Not modelled: other protocols than TCP and UDP, services for connections that real servers begin, FTP.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import { TcpFlag } from "@hopscope/codec/tcp";
import type { NetDevice } from "../device.ts";
import { Checksum, type Frame } from "../frame.ts";
import { FragmentUser } from "../host/ip-fragment.ts";
import { Hook, HookPriority } from "../netfilter/hook.ts";
import type { HookEntry } from "../netfilter/hook-entry.ts";
import { Manip, manipulate } from "../netfilter/nat-manip.ts";
import type { Netfilter } from "../netfilter/netfilter.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import { IpVsConn } from "./conn.ts";
import { Related, relatedRequest, relatedReply } from "./icmp.ts";
import type { IpVs } from "./ip-vs.ts";
import { notrack, updateConntrack, usesOldConntrack } from "./nfct.ts";
import { followTcp, IpVsTcpState } from "./proto-tcp.ts";
import type { IpVsService } from "./service.ts";
import { reroute, transmit } from "./xmit.ts";

/** ip_vs_ops4 */
export function registerHooks(ipvs: IpVs, netfilter: Netfilter): void {
  const request = new RequestEntry(ipvs, netfilter);
  const reply = new ReplyEntry(ipvs, netfilter);
  netfilter.register(Hook.input, HookPriority.natSrc - 2, reply);
  netfilter.register(Hook.input, HookPriority.natSrc - 1, request);
  netfilter.register(Hook.output, HookPriority.natDst + 1, reply);
  netfilter.register(Hook.output, HookPriority.natDst + 2, request);
  netfilter.register(Hook.forward, HookPriority.natSrc - 1, new ForwardIcmpEntry(ipvs, netfilter));
  netfilter.register(Hook.forward, HookPriority.natSrc, reply);
}

/** Bytes that the ports take. */
const PORTS_LENGTH = 4;
const FTP_DATA_PORT = 20;

/** Linux ip_vs_in: what is for a service goes to one of its real servers. */
class RequestEntry implements HookEntry {
  readonly #ipvs: IpVs;
  readonly #netfilter: Netfilter;

  constructor(ipvs: IpVs, netfilter: Netfilter) {
    this.#ipvs = ipvs;
    this.#netfilter = netfilter;
  }

  run(hook: Hook, frame: Frame, inDevice: NetDevice | undefined): Frame | undefined {
    if (frame.ipvsProperty || frame.dst === undefined) return frame;
    const { view } = this.#netfilter.netns.node.frames;
    if (hook !== Hook.output && ethernet.isToGroup(view, frame.start)) return frame;
    const ipAt = frame.start + ethernet.HEADER_LENGTH;
    const protocol = ipv4.protocol(view, ipAt);
    if (protocol === IpProtocol.icmp) {
      const related = relatedRequest(this.#ipvs, this.#netfilter, frame, hook);
      return related === Related.none || related === Related.passes ? frame : undefined;
    }
    if (protocol !== IpProtocol.tcp && protocol !== IpProtocol.udp) return frame;
    if (ipv4.fragmentOffsetUnits(view, ipAt) !== 0) return frame;
    const at = ipv4.payloadStart(view, ipAt);
    if (at + (protocol === IpProtocol.tcp ? tcp.HEADER_LENGTH : PORTS_LENGTH) > frame.end) return frame;
    return this.#handle(frame, protocol, ipAt, at, inDevice);
  }

  #handle(
    frame: Frame,
    protocol: number,
    ipAt: number,
    at: number,
    inDevice: NetDevice | undefined,
  ): Frame | undefined {
    const ipvs = this.#ipvs;
    const netfilter = this.#netfilter;
    const { frames, recorder } = netfilter.netns.node;
    const { view } = frames;
    const srcIp = ipv4.srcIp(view, ipAt);
    const dstIp = ipv4.dstIp(view, ipAt);
    const srcPort = view.getUint16(at);
    const dstPort = view.getUint16(at + 2);
    const isSyn = protocol === IpProtocol.tcp && (tcp.flags(view, at) & TcpFlag.syn) !== 0;
    let conn = ipvs.connectionTable.findIn(protocol, srcIp, srcPort, dstIp, dstPort);
    if (conn !== undefined && isSyn && this.#isToBeRescheduled(conn)) {
      if (!this.#expire(frame, conn)) return netfilter.drop(frame, DropReason.IPVS_OLD_CONNTRACK);
      conn = undefined;
    }
    if (conn !== undefined && !conn.dest.isAvailable) {
      if (!ipvs.sysctls.expire_nodest_conn || !this.#expire(frame, conn)) {
        return netfilter.drop(frame, DropReason.IPVS_DEST_UNAVAILABLE);
      }
      conn = undefined;
    }
    if (conn === undefined) {
      const service = ipvs.serviceOf(frame.mark, protocol, dstIp, dstPort);
      if (service === undefined) return frame;
      // Only the beginning of a TCP connection is scheduled.
      if (protocol === IpProtocol.tcp && !isSyn) {
        recorder.step(frame, StepKind.ipvsUnknown, this.#labelOf(service), 0);
        return frame;
      }
      // Active FTP is the real server's to begin.
      if (srcPort === FTP_DATA_PORT) return frame;
      if (this.#isOwnReply(protocol, dstIp, dstPort, srcIp, srcPort, inDevice)) return frame;
      conn = this.#schedule(service, protocol, srcIp, srcPort, dstIp, dstPort);
      if (conn === undefined) return this.#leave(service, frame);
      recorder.step(frame, StepKind.ipvsSchedule, this.#labelOf(service), conn.destIp);
    } else recorder.step(frame, StepKind.ipvsConnection, conn.destIp, stepState(conn));
    ipvs.countIn(conn.dest, ipv4.totalLength(view, ipAt));
    follow(ipvs, conn, false, protocol === IpProtocol.tcp ? tcp.flags(view, at) : 0);
    const passed = transmit(netfilter, frame, conn);
    ipvs.refresh(conn);
    return passed;
  }

  /** A SYN for a connection that there is: whether that is over, and it begins another (is_new_conn_expected). */
  #isToBeRescheduled({ dest, state }: IpVsConn): boolean {
    const { sysctls } = this.#ipvs;
    if (sysctls.expire_nodest_conn && dest.weight === 0) return true;
    return sysctls.conn_reuse_mode !== 0 && (state === IpVsTcpState.timeWait || state === IpVsTcpState.close);
  }

  /** The connection ends. False: with it the packet, whose entry in the connection tracking table was the connection's. */
  #expire(frame: Frame, conn: IpVsConn): boolean {
    const isOld = usesOldConntrack(frame, conn);
    if (!isOld) conn.usesConntrack = false;
    this.#ipvs.expire(conn);
    return !isOld;
  }

  /** "Do not schedule replies from local real server." */
  #isOwnReply(
    protocol: number,
    clientIp: number,
    clientPort: number,
    serverIp: number,
    serverPort: number,
    inDevice: NetDevice | undefined,
  ): boolean {
    if (inDevice !== undefined && inDevice !== this.#netfilter.netns.loopback) return false;
    return this.#ipvs.connectionTable.findIn(protocol, clientIp, clientPort, serverIp, serverPort) !== undefined;
  }

  /** Linux ip_vs_schedule: a new connection, or undefined: there is nobody for it. */
  #schedule(
    service: IpVsService,
    protocol: number,
    clientIp: number,
    clientPort: number,
    virtualIp: number,
    virtualPort: number,
  ): IpVsConn | undefined {
    const ipvs = this.#ipvs;
    const dest = service.schedule();
    if (dest === undefined) return undefined;
    const { conntrack } = ipvs.sysctls;
    const conn = new IpVsConn(protocol, clientIp, clientPort, virtualIp, virtualPort, dest, conntrack);
    ipvs.connectionTable.insert(conn);
    dest.stats.connections++;
    service.stats.connections++;
    ipvs.stats.connections++;
    return conn;
  }

  /** Linux ip_vs_leave: nobody is there. Whatever the protocol, an ICMP error says so. */
  #leave(service: IpVsService, frame: Frame): undefined {
    const { netns } = this.#netfilter;
    netns.node.recorder.step(frame, StepKind.ipvsNoDestination, this.#labelOf(service), 0);
    netns.icmp.error(frame, icmp.IcmpType.destinationUnreachable, icmp.UnreachableCode.port, 0);
    return this.#netfilter.drop(frame, DropReason.IPVS_NO_DESTINATION);
  }

  #labelOf(service: IpVsService): number {
    if (service.label < 0) {
      service.label = this.#netfilter.netns.node.recorder.addLabel(() => service.toString());
    }
    return service.label;
  }
}

/** Linux ip_vs_out: what a real server answers comes from the virtual address. */
class ReplyEntry implements HookEntry {
  readonly #ipvs: IpVs;
  readonly #netfilter: Netfilter;

  constructor(ipvs: IpVs, netfilter: Netfilter) {
    this.#ipvs = ipvs;
    this.#netfilter = netfilter;
  }

  run(
    hook: Hook,
    received: Frame,
    inDevice: NetDevice | undefined,
    outDevice: NetDevice | undefined,
  ): Frame | undefined {
    if (received.ipvsProperty || received.dst === undefined) return received;
    const { netns } = this.#netfilter;
    const { view } = netns.node.frames;
    let frame: Frame | undefined = received;
    let ipAt = frame.start + ethernet.HEADER_LENGTH;
    const protocol = ipv4.protocol(view, ipAt);
    if (protocol === IpProtocol.icmp) {
      const related = relatedReply(this.#ipvs, this.#netfilter, frame, hook);
      return related === Related.taken ? undefined : frame;
    }
    if (protocol !== IpProtocol.tcp && protocol !== IpProtocol.udp) return frame;
    if (ipv4.isFragment(view, ipAt)) {
      // ip_vs_gather_frags: nobody else has put it together here.
      frame = netns.ipv4.fragments.add(frame, inDevice ?? outDevice!, fragmentUserOf(hook));
      if (frame === undefined) return undefined;
      ipAt = frame.start + ethernet.HEADER_LENGTH;
    }
    const at = ipv4.payloadStart(view, ipAt);
    if (at + (protocol === IpProtocol.tcp ? tcp.HEADER_LENGTH : PORTS_LENGTH) > frame.end) return frame;
    const conn = this.#ipvs.connectionTable.findOut(
      protocol,
      ipv4.dstIp(view, ipAt),
      view.getUint16(at + 2),
      ipv4.srcIp(view, ipAt),
      view.getUint16(at),
    );
    if (conn === undefined || conn.forwarding !== "masq") return frame;
    return this.#handle(frame, conn, protocol, hook);
  }

  /** Linux handle_response. */
  #handle(frame: Frame, conn: IpVsConn, protocol: number, hook: Hook): Frame | undefined {
    const ipvs = this.#ipvs;
    const netfilter = this.#netfilter;
    const { frames, recorder } = netfilter.netns.node;
    const { view } = frames;
    if (!frames.own(frame)) return netfilter.drop(frame, DropReason.NOMEM);
    const ipAt = frame.start + ethernet.HEADER_LENGTH;
    const { virtualIp, virtualPort } = conn;
    manipulate(view, ipAt, frame.end, Manip.src, virtualIp, virtualPort, frame.csum === Checksum.partial);
    recorder.step(frame, StepKind.ipvsReply, virtualIp, virtualPort);
    if (!reroute(netfilter, frame, hook)) return undefined;
    ipvs.countOut(conn.dest, ipv4.totalLength(view, ipAt));
    const at = ipv4.payloadStart(view, ipAt);
    follow(ipvs, conn, true, protocol === IpProtocol.tcp ? tcp.flags(view, at) : 0);
    frame.ipvsProperty = true;
    if (conn.usesConntrack) updateConntrack(frame, conn, false);
    else notrack(frame);
    ipvs.refresh(conn);
    return frame;
  }
}

/** Linux ip_vs_forward_icmp: an error on its way to a real server. */
class ForwardIcmpEntry implements HookEntry {
  readonly #ipvs: IpVs;
  readonly #netfilter: Netfilter;

  constructor(ipvs: IpVs, netfilter: Netfilter) {
    this.#ipvs = ipvs;
    this.#netfilter = netfilter;
  }

  run(hook: Hook, frame: Frame): Frame | undefined {
    const { view } = this.#netfilter.netns.node.frames;
    if (ipv4.protocol(view, frame.start + ethernet.HEADER_LENGTH) !== IpProtocol.icmp) return frame;
    const related = relatedRequest(this.#ipvs, this.#netfilter, frame, hook);
    return related === Related.taken ? undefined : frame;
  }
}

/** Linux ip_vs_set_state. */
function follow(ipvs: IpVs, conn: IpVsConn, isReply: boolean, flags: number): void {
  if (conn.protocol === IpProtocol.tcp) {
    followTcp(conn, isReply, flags);
    conn.timeout = ipvs.tcpTimeouts[conn.state]!;
  } else conn.timeout = ipvs.udpTimeout;
}

/** What a step says of a connection's state: UDP has none. */
function stepState(conn: IpVsConn): number {
  return conn.protocol === IpProtocol.tcp ? conn.state : -1;
}

function fragmentUserOf(hook: Hook): FragmentUser {
  switch (hook) {
    case Hook.input:
      return FragmentUser.ipvsIn;
    case Hook.output:
      return FragmentUser.ipvsOut;
    default:
      return FragmentUser.ipvsForward;
  }
}
