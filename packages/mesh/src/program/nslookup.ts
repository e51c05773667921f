/**
 * busybox' `nslookup` (networking/nslookup.c with FEATURE_NSLOOKUP_BIG): asks A and AAAA, or PTR for an address, and
 * prints answers as they come. Recordings s09 and s10 show questions and output.
 *
 * Not modelled: `-debug`, names beyond ASCII, records other than those of {@link TYPES}.
 */
import { formatIpv4, formatIpv6, parseIpv4 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { nameProblem, reverseName } from "@hopscope/codec/dns-name";
import { DnsClass, type DnsRecord, DnsType } from "@hopscope/codec/dns-record";
import { Errno, strerror } from "../errno.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { readResolverConfig } from "./resolver-config.ts";
import { resolve } from "./resolve.ts";

const SECOND = 1_000_000_000;

const TYPES: ReadonlyMap<string, number> = new Map(
  (["soa", "ns", "a", "aaaa", "cname", "mx", "txt", "srv", "ptr", "any"] as const).map((name) => [name, DnsType[name]]),
);

/** nslookup.c, rcodes[]. */
const RCODES: readonly string[] = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
  "YXDOMAIN",
  "YXRRSET",
  "NXRRSET",
  "NOTAUTH",
  "NOTZONE",
  "11",
  "12",
  "13",
  "14",
  "15",
];

interface Options {
  readonly host: string;
  readonly server: string | undefined;
  readonly types: readonly number[];
  readonly port: number;
  readonly timeoutNs: number;
  readonly retries: number;
}

interface Query {
  readonly name: string;
  readonly id: number;
  /** Undefined: DNS has no such names. */
  readonly message: Uint8Array | undefined;
  isAnswered: boolean;
}

export const NSLOOKUP: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    const queries = makeQueries(options, context);
    const servers = yield* serversOf(options, context);
    if (servers === undefined) {
      context.print(`nslookup: bad address '${options.server}'`);
      return 1;
    }
    const lookup = new Lookup(context, options, queries);
    for (const server of servers) {
      if (yield* lookup.ask(server)) return lookup.status;
    }
    context.print(";; connection timed out; no servers could be reached");
    context.print("");
    return 1;
  },
};

function readOptions(argv: readonly string[]): Options {
  const words: string[] = [];
  const types: number[] = [];
  let port = 53;
  let timeoutNs = 5 * SECOND;
  let retries = 2;
  for (const word of argv.slice(1)) {
    const option = /^-(type|querytype|port|retry|timeout)=(.+)$/.exec(word);
    if (option !== null) {
      const [, name, value = ""] = option;
      const number = Number(value);
      if (name === "type" || name === "querytype") {
        const type = TYPES.get(value.toLowerCase());
        if (type === undefined) throw new UsageError(`nslookup: invalid query type "${value}"`);
        types.push(type);
      } else if (!Number.isInteger(number) || number < 1 || number > 65_535) {
        throw new UsageError(`nslookup: -${name} is "${value}", expected a number`);
      } else if (name === "port") port = number;
      else if (name === "retry") retries = number;
      else timeoutNs = number * SECOND;
    } else if (word.startsWith("-")) {
      throw new UsageError(`nslookup: option ${word} is not modelled; there are -type= -port= -retry= -timeout=`);
    } else words.push(word);
  }
  const [host, server, ...more] = words;
  if (host === undefined || more.length > 0) {
    throw new UsageError("nslookup: one name is expected, and behind it perhaps a server: nslookup web 127.0.0.11");
  }
  return { host, server, types, port, timeoutNs, retries };
}

function makeQueries({ host, types }: Options, { environment }: ProgramContext): Query[] {
  const ip = parseIpv4(host);
  const isReverse = ip !== undefined && types.length === 0;
  const name = isReverse ? reverseName(ip) : host.replace(/\.$/, "");
  const asked = isReverse ? [DnsType.ptr] : types.length > 0 ? types : [DnsType.a, DnsType.aaaa];
  return asked.map((type) => {
    const id = environment.netns.node.random.int32() & 0xffff;
    const questions = [{ name, type, class: DnsClass.in }];
    const message = nameProblem(name) === undefined ? dns.encode({ id, recursionDesired: true, questions }) : undefined;
    return { name, id, message, isAnswered: false };
  });
}

/** Those of `/etc/resolv.conf`, or the one that was named; undefined: that has no address. */
function* serversOf(
  { server }: Options,
  context: ProgramContext,
): Generator<void, readonly number[] | undefined, boolean> {
  if (server !== undefined) {
    const found = yield* resolve(context, server, { family: 4 });
    return "addresses" in found ? found.addresses.slice(0, 1) : undefined;
  }
  return readResolverConfig(context.environment.files.get("/etc/resolv.conf") ?? "").nameservers;
}

class Lookup {
  status = 0;
  readonly #context: ProgramContext;
  readonly #options: Options;
  readonly #queries: readonly Query[];
  /** The server's address is printed above its first answer. */
  #hasHeader = false;

  constructor(context: ProgramContext, options: Options, queries: readonly Query[]) {
    this.#context = context;
    this.#options = options;
    this.#queries = queries;
  }

  /** send_queries: true if the server has answered something, and that is the end. */
  *ask(server: number): Generator<void, boolean, boolean> {
    const { process, print, environment } = this.#context;
    const { port, timeoutNs, retries } = this.#options;
    const name = formatIpv4(server);
    this.#hasHeader = false;
    const socket = process.own(environment.netns.udp.socket());
    try {
      const error = socket.connect(server, port);
      if (error !== Errno.none) {
        print(`nslookup: can't connect to remote host (${name}): ${strerror(error)}`);
        this.status = 1;
        return true;
      }
      const startedAt = process.softnet.now;
      let replies = 0;
      let sentAt = Number.NEGATIVE_INFINITY;
      while (process.softnet.now - startedAt < timeoutNs) {
        if (process.softnet.now - sentAt >= timeoutNs / retries) {
          sentAt = process.softnet.now;
          const error = yield* this.#send(socket);
          if (error !== Errno.none) {
            print(`nslookup: write to '${name}': ${strerror(error)}`);
            return false;
          }
        }
        const isWoken = yield* process.poll(sentAt + timeoutNs / retries);
        if (!isWoken) continue;
        const failed = socket.takeError();
        if (failed !== Errno.none) print(`nslookup: read: ${strerror(failed)}`);
        for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
          if (this.#answered(datagram.bytes, name)) replies++;
          if (replies === this.#queries.length) return true;
        }
      }
      return replies > 0;
    } finally {
      process.close(socket);
    }
  }

  *#send(socket: { send(bytes: Uint8Array): Errno }): Generator<void, Errno, boolean> {
    let isFirst = true;
    for (const query of this.#queries) {
      if (query.isAnswered) continue;
      if (!isFirst) yield* this.#context.process.think("nslookup.second", 0);
      isFirst = false;
      // It writes the -1 bytes that res_mkquery has answered.
      const error = query.message === undefined ? Errno.EMSGSIZE : socket.send(query.message);
      if (error !== Errno.none) return error;
    }
    return Errno.none;
  }

  /** True if the datagram answers a query that has not been answered. */
  #answered(bytes: Uint8Array, server: string): boolean {
    const { print } = this.#context;
    if (!this.#hasHeader) {
      this.#hasHeader = true;
      print(`Server:\t\t${server}`);
      print(`Address:\t${server}:${this.#options.port}`);
      print("");
    }
    if (bytes.length < dns.HEADER_LENGTH) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const query = this.#queries.find(({ id }) => id === dns.id(view, 0));
    if (query === undefined || query.isAnswered) return false;
    query.isAnswered = true;
    const rcode = dns.rcode(view, 0);
    const decoded = dns.decode(bytes);
    if (rcode !== dns.DnsRcode.noError) {
      print(`** server can't find ${query.name}: ${RCODES[rcode]!}`);
      this.status = 1;
    } else {
      if (!dns.authoritative(view, 0)) print("Non-authoritative answer:");
      if (decoded.ok) for (const record of decoded.value.answers) for (const line of recordLines(record)) print(line);
      else {
        print(`*** Can't find ${query.name}: Parse error`);
        this.status = 1;
      }
    }
    print("");
    return true;
  }
}

/** parse_reply */
function recordLines(record: DnsRecord): string[] {
  switch (record.record) {
    case "a":
      return [`Name:\t${record.name}`, `Address: ${formatIpv4(record.address)}`];
    case "aaaa":
      return [`Name:\t${record.name}`, `Address: ${formatIpv6(record.address)}`];
    case "ns":
      return [`${record.name}\tnameserver = ${record.target}`];
    case "cname":
      return [`${record.name}\tcanonical name = ${record.target}`];
    case "ptr":
      return [`${record.name}\tname = ${record.target}`];
    case "mx":
      return [`${record.name}\tmail exchanger = ${record.preference} ${record.exchange}`];
    case "txt":
      return [`${record.name}\ttext = "${record.strings.map((each) => String.fromCharCode(...each)).join("")}"`];
    case "srv":
      return [`${record.name}\tservice = ${record.priority} ${record.weight} ${record.port} ${record.target}`];
    default:
      return [];
  }
}
