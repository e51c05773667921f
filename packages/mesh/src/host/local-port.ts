/** Ports that the kernel chooses for sockets which do not say (net.ipv4.ip_local_port_range). */

const FIRST_LOCAL_PORT = 32_768;
const LAST_LOCAL_PORT = 60_999;
export const LOCAL_PORTS: number = LAST_LOCAL_PORT - FIRST_LOCAL_PORT + 1;

/** The port `offset` steps of `step` behind the first of the range, which is a ring. */
export function localPort(start: number, step: number, offset: number): number {
  return FIRST_LOCAL_PORT + ((start + step * offset) % LOCAL_PORTS);
}
