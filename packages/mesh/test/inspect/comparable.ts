/** What two namespaces that have seen the same have in common, of what tools print of them as JSON. */

export type Row = Readonly<Record<string, unknown>>;

/** By command: `ip -d -j link` and so on. */
export type Dump = Readonly<Record<string, readonly Row[]>>;

/** Numbers that count what else the machine has had, and times. */
const ARBITRARY =
  /^(ifindex|link_index|link|link_netnsid|linkNetNsId|.*_timer|used|updated|confirmed|probes|refcnt|txqlen)$/;
/** How a machine's eth0 is: recorded nodes have a veth for it. */
const OF_HARDWARE = /^(qdisc|linkinfo|num_.x_queues|tso_max_size)$/;
/** What the recorder did not keep of `ip -j addr`. */
const NOT_RECORDED = /^(qdisc|group|link_type|broadcast)$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
/** Addresses that follow from an IPv4 address, are a group's, or were given to a machine. */
const MEANT_MAC = /^(02:42:0a|02:42:ac|52:54:00|33:33|01:00:5e|00:00:00|ff:ff:ff)/;
/** Seconds. A neighbor that was not asked for since then is of what happened before the recording. */
const LONG_AGO = 60;
/** IPv6: groups of the addresses that an interface gives itself. */
const SOLICITED_NODE = /^33:33:ff/;

/**
 * Lines that are equal exactly if the state is. Of a machine itself neither neighbors nor learned stations: they are of
 * what the swarm's managers and workers say to each other, too.
 */
export function comparable(dump: Dump, isMachine: boolean): string[] {
  const names = namesOf(dump["ip -d -j link"] ?? []);
  return Object.entries(dump).flatMap(([command, rows]) => {
    const isTable = command.includes("neigh") || command.includes("fdb");
    const lines = rows
      .filter((row) => !SOLICITED_NODE.test(String(row["mac"])))
      .filter((row) => !isMachine || !isTable || row["state"] === "permanent")
      .filter(({ used = 0, state }) => Number(used) < LONG_AGO || !JSON.stringify(state).includes("STALE"))
      .map((row) => `${command}: ${JSON.stringify(plain(row, { command, names, isMachine }))}`);
    // Order of a hash table, or of interface numbers.
    return isTable || isMachine ? lines.toSorted() : lines;
  });
}

/**
 * Without the addresses that a bridge of one of the two has learned and none of the other has: when that was, and
 * whether they have aged, is of what happened before.
 */
export function withoutForgotten(lines: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others.map(learned));
  return lines.filter((line) => learned(line) === undefined || known.has(learned(line)));
}

function learned(line: string): string | undefined {
  return /^bridge -j fdb: \{"mac":"([^"]+)".*"state":""\}$/.exec(line)?.[1];
}

/** `veth1a2b3c4` is `veth-1` if it is the first such. */
function namesOf(links: readonly Row[]): ReadonlyMap<string, string> {
  const random = links.map(({ ifname }) => String(ifname)).filter((name) => /^veth[0-9a-f]{7}$/.test(name));
  return new Map(random.map((name, index) => [name, `veth-${index + 1}`]));
}

interface Place {
  readonly command: string;
  readonly names: ReadonlyMap<string, string>;
  readonly isMachine: boolean;
}

function plain(row: Row, place: Place): unknown {
  const { command, names, isMachine } = place;
  const isHardware = isMachine && row["ifname"] === "eth0";
  // A bridge keeps the limits of devices that it has had.
  const isBridge = (row["linkinfo"] as Row | undefined)?.["info_kind"] === "bridge";
  return JSON.parse(JSON.stringify(row), function (this: object, key: string, value: unknown) {
    if (ARBITRARY.test(key) || (isHardware && OF_HARDWARE.test(key))) return undefined;
    if (isBridge && isMachine && key === "tso_max_size") return undefined;
    if (command === "ip -j addr" && NOT_RECORDED.test(key) && "ifname" in this) return undefined;
    // Of IPv6 there is ::1 alone.
    if (Array.isArray(value))
      return value.filter((each) => (each as Row | null)?.["family"] !== "inet6" || each.local === "::1");
    // Age alone makes the one of the other.
    if (command === "ip -j neigh" && /^(REACHABLE|STALE|DELAY|PROBE)$/.test(String(value))) return "known";
    if (typeof value !== "string") return value;
    if (MAC.test(value) && !MEANT_MAC.test(value)) return "random";
    return names.get(value) ?? value.replace(/^8000\..*:.*/, "8000.random");
  });
}
