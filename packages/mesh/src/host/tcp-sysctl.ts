/** A namespace's settings (net.ipv4.tcp_…), as a kernel of the recordings has them. */
export interface TcpSysctl {
  timestamps: boolean;
  sack: boolean;
  windowScaling: boolean;
  /** SYNs and SYN+ACKs that are sent again until it is given up. */
  synRetries: number;
  synAckRetries: number;
  /** SYNs that are sent a second apart before the time doubles: 4 since Linux 6.5, before that 0 (1, 3, 7 s …). */
  synLinearTimeouts: number;
  /** Retransmissions until a connection is given up, in doublings of the least timeout. */
  retries2: number;
  /** The receive buffer that a connection begins with, and the most it may have, which decides about the window's scale. */
  rmemDefault: number;
  rmemMax: number;
  wmemMax: number;
}

export const tcpSysctl: Readonly<TcpSysctl> = {
  timestamps: true,
  sack: true,
  windowScaling: true,
  synRetries: 6,
  synAckRetries: 5,
  synLinearTimeouts: 4,
  retries2: 15,
  rmemDefault: 131_072,
  rmemMax: 33_554_432,
  wmemMax: 4_194_304,
};
