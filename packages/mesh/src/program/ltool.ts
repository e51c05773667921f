/**
 * `ltool`: the small C program of the recordings q1 to q8, with its output: servers that say who asked them at which
 * address, and clients that show it.
 *
 *     ltool udps PORT                     answers datagrams (ltool-udp.ts)
 *     ltool udpc HOST PORT SPORT N GAPms  sends N, and waits for each answer
 *     ltool tcps PORT                     says who came, then repeats what it is told (ltool-tcp.ts)
 *     ltool tcpc HOST PORT N GAPms        N lines there and back
 *     ltool get HOST PORT PATH            an HTTP request, what came back in one line
 *     ltool res NAME                      the addresses of a name
 *     ltool ttl HOST PORT TTL             connects with that TTL; a line of Python in recording q8, with what Python says
 */
import { formatIpv4 } from "@hopscope/codec/address";
import { integerOption, portOption } from "./getopt.ts";
import { connectWithTtl, get, tcpClient, tcpServer } from "./ltool-tcp.ts";
import { udpClient, udpServer } from "./ltool-udp.ts";
import { type Program, type ProgramContext, UsageError } from "./program.ts";
import { resolve, RESOLVE_ERRORS } from "./resolve.ts";

const MILLISECOND = 1_000_000;
const MOST = 1_000_000;

type Run = (context: ProgramContext) => Generator<void, number, boolean>;

export const LTOOL: Program = {
  check(argv) {
    readCommand(argv);
  },
  *main(argv, context) {
    return yield* readCommand(argv)(context);
  },
};

const VERBS: ReadonlyMap<string, { readonly words: number; readonly read: (words: readonly string[]) => Run }> =
  new Map([
    ["udps", { words: 1, read: ([port]) => udpServer(portOf(port)) }],
    [
      "udpc",
      {
        words: 5,
        read: ([host, port, source, count, gap]) =>
          udpClient(host!, portOf(port), portOf(source), countOf("N", count), countOf("GAPms", gap) * MILLISECOND),
      },
    ],
    ["tcps", { words: 1, read: ([port]) => tcpServer(portOf(port)) }],
    [
      "tcpc",
      {
        words: 4,
        read: ([host, port, count, gap]) =>
          tcpClient(host!, portOf(port), countOf("N", count), countOf("GAPms", gap) * MILLISECOND),
      },
    ],
    ["get", { words: 3, read: ([host, port, path]) => get(host!, portOf(port), path!) }],
    ["res", { words: 1, read: ([name]) => addressesOf(name!) }],
    [
      "ttl",
      {
        words: 3,
        read: ([host, port, ttl]) => connectWithTtl(host!, portOf(port), integerOption("ltool", "TTL", ttl!, 1, 255)),
      },
    ],
  ]);

function readCommand(argv: readonly string[]): Run {
  const [, name = "", ...words] = argv;
  const verb = VERBS.get(name);
  if (verb === undefined)
    throw new UsageError(`ltool: "${name}" is not understood; there are ${[...VERBS.keys()].join(", ")}`);
  if (words.length !== verb.words)
    throw new UsageError(`ltool: ${name} takes ${verb.words} words, found ${words.length}`);
  return verb.read(words);
}

function portOf(text: string | undefined): number {
  return portOption("ltool", text ?? "");
}

function countOf(name: string, text: string | undefined): number {
  return integerOption("ltool", name, text ?? "", 0, MOST);
}

function addressesOf(name: string): Run {
  return function* (context) {
    const found = yield* resolve(context, name, { family: 4 });
    if ("error" in found) {
      context.print(`${name}: ${RESOLVE_ERRORS[found.error]}`);
      return 1;
    }
    context.print(`${name}: ${found.addresses.map((ip) => formatIpv4(ip)).join(" ")}`);
    return 0;
  };
}
