/**
 * Network address translation of connections (Linux net/netfilter/nf_nat_core.c, nf_nat_setup_info and
 * get_unique_tuple): what the first packet's source or destination is to be, so that no two connections look alike to
 * those that answer. A connection that no rule translates is given itself, or another port if somebody else has its own.
 *
 * Not modelled: `--random`, `--persistent`, helpers, GRE keys.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import type { Random } from "../sim/random.ts";
import { type Conntrack, type ConntrackTable, CtStatus, invertPorts } from "../tables/conntrack.ts";
import { TcpState, TcpTrack } from "./conntrack-tcp.ts";
import { after } from "./conntrack-tcp-window.ts";
import { Manip } from "./nat-manip.ts";
import type { NatRange } from "./rule.ts";

const MAX_ATTEMPTS = 128;
/** With fewer attempts left, connections that are over make room (NF_NAT_HARDER_THRESH). */
const HARDER = MAX_ATTEMPTS / 4;
const MIN_ATTEMPTS = 16;

export class Nat {
  readonly #table: ConntrackTable;
  readonly #random: Random;
  /** The tuple that is looked for: as the packet would look behind this host. */
  #srcIp = 0;
  #dstIp = 0;
  #ports = 0;
  readonly #clock = { now: 0 };

  constructor(table: ConntrackTable, random: Random) {
    this.#table = table;
    this.#random = random;
  }

  /** Linux nf_nat_setup_info: binds an end of the connection to a range. Does nothing to one that is in the table. */
  setup(ct: Conntrack, range: NatRange, manip: Manip, now: number): void {
    if (ct.isConfirmed) return;
    this.#clock.now = now;
    const srcIp = ct.replyDstIp;
    const dstIp = ct.replySrcIp;
    const ports = invertPorts(ct.protocol, ct.replyPorts);
    this.#start(srcIp, dstIp, ports);
    this.#findUnique(ct, range, manip);
    if (this.#srcIp !== srcIp || this.#dstIp !== dstIp || this.#ports !== ports) {
      ct.replySrcIp = this.#dstIp;
      ct.replyDstIp = this.#srcIp;
      ct.replyPorts = invertPorts(ct.protocol, this.#ports);
      ct.status |= manip === Manip.src ? CtStatus.srcNat : CtStatus.dstNat;
    }
    ct.status |= manip === Manip.src ? CtStatus.srcNatDone : CtStatus.dstNatDone;
  }

  /** Linux nf_nat_alloc_null_binding: to its own address, and to its own port if it may. */
  bindToItself(ct: Conntrack, manip: Manip, now: number): void {
    this.setup(ct, { ip: manip === Manip.src ? ct.replyDstIp : ct.replySrcIp }, manip, now);
  }

  #start(srcIp: number, dstIp: number, ports: number): void {
    this.#srcIp = srcIp;
    this.#dstIp = dstIp;
    this.#ports = ports;
  }

  /** Linux get_unique_tuple. */
  #findUnique(ct: Conntrack, range: NatRange, manip: Manip): void {
    const srcIp = this.#srcIp;
    const dstIp = this.#dstIp;
    const ports = this.#ports;
    if (manip === Manip.src) {
      // The same source is mapped to the same, whoever it talks to, if that is free.
      if (isSourceIn(ct.protocol, srcIp, ports, range)) {
        if (!this.#isUsed(ct)) return;
      } else if (this.#takeMappingOf(ct, range) && !this.#isUsed(ct)) return;
    }
    this.#start(srcIp, dstIp, ports);
    this.#chooseAddress(range, manip);
    if (range.port === undefined) {
      if (!this.#isUsed(ct)) return;
    } else if (isPortIn(ct.protocol, this.#ports, range, manip)) {
      if ((range.lastPort ?? range.port) === range.port || !this.#isUsed(ct)) return;
    }
    this.#choosePort(ct, range, manip);
  }

  /** Linux find_appropriate_src. */
  #takeMappingOf(ct: Conntrack, range: NatRange): boolean {
    const mapped = this.#table.findBySource(ct, this.#clock.now, (other) =>
      isSourceIn(ct.protocol, other.replyDstIp, invertPorts(ct.protocol, other.replyPorts), range),
    );
    if (mapped === undefined) return false;
    const ports = invertPorts(ct.protocol, mapped.replyPorts);
    this.#srcIp = mapped.replyDstIp;
    // ICMP's type and code are the destination's part.
    this.#ports = (ports & 0xffff0000) | (this.#ports & 0xffff);
    return true;
  }

  /** Linux find_best_ips_proto: of several addresses one by a hash, so that a client keeps its own. */
  #chooseAddress({ ip, lastIp }: NatRange, manip: Manip): void {
    if (ip === undefined) return;
    let chosen = ip;
    if (lastIp !== undefined && lastIp !== ip) {
      let hash = Math.imul(this.#srcIp, 0x9e3779b1) ^ Math.imul(this.#dstIp, 0x85ebca77);
      hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
      const count = (lastIp >>> 0) - (ip >>> 0) + 1;
      chosen = (ip + Math.floor(((hash >>> 0) / 0x100000000) * count)) | 0;
    }
    if (manip === Manip.src) this.#srcIp = chosen;
    else this.#dstIp = chosen;
  }

  /** Linux nf_nat_l4proto_unique_tuple. */
  #choosePort(ct: Conntrack, range: NatRange, manip: Manip): void {
    const { protocol } = ct;
    const isIcmp = protocol === IpProtocol.icmp;
    if (!isIcmp && protocol !== IpProtocol.tcp && protocol !== IpProtocol.udp && protocol !== IpProtocol.sctp) return;
    let first = range.port;
    let last = range.lastPort ?? range.port;
    if (first === undefined || last === undefined) {
      if (isIcmp) {
        first = 0;
        last = 0xffff;
      } else if (manip === Manip.dst) {
        // A destination's port is never another than was said.
        return;
      } else {
        [first, last] = classOf(this.#ports >>> 16);
      }
    }
    const size = last - first + 1;
    let offset = manip === Manip.src ? this.#random.below(0x10000) : 0;
    let attempts = Math.min(size, MAX_ATTEMPTS);
    for (;;) {
      for (let attempt = 0; attempt < attempts; attempt++, offset++) {
        this.#setPort(isIcmp ? Manip.src : manip, first + ((offset & 0xffff) % size));
        if (!this.#isUsedHarder(ct, attempts - attempt)) return;
      }
      if (attempts >= size || attempts < MIN_ATTEMPTS) return;
      attempts = Math.floor(attempts / 2);
      offset = this.#random.below(0x10000);
    }
  }

  #setPort(manip: Manip, port: number): void {
    const ports = this.#ports;
    this.#ports = manip === Manip.src ? (port << 16) | (ports & 0xffff) : (ports & 0xffff0000) | port;
  }

  /** Linux nf_nat_used_tuple: whether an answer would be taken for another connection's. */
  #isUsed(ct: Conntrack): boolean {
    const ports = invertPorts(ct.protocol, this.#ports);
    return this.#table.isTaken(this.#dstIp, this.#srcIp, ports, ct.protocol, ct, this.#clock);
  }

  /** Linux nf_nat_used_tuple_harder: near the end of its attempts a new TCP connection drives out one that is over. */
  #isUsedHarder(ct: Conntrack, attemptsLeft: number): boolean {
    const track = ct.state;
    if (attemptsLeft > HARDER || !(track instanceof TcpTrack) || track.state !== TcpState.synSent) {
      return this.#isUsed(ct);
    }
    const ports = invertPorts(ct.protocol, this.#ports);
    const found = this.#table.find(this.#dstIp, this.#srcIp, ports, ct.protocol, this.#clock);
    if (found < 0) return false;
    const other = this.#table.at(found);
    const isOriginal = (found & 1) === 0;
    if (isOriginal || !(other.state instanceof TcpTrack) || other.state.state < TcpState.timeWait) return true;
    if ((other.status & CtStatus.srcNat) === 0 || !after(track.original.end, other.state.original.end)) return true;
    this.#table.delete(other);
    return false;
  }
}

/** Linux nf_in_range. */
function isSourceIn(protocol: number, srcIp: number, ports: number, range: NatRange): boolean {
  const { ip, lastIp = ip } = range;
  if (ip !== undefined && (srcIp >>> 0 < ip >>> 0 || srcIp >>> 0 > lastIp! >>> 0)) return false;
  return range.port === undefined || isPortIn(protocol, ports, range, Manip.src);
}

/** Linux l4proto_in_range. */
function isPortIn(protocol: number, ports: number, range: NatRange, manip: Manip): boolean {
  const port = manip === Manip.src || protocol === IpProtocol.icmp ? ports >>> 16 : ports & 0xffff;
  switch (protocol) {
    case IpProtocol.icmp:
    case IpProtocol.tcp:
    case IpProtocol.udp:
    case IpProtocol.sctp:
      return port >= range.port! && port <= (range.lastPort ?? range.port!);
    default:
      return true;
  }
}

/** Ports that mean the same kind of sender: privileged ones stay privileged. */
function classOf(port: number): readonly [first: number, last: number] {
  if (port < 512) return [1, 511];
  return port < 1024 ? [600, 1023] : [1024, 65_535];
}
