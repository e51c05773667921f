/**
 * Sockets that dockerd holds on published ports (libnetwork service_linux.go, plumbProxy): so long as the node's rules lead
 * past them nothing gets there. Without the rules connections come about, and nobody ever answers; at ::1, which no rule of
 * Docker's leads elsewhere, they always do.
 */
import { IPV6_ANY } from "../host/ipv6-address.ts";
import { TcpListener } from "../host/tcp-listener.ts";
import { Errno } from "../errno.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import type { Node } from "../node.ts";
import type { ListenerChange } from "../swarm/request.ts";
import { DOCKERD as OWNER } from "./resolver.ts";

/** net.core.somaxconn, which Go asks for. */
const BACKLOG = 4096;
/** Who holds them, and never looks at them. */
const DOCKERD = { ...OWNER, wakeUp(): void {} };

export class Placeholders {
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #sockets = new Map<string, TcpListener | UdpSocket>();

  constructor(nodes: ReadonlyMap<string, Node>) {
    this.#nodes = nodes;
  }

  change({ kind, node, protocol, port }: ListenerChange): void {
    const key = `${node} ${protocol}/${port}`;
    if (kind === "listener-delete") {
      this.#sockets.get(key)?.close();
      this.#sockets.delete(key);
      return;
    }
    const netns = this.#nodes.get(node)?.host;
    if (netns === undefined || this.#sockets.has(key)) return;
    if (protocol === "tcp") {
      const listener = netns.tcp.listen(IPV6_ANY, port, BACKLOG);
      // Somebody has the port: dockerd writes a line into its log, and the rules lead past that one, too.
      if (!(listener instanceof TcpListener)) return;
      listener.waiter = DOCKERD;
      this.#sockets.set(key, listener);
      return;
    }
    const socket = netns.udp.socket();
    socket.waiter = DOCKERD;
    if (socket.bind(IPV6_ANY, port) === Errno.none) this.#sockets.set(key, socket);
    else socket.close();
  }
}
