/**
 * What docs/protocols.md says, taken from the code and its tests: which functions each module exports, what its layout
 * table and opening comment say, what the recordings hold, and what is compared with others.
 */
import { readdirSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import * as arp from "../src/arp.ts";
import * as dns from "../src/dns.ts";
import { dissect } from "../src/dissect.ts";
import * as dnsRecord from "../src/dns-record.ts";
import type { EncodeOptions } from "../src/encode.ts";
import * as esp from "../src/esp.ts";
import * as ethernet from "../src/ethernet.ts";
import type { Field } from "../src/field.ts";
import * as icmpExtension from "../src/icmp-extension.ts";
import * as icmp from "../src/icmp.ts";
import * as icmpv6Mld from "../src/icmpv6-mld.ts";
import * as icmpv6Nd from "../src/icmpv6-nd.ts";
import * as icmpv6 from "../src/icmpv6.ts";
import * as igmpRecord from "../src/igmp-record.ts";
import * as igmp from "../src/igmp.ts";
import * as ipv4Options from "../src/ipv4-options.ts";
import * as ipv4 from "../src/ipv4.ts";
import * as extension from "../src/ipv6-extensions.ts";
import * as ipv6 from "../src/ipv6.ts";
import { LayerKind, type LayerName, layerName, Layers } from "../src/layers.ts";
import * as linuxSll from "../src/linux-sll.ts";
import * as linuxSll2 from "../src/linux-sll2.ts";
import * as llc from "../src/llc.ts";
import * as nullLoopback from "../src/null.ts";
import { protocolOf } from "../src/protocols.ts";
import type { Result } from "../src/result.ts";
import * as sctp from "../src/sctp.ts";
import * as sctpChunk from "../src/sctp-chunk.ts";
import * as tcpOptions from "../src/tcp-options.ts";
import * as tcp from "../src/tcp.ts";
import * as udp from "../src/udp.ts";
import * as vlan from "../src/vlan.ts";
import * as vxlan from "../src/vxlan.ts";
import { CAPTURES, framesOf, readFixture } from "./conformance/captures.ts";

type Module = Readonly<Record<string, unknown>>;

interface Header {
  readonly file: string;
  readonly module: Module;
  /** What follows `decode` and `encode` in the names of a module with several headers. */
  readonly suffix?: string;
  /** Modules that read what is listed behind the fixed fields. */
  readonly lists?: readonly string[];
}

const HEADERS: Readonly<Record<Exclude<LayerName, "data">, Header>> = {
  ethernet: { file: "ethernet", module: ethernet },
  llc: { file: "llc", module: llc },
  vlan: { file: "vlan", module: vlan },
  arp: { file: "arp", module: arp },
  ipv4: { file: "ipv4", module: ipv4, lists: ["ipv4-options"] },
  ipv6: { file: "ipv6", module: ipv6 },
  hopByHop: { file: "ipv6-extensions", module: extension, suffix: "Options", lists: ["ipv6-extensions"] },
  destinationOptions: { file: "ipv6-extensions", module: extension, suffix: "Options", lists: ["ipv6-extensions"] },
  routing: { file: "ipv6-extensions", module: extension, suffix: "Routing" },
  fragment: { file: "ipv6-extensions", module: extension, suffix: "Fragment" },
  icmp: { file: "icmp", module: icmp, lists: ["icmp-extension"] },
  icmpv6: { file: "icmpv6", module: icmpv6, lists: ["icmpv6-nd", "icmpv6-mld"] },
  igmp: { file: "igmp", module: igmp, lists: ["igmp-record"] },
  udp: { file: "udp", module: udp },
  tcp: { file: "tcp", module: tcp, lists: ["tcp-options"] },
  sctp: { file: "sctp", module: sctp, lists: ["sctp-chunk"] },
  vxlan: { file: "vxlan", module: vxlan },
  dns: { file: "dns", module: dns, lists: ["dns-record"] },
  esp: { file: "esp", module: esp },
  linuxSll: { file: "linux-sll", module: linuxSll },
  linuxSll2: { file: "linux-sll2", module: linuxSll2 },
  null: { file: "null", module: nullLoopback },
};

interface List {
  readonly title: string;
  readonly module: Module;
  readonly encode: string;
  /** Names of what it tells apart, where they are not words of the plain representation. */
  readonly names?: readonly string[];
  /** Wireshark names of what stands there. */
  readonly wireshark: RegExp;
}

const LISTS: Readonly<Record<string, List>> = {
  "ipv4-options": { title: "IPv4 options", module: ipv4Options, encode: "encode", wireshark: /^ip\.(?:opt|rec)/ },
  "ipv6-extensions": {
    title: "IPv6 options",
    module: extension,
    encode: "encodeOptions",
    wireshark: /^ipv6\.opt\./,
  },
  "icmp-extension": {
    title: "ICMP extension objects",
    module: icmpExtension,
    encode: "encode",
    names: [],
    wireshark: /^icmp\.ext\./,
  },
  "icmpv6-nd": {
    title: "neighbor discovery",
    module: icmpv6Nd,
    encode: "encode",
    wireshark: /^icmpv6\.(?:nd|rd|opt)\./,
  },
  "icmpv6-mld": {
    title: "multicast listener discovery",
    module: icmpv6Mld,
    encode: "encode",
    wireshark: /^icmpv6\.mldr?\./,
  },
  "igmp-record": {
    title: "IGMPv3 group records",
    module: igmpRecord,
    encode: "encode",
    names: Object.keys(igmpRecord.RecordType),
    wireshark: /^igmp\.(?:record_type|aux_data_len|num_src|maddr|saddr)$/,
  },
  "tcp-options": { title: "TCP options", module: tcpOptions, encode: "encode", wireshark: /^tcp\.option/ },
  "sctp-chunk": {
    title: "SCTP chunks",
    module: sctpChunk,
    encode: "encode",
    wireshark: /^sctp\.(?:chunk|data|init|initack|sack|shutdown)_/,
  },
  "dns-record": {
    title: "DNS records",
    module: dnsRecord,
    encode: "writeRecord",
    wireshark: /^dns\.(?!flags|count|id$)/,
  },
};

const YES = "✓";
const NO = "–";

function mark(isThere: boolean): string {
  return isThere ? YES : NO;
}

function textOf(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}

const TESTS: readonly string[] = readdirSync(new URL(".", import.meta.url))
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => textOf(name));

/** True if a test of this module says something about all values, or about all bytes. */
function hasProperties(file: string): boolean {
  const isProperty = /fc\s*\.(?:property|asyncProperty)\(|expect(?:Bytes|Values)Survive\(/;
  return TESTS.some((text) => text.includes(`"../src/${file}.ts"`) && isProperty.test(text));
}

const SECOND_OPINION = textOf("second-opinion/binary-parser.test.ts");

function hasSecondOpinion(name: LayerName): boolean {
  return new RegExp(`\\[\\s*LayerKind\\.${name},\\s*\\[`).test(SECOND_OPINION);
}

/** Every Wireshark name for which the expectation files hold a value. */
function comparedFields(): ReadonlySet<string> {
  const names = new Set<string>();
  for (const capture of CAPTURES) {
    for (const [, columns] of readFixture(`${capture}.tshark.txt`).matchAll(/^columns \S+ (.+)$/gm)) {
      for (const name of columns!.split(" ")) names.add(name);
    }
  }
  return names;
}

/** Rows of all layout tables of a kind of layer, those of its message types included. */
export function rowsOf(name: Exclude<LayerName, "data">): readonly Field[] {
  const rows = [...protocolOf(LayerKind[name])!.layout];
  if (name === "llc") rows.push(...llc.snapLayout);
  if (name === "igmp") rows.push(...igmp.queryV3Layout, ...igmp.reportV3Layout);
  for (let type = 0; type < 256; type++) {
    if (name === "icmp") rows.push(...icmp.layoutOf(type));
    if (name === "icmpv6") rows.push(...icmpv6.layoutOf(type));
  }
  return [...new Map(rows.map((row) => [`${row.name} ${row.bit}`, row])).values()];
}

interface Codec {
  readonly decode: (bytes: Uint8Array) => Result<object>;
  readonly encode: (value: object, payload: Uint8Array, options: EncodeOptions & { compress: boolean }) => Uint8Array;
}

const KEEP = { lengths: "keep", checksums: "keep" } as const;

/** Functions of a header's module under their common names. */
function codecOf({ module, suffix = "" }: Header): Codec {
  return { decode: module[`decode${suffix}`], encode: module[`encode${suffix}`] } as Codec;
}

export interface Recorded {
  /** Headers of this kind in all recordings. */
  headers: number;
  /** Of those, the ones that come back from `decode` and `encode`. */
  survived: number;
  /** The first that did not, as hex. */
  changed: string;
}

/** Takes every header of every recording apart and puts it together again. */
export function recorded(): ReadonlyMap<LayerName, Recorded> {
  const counts = new Map<LayerName, Recorded>();
  const layers = new Layers();
  for (const capture of CAPTURES) {
    for (const { view, start, end, linkType } of framesOf(capture)) {
      dissect(view, start, end, linkType, layers);
      for (let index = 0; index < layers.count; index++) {
        const name = layerName(layers.kind(index)) as Exclude<LayerName, "data">;
        const count = counts.get(name) ?? { headers: 0, survived: 0, changed: "" };
        counts.set(name, count);
        const at = layers.start(index);
        const bytes = new Uint8Array(view.buffer, view.byteOffset + at, layers.end(index) - at);
        const { decode, encode } = codecOf(HEADERS[name]);
        const decoded = decode(bytes);
        // Cut by the capture or by a quotation.
        if (!decoded.ok) continue;
        count.headers++;
        const payload = bytes.subarray(protocolOf(layers.kind(index))!.headerEnd(view, at, layers.end(index)) - at);
        const encodings = [true, false].map((compress) => encode(decoded.value, payload, { ...KEEP, compress }));
        if (encodings.some((encoded) => Buffer.compare(encoded, bytes) === 0 || isSameMessage(name, encoded, bytes))) {
          count.survived++;
        } else count.changed ||= Buffer.from(bytes).toString("hex");
      }
    }
  }
  return counts;
}

/** A DNS message whose sender compressed some names and not others is written in one way: the message is the same. */
function isSameMessage(name: LayerName, encoded: Uint8Array, bytes: Uint8Array): boolean {
  return name === "dns" && isDeepStrictEqual(dns.decode(encoded), dns.decode(bytes));
}

function linkTo(file: string): string {
  return `[\`${file}\`](../packages/codec/src/${file}.ts)`;
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)];
}

function headerRow(
  name: Exclude<LayerName, "data">,
  seen: Recorded | undefined,
  compared: ReadonlySet<string>,
): string[] {
  const header = HEADERS[name];
  const { file, module, suffix = "", lists = [] } = header;
  const rows = rowsOf(name);
  const accessors = rows.filter((row) => typeof module[row.name] === "function" || isInList(row, lists));
  const named = rows.filter((row) => row.wireshark !== "");
  const isWritten =
    typeof codecOf(header).encode === "function" && seen !== undefined && seen.headers === seen.survived;
  const hasChecksum = typeof module["verifyChecksum"] === "function" && typeof module["fillChecksum"] === "function";
  return [
    protocolOf(LayerKind[name])!.title,
    linkTo(file),
    mark(typeof (module[`check${suffix}`] ?? module["check"]) === "function"),
    String(accessors.length),
    mark(isWritten),
    mark(hasChecksum),
    lists.length === 0 ? NO : lists.map(linkTo).join(" "),
    mark(hasProperties(file)),
    String(seen?.headers ?? 0),
    `${named.filter((row) => compared.has(row.wireshark)).length} of ${rows.length}`,
    mark(hasSecondOpinion(name)),
  ];
}

/** A field of a message type that another module reads. */
function isInList(row: Field, lists: readonly string[]): boolean {
  return lists.some((file) => typeof LISTS[file]!.module[row.name] === "function");
}

/** The words by which a plain representation tells its items apart: `readonly option: "mss" | "sack"`. */
function wordsOf(file: string): readonly string[] {
  const source = textOf(`../src/${file}.ts`);
  const unions = source.matchAll(/readonly (?:option|record|message|chunk): ((?:"\w+"(?: \| )?)+)/g);
  const words = [...unions].flatMap(([, union]) => [...union!.matchAll(/\w+/g)].map(([word]) => word));
  return [...new Set(words)].filter((word) => word !== "raw");
}

function listRow(file: string, compared: ReadonlySet<string>): string[] {
  const { title, module, encode, names = wordsOf(file), wireshark } = LISTS[file]!;
  const fields = [...compared].filter((name) => wireshark.test(name));
  return [
    title,
    linkTo(file),
    names.length === 0 ? NO : names.join(", "),
    mark(typeof module[encode] === "function"),
    mark(hasProperties(file)),
    String(fields.length),
  ];
}

/** What a module's opening comment says is not covered. That of linux-sll2 says: what linux-sll's says. */
function leftOut(file: string): string | undefined {
  if (file === "linux-sll2") return undefined;
  const comment = textOf(`../src/${file}.ts`)
    .split("*/")[0]!
    .replaceAll(/^\s*\*? ?/gm, "");
  const match = /Not covered(?: beyond their raw bytes)?:? [\s\S]+?(?=\n\n|$)/.exec(comment.trimEnd());
  return match?.[0].replaceAll(/\s+/g, " ").trim();
}

/** The made part of docs/protocols.md. */
export function coverageTables(seen: ReadonlyMap<LayerName, Recorded>): string {
  const compared = comparedFields();
  const names = Object.keys(HEADERS) as Exclude<LayerName, "data">[];
  const files = [...new Set([...names.map((name) => HEADERS[name].file), ...Object.keys(LISTS)])].toSorted();
  const headerColumns =
    "protocol,module,check,fields,encode,checksum,lists inside,properties,recorded,tshark,binary-parser".split(",");
  return [
    "## Headers",
    "",
    ...table(
      headerColumns,
      names.map((name) => headerRow(name, seen.get(name), compared)),
    ),
    "",
    "## Lists inside",
    "",
    ...table(
      "list,module,told apart,encode,properties,tshark".split(","),
      Object.keys(LISTS).map((file) => listRow(file, compared)),
    ),
    "",
    "## Left out",
    "",
    ...[...files, "dissect", "vxlan-packet", "encapsulation"].flatMap((file) => {
      const text = leftOut(file);
      return text === undefined
        ? []
        : [`- ${linkTo(file)}: ${text.replace(/^Not covered: /, "").replace(/^Not covered beyond/, "nothing beyond")}`];
    }),
    "",
  ].join("\n");
}
