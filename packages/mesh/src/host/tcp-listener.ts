/** A socket that takes connections (Linux net/ipv4/inet_connection_sock.c: inet_csk_listen_start, inet_csk_accept). */
import type { NetDevice } from "../device.ts";
import type { Waiter } from "../program/process.ts";
import { IPV6_ANY, isAnyAddress, isIpv6 } from "./ipv6-address.ts";
import type { Listener } from "./socket.ts";
import type { TcpSocket } from "./tcp-socket.ts";
import type { Tcp } from "./tcp.ts";

export class TcpListener implements Listener {
  waiter: Waiter | undefined = undefined;
  /** 0: any of the host's IPv4 addresses; `IPV6_ANY`: any at all, but for `isIpv6Only`. */
  readonly localIp: number;
  /** IPV6_V6ONLY */
  readonly isIpv6Only: boolean;
  readonly localPort: number;
  readonly device: NetDevice | undefined;
  tos = 0;
  isOpen = true;
  readonly #tcp: Tcp;
  readonly backlog: number;
  readonly #accepted: TcpSocket[] = [];
  /** Connections that are being made. */
  #requests = 0;

  /** `Tcp.listen` makes it. */
  constructor(tcp: Tcp, ip: number, port: number, backlog: number, device: NetDevice | undefined, isIpv6Only: boolean) {
    this.#tcp = tcp;
    this.localIp = ip;
    this.localPort = port;
    this.device = device;
    this.isIpv6Only = isIpv6Only;
    this.backlog = backlog;
  }

  /** An AF_INET6 socket. */
  get isInet6(): boolean {
    return isIpv6(this.localIp);
  }

  /** How exactly it wants what is for that address (compute_score): 0: not at all. */
  score(ip: number): number {
    if (this.localIp === ip) return 4;
    if (this.localIp === 0) return isIpv6(ip) ? 0 : 3;
    if (this.localIp !== IPV6_ANY) return 0;
    return isIpv6(ip) ? 3 : Number(!this.isIpv6Only);
  }

  /** True if both cannot have one port (ipv6_rcv_saddr_equal). */
  conflictsWith(ip: number, isIpv6Only: boolean): boolean {
    const other = this.localIp;
    if (isIpv6(other) !== isIpv6(ip)) {
      const six = isIpv6(ip) ? ip : other;
      return six === IPV6_ANY && !(isIpv6(ip) ? isIpv6Only : this.isIpv6Only);
    }
    return isAnyAddress(other) || isAnyAddress(ip) || other === ip;
  }

  /** Connections that wait to be taken. */
  get acceptable(): number {
    return this.#accepted.length;
  }

  /** Linux sk_acceptq_is_full. */
  get isFull(): boolean {
    return this.#accepted.length > this.backlog;
  }

  /** Linux inet_csk_reqsk_queue_is_full. */
  get isBusy(): boolean {
    return this.#requests >= Math.max(this.backlog, 8);
  }

  accept(): TcpSocket | undefined {
    return this.#accepted.shift();
  }

  /** A connection begins. */
  requested(): void {
    this.#requests++;
  }

  /** One did not come about. */
  forget(): void {
    this.#requests--;
  }

  /** One did. */
  established(socket: TcpSocket): void {
    this.#requests--;
    this.#accepted.push(socket);
  }

  /** Linux inet_csk_listen_stop: who was not accepted is reset. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#tcp.unlisten(this);
    for (const socket of this.#accepted.splice(0)) {
      socket.lingersNot = true;
      socket.close();
    }
  }
}
