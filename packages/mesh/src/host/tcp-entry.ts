/** One of a namespace's connections by its four numbers: a socket, one that is being made, one that is over. */
export abstract class TcpEntry {
  localIp = 0;
  localPort = 0;
  remoteIp = 0;
  remotePort = 0;
  /** Of an AF_INET6 socket, though the connection may be IPv4 (sk_family). */
  isInet6 = false;
  /** The next entry with the same hash. */
  chain: TcpEntry | undefined = undefined;

  /** `ip` and ports are the other side's first, as they stand in a received segment. */
  matches(remoteIp: number, remotePort: number, localIp: number, localPort: number): boolean {
    return (
      this.remoteIp === remoteIp &&
      this.remotePort === remotePort &&
      this.localIp === localIp &&
      this.localPort === localPort
    );
  }
}

/** A key that V8 keeps as a small integer. */
export function connectionHash(remoteIp: number, remotePort: number, localIp: number, localPort: number): number {
  const mixed =
    Math.imul(remoteIp ^ localPort, 0x9e3779b1) ^ Math.imul(localIp ^ (remotePort << 16), 0x85ebca77) ^ remotePort;
  return (mixed ^ (mixed >>> 15)) & 0x3fffffff;
}
