/** A connection through IPVS (Linux struct ip_vs_conn): who asks for what, and who answers. Addresses are int32. */
import type { Forwarding, IpVsDest } from "./dest.ts";

export class IpVsConn {
  readonly protocol: number;
  readonly clientIp: number;
  readonly clientPort: number;
  readonly virtualIp: number;
  readonly virtualPort: number;
  readonly destIp: number;
  readonly destPort: number;
  readonly dest: IpVsDest;
  /** How it gets there, whatever is changed later. */
  readonly forwarding: Forwarding;
  /** Its entry in the connection tracking table is kept up (IP_VS_CONN_F_NFCT). */
  usesConntrack: boolean;
  /** Counts as inactive (IP_VS_CONN_F_INACTIVE). */
  isInactive = true;
  /** Answers do not come this way (IP_VS_CONN_F_NOOUTPUT). */
  hasNoOutput: boolean;
  /** A state of its protocol. */
  state = 0;
  /** How long it is kept after each packet, and until when. Nanoseconds. */
  timeout = 0;
  expiresAt = 0;
  /** Place in the table, or -1; and the list of those that are kept for as long. */
  place = -1;
  list = -1;
  /** Age among all connections of the table. */
  serial = 0;

  constructor(
    protocol: number,
    clientIp: number,
    clientPort: number,
    virtualIp: number,
    virtualPort: number,
    dest: IpVsDest,
    usesConntrack: boolean,
  ) {
    this.protocol = protocol;
    this.clientIp = clientIp;
    this.clientPort = clientPort;
    this.virtualIp = virtualIp;
    this.virtualPort = virtualPort;
    this.destIp = dest.ip;
    this.destPort = dest.port === 0 ? virtualPort : dest.port;
    this.dest = dest;
    this.forwarding = dest.forwarding;
    this.usesConntrack = usesConntrack;
    this.hasNoOutput = dest.forwarding !== "masq";
    // ip_vs_bind_dest: inactive until its protocol says otherwise.
    dest.inactiveConnections++;
  }

  /** Another state of its protocol, which is an active one or not. */
  enter(state: number, isActive: boolean): void {
    this.state = state;
    if (isActive !== this.isInactive) return;
    const { dest } = this;
    this.isInactive = !isActive;
    dest.activeConnections += isActive ? 1 : -1;
    dest.inactiveConnections += isActive ? -1 : 1;
  }

  /** Linux ip_vs_unbind_dest. */
  unbind(): void {
    if (this.isInactive) this.dest.inactiveConnections--;
    else this.dest.activeConnections--;
  }
}
