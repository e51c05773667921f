/**
 * A real server of a service (Linux struct ip_vs_dest). One that has been deleted is kept as long as connections go to
 * it, and is the same again if it is added again meanwhile (ip_vs_ctl.c, dest_trash).
 *
 * Not modelled: thresholds, tunnels, that the kernel remembers a deleted one's counters for two minutes more.
 */
import type { Dst } from "../host/route.ts";
import type { Netns } from "../netns.ts";
import type { IpVsService } from "./service.ts";
import { IpVsStats } from "./stats.ts";

/** How a packet gets to its real server: NAT (`-m`), direct routing (`-g`), or it is this host. */
export type Forwarding = "masq" | "droute" | "local";

export interface RealServer {
  /** int32. */
  readonly ip: number;
  /** 0: the one that the packet was for. */
  readonly port: number;
  /** 0: nothing new goes there. */
  readonly weight: number;
  readonly forwarding: Forwarding;
}

export class IpVsDest implements RealServer {
  readonly ip: number;
  readonly port: number;
  weight: number;
  forwarding: Forwarding;
  /** False once it has been deleted (IP_VS_DEST_F_AVAILABLE). */
  isAvailable = true;
  /** Connections that are established or about to be, and the others. */
  activeConnections = 0;
  inactiveConnections = 0;
  readonly stats: IpVsStats = new IpVsStats();
  service: IpVsService;
  #way: Dst | undefined = undefined;

  constructor(service: IpVsService, { ip, port, weight, forwarding }: RealServer) {
    this.service = service;
    this.ip = ip;
    this.port = port;
    this.weight = weight;
    this.forwarding = forwarding;
  }

  /** The way to it, kept while it holds (dest_dst, __ip_vs_dst_check); undefined: there is none. */
  way(netns: Netns): Dst | undefined {
    const way = this.#way;
    if (way !== undefined && netns.ipv4.routing.isValid(way)) return way;
    this.#way = netns.ipv4.lookup(this.ip);
    return this.#way;
  }
}
