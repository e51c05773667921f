/**
 * Reads `fault …`: something goes wrong on purpose. The filter of `block` is a part of what tcpdump takes (pcap-filter):
 * `udp dst port 4789`, `in tcp src host 10.0.9.3 and dst port 80`.
 */
import { isGroupMac, parseIpv4, parseMac } from "@hopscope/codec/address";
import { IpProtocol } from "@hopscope/codec/code-points";
import { parseCidr } from "../swarm/cidr.ts";
import { describe, suggest } from "./diagnostic.ts";
import type { AddressRange, Fault, LinkChange, NamespacePlace, PacketFilter, PortRange } from "./step.ts";
import { type Line, missingMachine, missingNode, splitPlace } from "./steps.ts";
import { expectedDuration, parseBytes, parseDuration, parseRate, parseShare } from "./units.ts";
import type { Word } from "./words.ts";

const KINDS = ["link", "node", "block", "fdb", "neighbor", "checksum", "encryption", "clear"] as const;

export function readFault(line: Line): Fault | undefined {
  const [kind, ...words] = line.words;
  if (kind === undefined) return line.fail(line.end, `expected ${KINDS.join(", ")} after fault, found nothing`);
  const rest = { ...line, words };
  switch (kind.text) {
    case "link":
      return readLink(rest);
    case "node":
      return readNode(rest);
    case "block": {
      const machine = readMachine(rest);
      const filter = machine === undefined ? undefined : readFilter({ ...rest, words: words.slice(1) });
      return machine === undefined || filter === undefined ? undefined : { kind: "block", machine, filter };
    }
    case "fdb":
      return readFdb(rest);
    case "neighbor":
      return readNeighbor(rest);
    case "checksum": {
      const machine = readMachine(rest);
      const which = words[1];
      if (machine === undefined) return undefined;
      if (which?.text !== "inner" && which?.text !== "outer")
        return line.fail(which?.at ?? line.end, `expected inner or outer, found ${describe(which?.text)}`);
      return { kind: "checksum", machine, which: which.text };
    }
    case "encryption": {
      const [node, what] = words;
      const missing = missingNode(node, rest);
      if (missing !== undefined) return line.fail(missing.at, missing.message);
      if (what?.text !== "unmarked" && what?.text !== "spi")
        return line.fail(what?.at ?? line.end, `expected unmarked or spi, found ${describe(what?.text)}`);
      return { kind: "encryption", node: node!.text, what: what.text };
    }
    case "clear": {
      if (words.length === 0) return { kind: "clear", machine: undefined };
      const machine = readMachine(rest);
      return machine === undefined ? undefined : { kind: "clear", machine };
    }
    default:
      return line.fail(
        kind.at,
        `unknown fault ${JSON.stringify(kind.text)}, expected ${KINDS.join(", ")}${suggest(kind.text, KINDS)}`,
      );
  }
}

function readMachine(line: Line): string | undefined {
  const missing = missingMachine(line.words[0], line);
  return missing === undefined ? line.words[0]!.text : line.fail(missing.at, missing.message);
}

/** Word of a link's fault to how its value is read, and what it is called. */
const LINK_WORDS = {
  latency: ["latencyNs", parseDuration, expectedDuration],
  rate: ["rate", (text: string) => parseRate(text) || undefined, () => "a rate such as 10Mbit"],
  loss: ["loss", parseShare, () => "a percentage such as 10%"],
  duplicate: ["duplicate", parseShare, () => "a percentage such as 1%"],
  reorder: ["reorder", parseShare, () => "a percentage such as 5%"],
  mtu: [
    "mtu",
    (text: string) => (/^\d{2,5}$/.test(text) ? Number(text) : parseBytes(text)),
    () => "a size such as 1400",
  ],
  drop: ["drop", parseNumbers, () => "numbers of frames such as 1,4-6"],
} as const;

/** `link MACHINE loss 10% latency 5ms …`, `link MACHINE in drop 1,3`, `link MACHINE down` */
function readLink(line: Line): Fault | undefined {
  const { words, end, fail } = line;
  const machine = readMachine(line);
  if (machine === undefined) return undefined;
  const change: Record<string, number | readonly number[]> = {};
  let up: boolean | undefined;
  const known = [...Object.keys(LINK_WORDS), "down", "up"];
  const [, second] = words;
  const direction = second?.text === "in" || second?.text === "out" ? second.text : undefined;
  const first = direction === undefined ? 1 : 2;
  if (words.length === first) return fail(end, `expected ${known.join(", ")}, found nothing`);
  for (let index = first; index < words.length; index++) {
    const word = words[index]!;
    if (word.text === "down" || word.text === "up") {
      if (direction !== undefined) return fail(word.at, "a cable is down or up in both directions");
      up = word.text === "up";
      continue;
    }
    if (!Object.hasOwn(LINK_WORDS, word.text))
      return fail(
        word.at,
        `unknown fault of a link ${JSON.stringify(word.text)}, expected ${known.join(", ")}${suggest(word.text, known)}`,
      );
    const [key, parse, expectedOf] = LINK_WORDS[word.text as keyof typeof LINK_WORDS];
    const value = words[++index];
    const read = value === undefined ? undefined : parse(value.text);
    if (read === undefined)
      return fail(
        value?.at ?? end,
        `expected ${expectedOf(value?.text ?? "")} after ${word.text}, found ${describe(value?.text)}`,
      );
    change[key] = read;
  }
  return { kind: "link", machine, change: change as LinkChange, direction, up };
}

/** `1,4-6` */
function parseNumbers(text: string): readonly number[] | undefined {
  const numbers: number[] = [];
  for (const part of text.split(",")) {
    const [, from, to = from] = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(part) ?? [];
    if (from === undefined || Number(from) > Number(to)) return undefined;
    for (let number = Number(from); number <= Number(to); number++) numbers.push(number);
  }
  return numbers;
}

/** `node NODE lost`, `node NODE back` */
function readNode(line: Line): Fault | undefined {
  const [node, what] = line.words;
  const missing = missingNode(node, line);
  if (missing !== undefined) return line.fail(missing.at, missing.message);
  if (what?.text !== "lost" && what?.text !== "back")
    return line.fail(what?.at ?? line.end, `expected lost or back, found ${describe(what?.text)}`);
  return { kind: "node", node: node!.text, lost: what.text === "lost" };
}

/** `fdb NODE/NAMESPACE MAC gone`, `fdb NODE/NAMESPACE MAC at VTEP` */
function readFdb(line: Line): Fault | undefined {
  const place = readPlace(line);
  const [, address, ...rest] = line.words;
  if (place === undefined) return undefined;
  const mac = address && parseMac(address.text);
  if (mac === undefined || isGroupMac(mac))
    return line.fail(
      address?.at ?? line.end,
      `expected a MAC address such as 02:42:0a:00:09:05, found ${describe(address?.text)}`,
    );
  const vtep = readGoneOrAt(rest, "the address of a tunnel endpoint", parseIpv4, line);
  return vtep && { kind: "fdb", place, mac, vtep: vtep.at };
}

/** `neighbor NODE/NAMESPACE IP gone`, `neighbor NODE/NAMESPACE IP at MAC` */
function readNeighbor(line: Line): Fault | undefined {
  const place = readPlace(line);
  const [, address, ...rest] = line.words;
  if (place === undefined) return undefined;
  const ip = address && parseIpv4(address.text);
  if (ip === undefined)
    return line.fail(
      address?.at ?? line.end,
      `expected an IPv4 address such as 10.0.9.5, found ${describe(address?.text)}`,
    );
  const mac = readGoneOrAt(rest, "a MAC address", parseMac, line);
  return mac && { kind: "neighbor", place, ip, mac: mac.at };
}

function readGoneOrAt(
  [word, value]: readonly Word[],
  expected: string,
  parse: (text: string) => number | undefined,
  { end, fail }: Line,
): { readonly at: number | undefined } | undefined {
  if (word?.text === "gone") return { at: undefined };
  if (word?.text !== "at")
    return fail(word?.at ?? end, `expected gone, or at and ${expected}, found ${describe(word?.text)}`);
  const at = value && parse(value.text);
  return at === undefined
    ? fail(value?.at ?? end, `expected ${expected} after at, found ${describe(value?.text)}`)
    : { at };
}

function readPlace(line: Line): NamespacePlace | undefined {
  const [word] = line.words;
  const [node = "", namespace, ...more] = splitPlace(word?.text ?? "");
  if (word === undefined || namespace === undefined || more.length > 0)
    return line.fail(word?.at ?? line.end, `expected NODE/NAMESPACE, found ${describe(word?.text)}`);
  const missing = missingNode({ ...word, text: node }, line);
  return missing === undefined ? { node, namespace } : line.fail(missing.at, missing.message);
}

const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["udp", IpProtocol.udp],
  ["tcp", IpProtocol.tcp],
  ["icmp", IpProtocol.icmp],
  ["esp", 50],
]);

/** `[in|out] [udp|tcp|icmp|esp] [src|dst] host A | net A/N | port P[-Q] [and] …` */
function readFilter({ words, end, fail }: Line): PacketFilter | undefined {
  const filter: { -readonly [K in keyof PacketFilter]: PacketFilter[K] } = {};
  const expected = "expected in, out, udp, tcp, icmp, esp, src, dst, host, net or port";
  if (words.length === 0) return fail(end, `${expected}, found nothing`);
  let side: "src" | "dst" | undefined;
  for (let index = 0; index < words.length; index++) {
    const { text, at } = words[index]!;
    const protocol = PROTOCOLS.get(text);
    if (text === "and") continue;
    if (protocol !== undefined) filter.protocol = protocol;
    else if (text === "in" || text === "out") filter.direction = text;
    else if (text === "src" || text === "dst") side = text;
    else if (text === "host" || text === "net" || text === "port") {
      const value = words[++index];
      if (side === undefined) return fail(at, `expected src or dst before ${text}`);
      const range = text === "port" ? portRange(value?.text) : addressRange(value?.text);
      if (range === undefined)
        return fail(
          value?.at ?? end,
          `expected ${text === "port" ? "a port such as 4789" : "an address"} after ${text}, found ${describe(value?.text)}`,
        );
      if (text === "port") filter[`${side}Port`] = range as PortRange;
      else filter[`${side}Ip`] = range as AddressRange;
      side = undefined;
    } else return fail(at, `${expected}, found ${describe(text)}`);
  }
  return filter;
}

function addressRange(text: string | undefined): AddressRange | undefined {
  return text === undefined ? undefined : parseCidr(text.includes("/") ? text : `${text}/32`);
}

function portRange(text: string | undefined): PortRange | undefined {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text ?? "") ?? [];
  if (first === undefined) return undefined;
  const range = { first: Number(first), last: Number(last ?? first) };
  return range.last <= 65_535 && range.first <= range.last ? range : undefined;
}
