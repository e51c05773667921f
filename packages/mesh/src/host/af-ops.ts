/**
 * What differs between IPv4 and IPv6 for the protocols above them (Linux struct inet_connection_sock_af_ops:
 * ipv4_specific, ipv6_specific). A socket has one from its beginning.
 */
import type { NetDevice } from "../device.ts";
import type { Errno } from "../errno.ts";
import type { Frame } from "../frame.ts";
import type { SendError } from "./ip-output.ts";
import type { PmtuDiscovery } from "./ipv4.ts";
import type { Dst } from "./route.ts";

export interface AfOps {
  /** Bytes of a header without options (net_header_len). */
  readonly headerLength: number;
  /** Answers without a socket carry their whole checksum; else a device completes it. */
  readonly completesReplies: boolean;
  isLocal(ip: number): boolean;
  /** The way to `dstIp`, or undefined: {@link whyUnreachable}. */
  lookup(dstIp: number, srcIp?: number, device?: NetDevice): Dst | undefined;
  whyUnreachable(dstIp: number): Errno;
  /** False if something has changed since that decision. */
  isValid(dst: Dst): boolean;
  mtuOf(dst: Dst, now: number): number;
  updatePmtu(dstIp: number, mtu: number): void;
  /** What TCP offers on a path of that MTU (dst_ops.default_advmss). */
  defaultAdvmss(mtu: number): number;
  /** True if a packet with `length` bytes behind its header is too long and may not be cut. */
  refuses(dst: Dst, length: number, pmtuDiscovery: PmtuDiscovery): boolean;
  /**
   * A packet with its header and `length` bytes behind it that are still to be written, or undefined if memory is used up.
   * `identification` and `pmtuDiscovery` are IPv4's, `flowLabel` IPv6's.
   */
  make(
    protocol: number,
    srcIp: number,
    dstIp: number,
    length: number,
    tos: number,
    ttl: number,
    pmtuDiscovery: PmtuDiscovery,
    identification: number | undefined,
    dst: Dst | undefined,
    flowLabel: number,
  ): Frame | undefined;
  pseudoHeader(srcIp: number, dstIp: number, protocol: number, length: number): number;
  /** Sends a packet. Takes the frame, also when it answers with an error. */
  output(frame: Frame, dst?: Dst): SendError;
  /** Tells the sender of `about` that nobody has the port. Leaves the packet alone. */
  portUnreachable(about: Frame): void;
}
