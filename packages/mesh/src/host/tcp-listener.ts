/** A socket that takes connections (Linux net/ipv4/inet_connection_sock.c: inet_csk_listen_start, inet_csk_accept). */
import type { NetDevice } from "../device.ts";
import type { Waiter } from "../program/process.ts";
import type { Listener } from "./socket.ts";
import type { TcpSocket } from "./tcp-socket.ts";
import type { Tcp } from "./tcp.ts";

export class TcpListener implements Listener {
  waiter: Waiter | undefined = undefined;
  /** 0: any of the host's. */
  readonly localIp: number;
  readonly localPort: number;
  readonly device: NetDevice | undefined;
  tos = 0;
  isOpen = true;
  readonly #tcp: Tcp;
  readonly backlog: number;
  readonly #accepted: TcpSocket[] = [];
  /** Connections that are being made. */
  #requests = 0;

  /** {@link Tcp.listen} makes it. */
  constructor(tcp: Tcp, ip: number, port: number, backlog: number, device: NetDevice | undefined) {
    this.#tcp = tcp;
    this.localIp = ip;
    this.localPort = port;
    this.device = device;
    this.backlog = backlog;
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
