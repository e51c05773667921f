/**
 * `dnsd`: a small DNS server for machines outside, with a table of names on its command line. Known names are answered
 * with authority, all others are NXDOMAIN (recordings s06, s09 and s10 have one like it).
 *
 *     dnsd [-i ADDRESS] [-p PORT] [-t TTL] NAME=ADDRESS[,ADDRESS…]…
 *
 * Not modelled: TCP, records other than A, delegation.
 */
import { parseIpv4 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { DnsClass, type DnsRecord, DnsType } from "@hopscope/codec/dns-record";
import { Errno, strerror } from "../errno.ts";
import { type Program, UsageError } from "./program.ts";

const DNS_PORT = 53;
const TTL = 60;
/** From a question to its answer, and from there to that of the next one which is there already. */
const THINKING = 150_000;
const NEXT = 50_000;

interface Options {
  readonly ip: number;
  readonly port: number;
  readonly ttl: number;
  readonly names: ReadonlyMap<string, readonly number[]>;
}

export const DNSD: Program = {
  check(argv) {
    readOptions(argv);
  },
  *main(argv, { environment, process, print }) {
    const options = readOptions(argv);
    const socket = process.own(environment.netns.udp.socket());
    const error = socket.bind(options.ip, options.port);
    if (error !== Errno.none) {
      print(`dnsd: bind: ${strerror(error)}`);
      return 1;
    }
    for (;;) {
      yield* process.poll();
      yield* process.think("dnsd.answer", THINKING);
      let isFirst = true;
      for (let query = socket.receive(); query !== undefined; query = socket.receive()) {
        if (!isFirst) yield* process.think("dnsd.next", NEXT);
        isFirst = false;
        const reply = answerTo(query.bytes, options);
        if (reply !== undefined) socket.sendTo(reply, query.ip, query.port);
      }
    }
  },
};

function readOptions(argv: readonly string[]): Options {
  let ip = 0;
  let port = DNS_PORT;
  let ttl = TTL;
  const names = new Map<string, readonly number[]>();
  const words = argv.slice(1);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (/^-[ipt]$/.test(word)) {
      const value = words.shift() ?? "";
      const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      if (word === "-i") {
        const parsed = parseIpv4(value);
        if (parsed === undefined) throw new UsageError(`dnsd: -i is "${value}", expected an IPv4 address`);
        ip = parsed;
      } else if (!(number > 0 && number <= 65_535))
        throw new UsageError(`dnsd: ${word} is "${value}", expected a number`);
      else if (word === "-p") port = number;
      else ttl = number;
      continue;
    }
    const [name = "", list = ""] = word.split("=");
    const addresses = list.split(",").map((text) => parseIpv4(text));
    if (name === "" || addresses.includes(undefined)) {
      throw new UsageError(`dnsd: "${word}" is not understood; expected NAME=ADDRESS, as ext.lab=192.168.77.100`);
    }
    names.set(
      name.toLowerCase(),
      addresses.filter((address) => address !== undefined),
    );
  }
  return { ip, port, ttl, names };
}

/** Undefined: nothing to say to that. */
function answerTo(bytes: Uint8Array, { names, ttl }: Options): Uint8Array | undefined {
  const decoded = dns.decode(bytes);
  if (!decoded.ok || decoded.value.response) return undefined;
  const { id, recursionDesired, questions } = decoded.value;
  const [question] = questions;
  if (question === undefined) return undefined;
  const addresses = names.get(question.name.toLowerCase());
  const common = { id, response: true, recursionDesired, recursionAvailable: true, questions: [question] };
  if (addresses === undefined) return dns.encode({ ...common, rcode: dns.DnsRcode.nameError });
  const { name } = question;
  const answers: DnsRecord[] =
    question.type === DnsType.a
      ? addresses.map((address) => ({ record: "a", name, class: DnsClass.in, ttl, address }))
      : [];
  return dns.encode({ ...common, authoritative: true, answers });
}
