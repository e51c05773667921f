/** An answer as `dig` prints it (bind9 bin/dig/dig.c, printmessage; lib/dns/masterdump.c, the default style's columns). */
import { formatIpv4, formatIpv6 } from "@hopscope/codec/address";
import { type Dns, DnsOpcode, optOf } from "@hopscope/codec/dns";
import { formatString } from "@hopscope/codec/dns-name";
import { type DnsRecord, typeName } from "@hopscope/codec/dns-record";
import type { DigOptions, Shown } from "./dig-options.ts";

const TTL_COLUMN = 24;
const CLASS_COLUMN = 32;
const TYPE_COLUMN = 40;
const DATA_COLUMN = 48;
const TAB = 8;

/** Those that a server here may answer, and what else is told of. */
const RCODES: readonly string[] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

export function messageLines(reply: Dns, { isShort, shown }: DigOptions): string[] {
  if (isShort) return shown.has("answer") ? reply.answers.map(dataText) : [];
  const hasComments = shown.has("comments");
  const lines: string[] = hasComments ? headerLines(reply) : [];
  const section = (part: Shown, title: string, content: readonly string[]): void => {
    if (!shown.has(part) || content.length === 0) return;
    if (hasComments) lines.push(`;; ${title} SECTION:`, ...content, "");
    else lines.push(...content);
  };
  section("question", "QUESTION", reply.questions.map(questionLine));
  section("answer", "ANSWER", reply.answers.map(recordLine));
  section("authority", "AUTHORITY", reply.authorities.map(recordLine));
  section("additional", "ADDITIONAL", reply.additionals.filter(({ record }) => record !== "opt").map(recordLine));
  return lines;
}

function headerLines(reply: Dns): string[] {
  const { id, opcode, rcode, questionCount, answerCount, authorityCount, additionalCount } = reply;
  const flags = [
    ["qr", reply.response],
    ["aa", reply.authoritative],
    ["tc", reply.truncated],
    ["rd", reply.recursionDesired],
    ["ra", reply.recursionAvailable],
    ["ad", reply.authenticData],
    ["cd", reply.checkingDisabled],
  ] as const;
  const set = flags.flatMap(([name, isSet]) => (isSet ? [` ${name}`] : [])).join("");
  const counts = `QUERY: ${questionCount}, ANSWER: ${answerCount}, AUTHORITY: ${authorityCount}, ADDITIONAL: ${additionalCount}`;
  const opt = optOf(reply);
  return [
    ";; Got answer:",
    `;; ->>HEADER<<- opcode: ${opcode === DnsOpcode.query ? "QUERY" : opcode}, status: ${RCODES[rcode] ?? rcode}, id: ${id}`,
    `;; flags:${set}; ${counts}`,
    ...(reply.recursionDesired && !reply.recursionAvailable
      ? [";; WARNING: recursion requested but not available"]
      : []),
    "",
    ...(opt === undefined
      ? []
      : [";; OPT PSEUDOSECTION:", `; EDNS: version: ${opt.version}, flags:; udp: ${opt.udpSize}`]),
  ];
}

function questionLine({ name, type }: { readonly name: string; readonly type: number }): string {
  return `;${columns([dotted(name), "IN", typeName(type)], [CLASS_COLUMN, TYPE_COLUMN])}`;
}

function recordLine(record: DnsRecord): string {
  if (record.record === "opt") return "";
  const type = record.record === "raw" ? typeName(record.type) : record.record.toUpperCase();
  const cells = [dotted(record.name), `${record.ttl}`, "IN", type, dataText(record)];
  return columns(cells, [TTL_COLUMN, CLASS_COLUMN, TYPE_COLUMN, DATA_COLUMN]);
}

/** Each cell but the first begins at its column, or a space behind the one before if that reaches so far. */
function columns(cells: readonly string[], starts: readonly number[]): string {
  let text = "";
  let at = 0;
  for (const [index, cell] of cells.entries()) {
    const start = index === 0 ? 0 : starts[index - 1]!;
    if (index > 0 && at >= start) {
      text += " ";
      at += 1;
    }
    for (; at < start; at = (Math.floor(at / TAB) + 1) * TAB) text += "\t";
    text += cell;
    at += cell.length;
  }
  return text;
}

function dotted(name: string): string {
  return name.endsWith(".") ? name : `${name}.`;
}

function dataText(record: DnsRecord): string {
  switch (record.record) {
    case "a":
      return formatIpv4(record.address);
    case "aaaa":
      return formatIpv6(record.address);
    case "ns":
    case "cname":
    case "ptr":
      return dotted(record.target);
    case "mx":
      return `${record.preference} ${dotted(record.exchange)}`;
    case "srv":
      return `${record.priority} ${record.weight} ${record.port} ${dotted(record.target)}`;
    case "txt":
      return record.strings.map(formatString).join(" ");
    case "soa": {
      const { primary, mailbox, serial, refresh, retry, expire, minimum } = record;
      return `${dotted(primary)} ${dotted(mailbox)} ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
    case "opt":
      return "";
    case "raw":
      return `\\# ${record.data.length}`;
  }
}
