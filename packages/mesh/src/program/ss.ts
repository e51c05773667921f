/**
 * `ss`: UDP and TCP sockets. Not modelled: families other than IPv4 and IPv6, names of ports (it takes `-n` only), filters, timers, what TCP
 * knows of a connection.
 */
import { socketLines } from "../inspect/print-sockets.ts";
import { type SocketRow, socketsOf } from "../inspect/sockets.ts";
import { type Program, UsageError } from "./program.ts";

const LONG: ReadonlyMap<string, string> = new Map([
  ["--numeric", "n"],
  ["--all", "a"],
  ["--listening", "l"],
  ["--processes", "p"],
  ["--tcp", "t"],
  ["--udp", "u"],
  ["--ipv4", "4"],
  ["--ipv6", "6"],
  ["--no-header", "H"],
]);

export const SS: Program = {
  check(argv) {
    read(argv);
  },
  *main(argv, { environment: { netns }, print }) {
    const letters = read(argv);
    const [tcp, udp] = [letters.has("t"), letters.has("u")];
    const isBoth = tcp === udp;
    const isShown = filterOf(letters);
    const isOfFamily = ({ isInet6 }: SocketRow): boolean =>
      letters.has("4") === letters.has("6") || isInet6 === letters.has("6");
    const rows = socketsOf(netns).filter(
      (row) => isOfFamily(row) && (isBoth || (row.protocol === "tcp") === tcp) && isShown(row),
    );
    const lines = socketLines(rows, {
      header: !letters.has("H"),
      processes: letters.has("p"),
      protocol: isBoth,
      // Of UDP a connected socket has the only state that is shown without -a and -l.
      state: isBoth || tcp || letters.has("a") || letters.has("l"),
    });
    for (const line of lines) print(line);
    return 0;
  },
};

/** Which states are shown: all, those that wait for anybody, or those that do not. */
function filterOf(letters: ReadonlySet<string>): (row: SocketRow) => boolean {
  if (letters.has("a")) return () => true;
  if (letters.has("l")) return ({ state }) => state === "LISTEN" || state === "UNCONN";
  return ({ state }) => !["LISTEN", "UNCONN", "TIME-WAIT", "SYN-RECV"].includes(state);
}

function read(argv: readonly string[]): ReadonlySet<string> {
  const letters = new Set<string>();
  for (const word of argv.slice(1)) {
    const known = LONG.get(word);
    const found = known ?? /^-([nalptu46H]+)$/.exec(word)?.[1];
    if (found === undefined) throw new UsageError(`ss: ${word} is not modelled; there are -n -l -a -t -u -p -4 -6 -H`);
    for (const letter of found) letters.add(letter);
  }
  if (!letters.has("n")) throw new UsageError("ss: names of ports are not modelled: add -n");
  return letters;
}
