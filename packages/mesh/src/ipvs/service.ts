/**
 * A virtual service (Linux struct ip_vs_service): what is balanced, and between whom.
 *
 * Not modelled: schedulers other than round robin, persistence (`-p`), one-packet scheduling, persistence engines.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { IpVsDest, type RealServer } from "./dest.ts";
import { RoundRobin } from "./ip-vs-rr.ts";
import { IpVsStats } from "./stats.ts";

/** What a service is known by: the packets' mark, or what they are sent to. Addresses are int32. */
export type VirtualAddress =
  | { readonly fwmark: number }
  | { readonly protocol: "tcp" | "udp"; readonly ip: number; readonly port: number };

export type Scheduler = "rr";

export class IpVsService {
  readonly at: VirtualAddress;
  readonly scheduler: Scheduler;
  readonly stats: IpVsStats = new IpVsStats();
  /** Number of its words among the recorder's labels, or -1. */
  label = -1;
  readonly #roundRobin: RoundRobin = new RoundRobin();
  /** The last that was added is the first. */
  readonly #destinations: IpVsDest[] = [];

  constructor(at: VirtualAddress, scheduler: Scheduler) {
    this.at = at;
    this.scheduler = scheduler;
  }

  get destinations(): readonly IpVsDest[] {
    return this.#destinations;
  }

  find(ip: number, port: number): IpVsDest | undefined {
    return this.#destinations.find((dest) => dest.ip === ip && dest.port === port);
  }

  /** `known`: one that was deleted while connections went to it, and is added again. */
  add(server: RealServer, known: IpVsDest | undefined): void {
    if (known === undefined) {
      this.#destinations.unshift(new IpVsDest(this, server));
      return;
    }
    known.isAvailable = true;
    known.weight = server.weight;
    known.forwarding = server.forwarding;
    this.#destinations.unshift(known);
  }

  /** Linux __ip_vs_unlink_dest. */
  delete(dest: IpVsDest): void {
    const index = this.#destinations.indexOf(dest);
    this.#destinations.splice(index, 1);
    dest.isAvailable = false;
    this.#roundRobin.destinationIsGone(dest, this.#destinations[index - 1]);
  }

  /** Where the next connection goes; undefined: nowhere. */
  schedule(): IpVsDest | undefined {
    return this.#roundRobin.schedule(this.#destinations);
  }

  startBehind(dest: IpVsDest): void {
    this.#roundRobin.startBehind(dest);
  }

  /** `fwmark 258 rr`, `tcp 10.0.0.2:80 rr` */
  toString(): string {
    return `${formatVirtualAddress(this.at)} ${this.scheduler}`;
  }
}

function formatVirtualAddress(at: VirtualAddress): string {
  return "fwmark" in at ? `fwmark ${at.fwmark}` : `${at.protocol} ${formatIpv4(at.ip)}:${at.port}`;
}

export function isSameAddress(a: VirtualAddress, b: VirtualAddress): boolean {
  if ("fwmark" in a) return "fwmark" in b && a.fwmark === b.fwmark;
  return !("fwmark" in b) && a.protocol === b.protocol && a.ip === b.ip && a.port === b.port;
}
