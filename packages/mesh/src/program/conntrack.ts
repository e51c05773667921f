/**
 * `conntrack`: the connection table of the namespace (conntrack-tools). Not modelled: events, updates, other tables,
 * output formats.
 */
import { parseIpv4 } from "@hopscope/codec/address";
import { IpProtocol } from "@hopscope/codec/code-points";
import { formatConntrackTool } from "../netfilter/conntrack-format.ts";
import { type Conntrack, CtStatus } from "../tables/conntrack.ts";
import { type Program, UsageError } from "./program.ts";

const VERSION = "conntrack v1.4.7 (conntrack-tools)";
const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["icmp", IpProtocol.icmp],
  ["tcp", IpProtocol.tcp],
  ["udp", IpProtocol.udp],
]);

type Test = (entry: Conntrack) => boolean;

export const CONNTRACK: Program = {
  check(argv) {
    read(argv);
  },
  *main(argv, { environment: { netns }, print }) {
    const { command, matches } = read(argv);
    const { now } = netns.node.softnet;
    const table = netns.netfilter?.conntrack;
    const found = (table?.list(now) ?? []).filter((entry) => matches(entry));
    if (command === "-C") {
      print(`${found.length}`);
      return 0;
    }
    if (command === "-F") {
      table?.deleteIf(now, () => true);
      print(`${VERSION}: connection tracking table has been emptied.`);
      return 0;
    }
    for (const entry of found) print(formatConntrackTool(entry, now));
    if (command === "-D") for (const entry of found) table?.delete(entry);
    print(`${VERSION}: ${found.length} flow entries have been ${command === "-D" ? "deleted" : "shown"}.`);
    return command === "-D" && found.length === 0 ? 1 : 0;
  },
};

interface Request {
  readonly command: string;
  readonly matches: Test;
}

const COMMANDS: ReadonlyMap<string, string> = new Map([
  ["-L", "-L"],
  ["--dump", "-L"],
  ["-D", "-D"],
  ["--delete", "-D"],
  ["-F", "-F"],
  ["--flush", "-F"],
  ["-C", "-C"],
  ["--count", "-C"],
]);

function read(argv: readonly string[]): Request {
  const words = argv.slice(1);
  let command: string | undefined;
  const tests: Test[] = [];
  while (words.length > 0) {
    const word = words.shift()!;
    const named = COMMANDS.get(word);
    if (named !== undefined) {
      command = named;
      if (words[0] === "conntrack") words.shift();
    } else tests.push(testOf(word, words));
  }
  if (command === undefined) throw new UsageError("conntrack: say what to do: conntrack -L, -D, -F or -C");
  return { command, matches: (entry) => tests.every((test) => test(entry)) };
}

function testOf(option: string, words: string[]): Test {
  switch (option) {
    case "-p":
    case "--proto":
      return protocol(words);
    case "-s":
    case "--src":
    case "--orig-src":
      return address(option, words, (entry) => entry.originalSrcIp);
    case "-d":
    case "--dst":
    case "--orig-dst":
      return address(option, words, (entry) => entry.originalDstIp);
    case "-r":
    case "--reply-src":
      return address(option, words, (entry) => entry.replySrcIp);
    case "-q":
    case "--reply-dst":
      return address(option, words, (entry) => entry.replyDstIp);
    case "--sport":
    case "--orig-port-src":
      return port(option, words, (entry) => entry.originalPorts >>> 16);
    case "--dport":
    case "--orig-port-dst":
      return port(option, words, (entry) => entry.originalPorts & 0xffff);
    case "-n":
    case "--src-nat":
      return (entry) => (entry.status & CtStatus.srcNat) !== 0;
    case "-g":
    case "--dst-nat":
      return (entry) => (entry.status & CtStatus.dstNat) !== 0;
    default:
      throw new UsageError(
        `conntrack: option ${option} is not modelled; there are -p -s -d -r -q --sport --dport -n -g`,
      );
  }
}

function protocol(words: string[]): Test {
  const name = words.shift() ?? "";
  const number = PROTOCOLS.get(name) ?? Number(name);
  if (!Number.isInteger(number) || number < 1 || number > 255) {
    throw new UsageError(`${VERSION}: \`${name}' unsupported protocol`);
  }
  return (entry) => entry.protocol === number;
}

function address(option: string, words: string[], read: (entry: Conntrack) => number): Test {
  const text = words.shift() ?? "";
  const ip = parseIpv4(text);
  if (ip === undefined) throw new UsageError(`${VERSION}: Invalid IP address \`${text}' (${option})`);
  return (entry) => read(entry) === ip;
}

function port(option: string, words: string[], read: (entry: Conntrack) => number): Test {
  const text = words.shift() ?? "";
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 0xffff) throw new UsageError(`${VERSION}: bad port \`${text}' (${option})`);
  return (entry) => read(entry) === number;
}
