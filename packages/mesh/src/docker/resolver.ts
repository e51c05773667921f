/**
 * dockerd's embedded DNS of one container: sockets on 127.0.0.11 in the container's namespace at ports that chance
 * gives, which the namespace's nat rules put behind port 53 (libnetwork resolver.go; resolver_unix.go, setupIPTable).
 * What it does not know goes to the servers outside by a new socket of the same namespace, under the same id.
 *
 * Go reads all queries that are there before it answers, the newest first: each has a goroutine, and the runtime runs the
 * one that was made last first. So A and AAAA that were asked at once are answered in reverse (recordings s09, s10). What
 * comes from outside is passed on in the order in which it came, as its goroutines wait already and come to it sooner than
 * the next arrives; on a machine with several processors, now and then, one is late: `pace dockerd.hear`.
 *
 * Not modelled: TCP; servers outside that are loopback addresses of the node, which are asked from the node's namespace;
 * the limit of 1024 queries under way.
 */
import * as dns from "@hopscope/codec/dns";
import { Cost } from "../costs.ts";
import { Errno, strerror } from "../errno.ts";
import type { Datagram } from "../host/socket.ts";
import type { UdpSocket } from "../host/udp-socket.ts";
import { Process, Signal, type Waiter } from "../program/process.ts";
import type { Environment } from "../program/program.ts";
import { answer, failure } from "./dns-answer.ts";
import type { ContainerNames } from "./names.ts";

/** 127.0.0.11 */
const RESOLVER_IP = 0x7f00000b;
const DNS_PORT = 53;
/** resolver.go, extIOTimeout and maxExtDNS. */
const TIMEOUT = 4_000_000_000;
const MAX_SERVERS = 3;
/** From a datagram to what dockerd does about it: recordings have 70 to 200 microseconds. */
const REACTION = 80_000;
/** From a reply from outside to its passing on, beside the wake-up: recordings have 26 to 130 microseconds, most 50. */
const HEARING = 20_000;
/** To open a socket in the container's namespace and ask with it: recordings have 150 to 300. */
const DIALING = 150_000;

export interface ResolverOptions {
  /** The namespace that it listens in. */
  readonly environment: Environment;
  /** Default: one that is free. */
  readonly udpPort?: number;
  readonly names: ContainerNames;
  /** Servers outside, int32: `--dns`, or those of the node's own resolv.conf. */
  readonly servers: () => readonly number[];
  /**
   * What different releases do. Since 24.0 the asker hears SERVFAIL if nobody outside has answered, before nothing; up to
   * 20.10 a "no such name" that is not authoritative is asked of the next server, too.
   */
  readonly failsAloud?: boolean;
  readonly doubtsNameErrors?: boolean;
}

/** A query that somebody outside has to answer. */
interface Forward {
  readonly query: Datagram;
  socket: UdpSocket | undefined;
  server: number;
  deadline: number;
  /** What was heard last, in case nobody knows better. */
  last: Uint8Array | undefined;
}

/** Whose socket it is. Which number a machine's dockerd has is arbitrary. */
export const DOCKERD: { readonly name: string; readonly tgid: number } = { name: "dockerd", tgid: 1000 };

export class Resolver implements Waiter {
  readonly name: string = DOCKERD.name;
  readonly tgid: number = DOCKERD.tgid;
  readonly #options: ResolverOptions;
  readonly #socket: UdpSocket;
  /** Started by the first query: most containers ask nothing. */
  #process: Process | undefined = undefined;
  /** The oldest first. */
  #forwards: Forward[] = [];

  /** Listens; its port is known from now on. */
  constructor(options: ResolverOptions) {
    this.#options = options;
    const { netns } = options.environment;
    this.#socket = netns.udp.socket();
    const error = this.#socket.bind(RESOLVER_IP, options.udpPort ?? 0);
    if (error !== Errno.none) throw new Error(`resolver in ${netns.name}: ${strerror(error)}`);
    this.#socket.waiter = this;
  }

  /** The first query is here. */
  wakeUp(): void {
    const process = new Process(this.#options.environment);
    Object.assign(process, DOCKERD);
    this.#process = process;
    process.own(this.#socket);
    process.start(this.#main(process), process.softnet.now + Cost.wakeUp);
  }

  /** Where queries are to be sent: DNAT to this, SNAT from this to 53. */
  get udpPort(): number {
    return this.#socket.localPort;
  }

  /** The container is gone, or the last network that had names. */
  stop(): void {
    if (this.#process === undefined) this.#socket.close();
    else this.#process.kill(Signal.kill);
  }

  *#main(process: Process): Generator<void, number, boolean> {
    for (;;) {
      const queries: Datagram[] = [];
      for (let query = this.#socket.receive(); query !== undefined; query = this.#socket.receive()) queries.push(query);
      yield* queries.length > 0 ? process.think("dockerd.dns", REACTION) : process.think("dockerd.hear", HEARING);
      for (const query of queries.toReversed()) yield* this.#serve(query, process);
      this.#collect(process);
      while (!(yield* process.poll(this.#deadline()))) this.#expire(process);
    }
  }

  /** When the first of those that are waited for is late. */
  #deadline(): number {
    return Math.min(...this.#forwards.map((forward) => forward.deadline));
  }

  *#serve(query: Datagram, process: Process): Generator<void, void, boolean> {
    const { environment, names } = this.#options;
    const { chance } = environment.mesh;
    const verdict = answer(query.bytes, names, "udp", (name, addresses) => chance.order(name, addresses));
    if (verdict.kind === "answer") this.#socket.sendTo(verdict.message, query.ip, query.port);
    else if (verdict.kind === "forward") {
      yield* process.think("dockerd.dial", DIALING);
      this.#forward(query, process);
    }
  }

  #forward(query: Datagram, process: Process): void {
    const forward: Forward = { query, socket: undefined, server: -1, deadline: 0, last: undefined };
    this.#forwards.push(forward);
    this.#tryNext(forward, process);
  }

  /** Asks the next server outside; if there is none, that is the end of it. */
  #tryNext(forward: Forward, process: Process): void {
    const servers = this.#options.servers().slice(0, MAX_SERVERS);
    for (forward.server++; forward.server < servers.length; forward.server++) {
      if (forward.socket !== undefined) process.close(forward.socket);
      const socket = process.own(this.#options.environment.netns.udp.socket());
      forward.socket = socket;
      if (socket.connect(servers[forward.server]!, DNS_PORT) !== Errno.none) continue;
      if (socket.send(forward.query.bytes) !== Errno.none) continue;
      forward.deadline = process.softnet.now + TIMEOUT;
      return;
    }
    const { failsAloud = true } = this.#options;
    this.#finish(forward, forward.last ?? (failsAloud ? failure(forward.query.bytes) : undefined), process);
  }

  #finish(forward: Forward, message: Uint8Array | undefined, process: Process): void {
    this.#forwards = this.#forwards.filter((each) => each !== forward);
    if (forward.socket !== undefined) process.close(forward.socket);
    if (message !== undefined) this.#socket.sendTo(message, forward.query.ip, forward.query.port);
  }

  /** Looks what has come from outside, for the newest first. */
  #collect(process: Process): void {
    for (const forward of this.#forwards.toReversed()) {
      const reply = forward.socket?.receive();
      if (reply !== undefined) this.#heard(forward, reply.bytes, process);
      else if (forward.socket !== undefined && forward.socket.takeError() !== Errno.none)
        this.#tryNext(forward, process);
    }
  }

  #heard(forward: Forward, message: Uint8Array, process: Process): void {
    const query = new DataView(forward.query.bytes.buffer, forward.query.bytes.byteOffset);
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    // Not what was asked for: as if it had not come.
    if (message.length < dns.HEADER_LENGTH || dns.id(view, 0) !== dns.id(query, 0)) return;
    const rcode = dns.rcode(view, 0);
    if (rcode === dns.DnsRcode.noError) return this.#finish(forward, message, process);
    if (rcode === dns.DnsRcode.nameError) {
      const isFinal = !(this.#options.doubtsNameErrors ?? false) || dns.authoritative(view, 0);
      if (isFinal) return this.#finish(forward, message, process);
      forward.last = message;
    }
    this.#tryNext(forward, process);
  }

  /** Servers that have not answered in time. */
  #expire(process: Process): void {
    const { now } = process.softnet;
    for (const forward of this.#forwards.filter(({ deadline }) => deadline <= now)) this.#tryNext(forward, process);
  }
}
