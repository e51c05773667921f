/**
 * `dig` (bind9 9.18): asks a name server, with the EDNS option and the cookie that it always sends.
 *
 * Not modelled: names beyond ASCII, several names at once, TCP (also for what is truncated), DNSSEC, tracing, what a server says in EDNS.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { MAX_LABEL_LENGTH, nameProblem } from "@hopscope/codec/dns-name";
import { DnsClass, type DnsRecord } from "@hopscope/codec/dns-record";
import { Errno } from "../errno.ts";
import { EPOCH_SECONDS } from "../trace/pcapng.ts";
import { type DigOptions, readOptions } from "./dig-options.ts";
import { messageLines } from "./dig-print.ts";
import type { Program, ProgramContext } from "./program.ts";
import { resolve } from "./resolve.ts";
import { candidates, readResolverConfig } from "./resolver-config.ts";

const VERSION = "9.18.49-1~deb12u3-Debian";
/** DEFAULT_EDNS_BUFSIZE, COOKIE_SIZE and the option's code. */
const UDP_SIZE = 1232;
const COOKIE = 10;
const NO_SERVER_STATUS = 9;
const FATAL_STATUS = 10;
const MILLISECOND = 1_000_000;

interface Reply {
  readonly message: dns.Dns;
  readonly length: number;
  readonly server: number;
  readonly tookNs: number;
}

export const DIG: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, context) {
    const options = readOptions(argv);
    const { print, environment } = context;
    const config = readResolverConfig(environment.files.get("/etc/resolv.conf") ?? "");
    let servers = config.nameservers;
    if (options.server !== undefined) {
      const found = yield* resolve(context, options.server, { family: 4 });
      if (!("addresses" in found)) {
        print(`dig: couldn't get address for '${options.server}': not found`);
        return 1;
      }
      servers = found.addresses.slice(0, 1);
    }
    if (nameProblem(options.name) !== undefined) {
      print(`dig: '${options.name}' is not a legal name (${refusalOf(options.name)})`);
      return FATAL_STATUS;
    }
    const searched = options.search ? candidates(options.name, config) : [options.name];
    // With a domain behind it a name may be too long.
    const names = searched.filter((name) => nameProblem(name) === undefined);
    let reply: Reply | undefined;
    for (const name of names) {
      const found = yield* ask(context, options, servers, name);
      if (typeof found === "string") {
        if (found === "silent") {
          if (options.isCommandKept) for (const line of commandLines(argv, options)) print(line);
          print(";; no servers could be reached");
        }
        return NO_SERVER_STATUS;
      }
      reply = found;
      if (found.message.rcode !== dns.DnsRcode.nameError) break;
    }
    if (reply !== undefined) answered(argv, options, reply, context);
    return 0;
  },
};

/** isc_result_totext of what dns_name_fromtext finds. */
function refusalOf(name: string): string {
  const labels = name.split(".");
  if (/[^\x20-\x5b\x5d-\x7e]/.test(name)) return "bad escape";
  if (labels.includes("")) return "empty label";
  return labels.some((label) => label.length > MAX_LABEL_LENGTH) ? "label too long" : "ran out of space";
}

/** What was typed, in front of everything else. */
function commandLines(argv: readonly string[], { server }: DigOptions): string[] {
  return [
    "",
    `; <<>> DiG ${VERSION} <<>> ${argv.slice(1).join(" ")}`,
    ...(server === undefined ? [] : ["; (1 server found)"]),
    ";; global options: +cmd",
  ];
}

function answered(argv: readonly string[], options: DigOptions, reply: Reply, context: ProgramContext): void {
  const { print, process } = context;
  const { shown, isShort, port } = options;
  if (shown.has("cmd") && !isShort) for (const line of commandLines(argv, options)) print(line);
  for (const line of messageLines(reply.message, options)) print(line);
  if (!shown.has("stats") || isShort) return;
  const server = formatIpv4(reply.server);
  print(`;; Query time: ${Math.floor(reply.tookNs / MILLISECOND)} msec`);
  print(`;; SERVER: ${server}#${port}(${server}) (UDP)`);
  print(`;; WHEN: ${dateOf(process.softnet.now)}`);
  print(`;; MSG SIZE  rcvd: ${reply.length}`);
  print("");
}

/** The first answer; "silent": there was none; "setup": the last server could not even be asked. */
function* ask(
  context: ProgramContext,
  options: DigOptions,
  servers: readonly number[],
  name: string,
): Generator<void, Reply | "silent" | "setup", boolean> {
  const query = queryOf(context, options, name);
  let failure: "silent" | "setup" = "silent";
  for (let attempt = 0; attempt < options.tries; attempt++) {
    for (const server of servers) {
      const found = yield* askServer(context, options, server, query);
      if (typeof found === "object") return found;
      const place = `${formatIpv4(server)}#${options.port}`;
      failure = found === Errno.ENETUNREACH ? "setup" : "silent";
      if (failure === "setup") {
        context.print(`;; UDP setup with ${place}(${formatIpv4(server)}) for ${name} failed: network unreachable.`);
        context.print(";; no servers could be reached");
      } else context.print(`;; communications error to ${place}: ${REASONS.get(found) ?? "timed out"}`);
    }
  }
  return failure;
}

/** isc_result_totext */
const REASONS: ReadonlyMap<Errno, string> = new Map([
  [Errno.ECONNREFUSED, "connection refused"],
  [Errno.EHOSTUNREACH, "host unreachable"],
]);

function* askServer(
  { process, environment }: ProgramContext,
  { port, timeoutNs }: DigOptions,
  server: number,
  { id, message }: { readonly id: number; readonly message: Uint8Array },
): Generator<void, Reply | Errno, boolean> {
  const socket = process.own(environment.netns.udp.socket());
  try {
    const error = socket.connect(server, port);
    if (error !== Errno.none) return error;
    const sentAt = process.softnet.now;
    const unsent = socket.send(message);
    if (unsent !== Errno.none) return unsent;
    for (;;) {
      for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
        const decoded = dns.decode(datagram.bytes);
        if (!decoded.ok || !decoded.value.response || decoded.value.id !== id) continue;
        const tookNs = process.softnet.now - sentAt;
        return { message: decoded.value, length: datagram.bytes.length, server, tookNs };
      }
      const failure = socket.takeError();
      if (failure !== Errno.none) return failure;
      if (!(yield* process.poll(sentAt + timeoutNs))) return Errno.none;
    }
  } finally {
    process.close(socket);
  }
}

function queryOf(
  { environment }: ProgramContext,
  { type, recursionDesired, edns, cookie }: DigOptions,
  name: string,
): { readonly id: number; readonly message: Uint8Array } {
  const { random } = environment.netns.node;
  const id = random.int32() & 0xffff;
  const data = new Uint8Array(8).map(() => random.int32() & 0xff);
  const opt: DnsRecord = {
    record: "opt",
    name: ".",
    udpSize: UDP_SIZE,
    extendedRcode: 0,
    version: 0,
    dnssecOk: false,
    reserved: 0,
    options: cookie ? [{ code: COOKIE, data }] : [],
  };
  const message = dns.encode({
    id,
    recursionDesired,
    authenticData: true,
    questions: [{ name, type, class: DnsClass.in }],
    additionals: edns ? [opt] : [],
  });
  return { id, message };
}

/** `Wed Nov 25 20:52:01 UTC 2026` (strftime, %a %b %d %H:%M:%S %Z %Y). */
function dateOf(now: number): string {
  const date = new Date((EPOCH_SECONDS + Math.floor(now / 1e9)) * 1000);
  const [weekday = "", day = "", month = "", year = "", time = ""] = date.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}
