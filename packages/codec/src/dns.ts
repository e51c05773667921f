/**
 * DNS messages (RFC 1035 §4): header, questions, and the records that dns-record.ts reads.
 *
 *   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |                      ID                       |
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |                    QDCOUNT                    |   questions: name, type, class
 * |                    ANCOUNT                    |   answers
 * |                    NSCOUNT                    |   authorities
 * |                    ARCOUNT                    |   additionals, OPT among them
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *
 * Over TCP a message has its length in front, two bytes (RFC 1035 §4.2.2): they are not part of what is read here.
 * Encoding a decoded message yields the same message; the same bytes if the original compressed every name it could,
 * or, with `compress: false`, none (Docker's resolver writes such).
 * Not covered: what updates (RFC 2136) and DNSSEC make of the sections.
 */
import { checkName, DnsWriter, nameAt, nameEnd } from "./dns-name.ts";
import {
  checkRecord,
  type DnsOpt,
  type DnsRecord,
  formatRecord,
  plainRecord,
  typeName,
  writeRecord,
} from "./dns-record.ts";
import { type EncodeOptions, requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { fail, ok, type Result } from "./result.ts";
import { Status } from "./status.ts";

export const HEADER_LENGTH = 12;

/** IANA, "DNS OpCodes". */
export const DnsOpcode = { query: 0, inverseQuery: 1, status: 2, notify: 4, update: 5 } as const;
/** IANA, "DNS RCODEs". */
export const DnsRcode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** Bits of the 16-bit word {@link flags}. */
export const DnsFlag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  reserved: 0x0040,
  authenticData: 0x0020,
  checkingDisabled: 0x0010,
} as const;

export const layout: readonly Field[] = [
  field("id", 0, 16, "dns.id", "hex"),
  field("response", 16, 1, "dns.flags.response", "flag"),
  field("opcode", 17, 4, "dns.flags.opcode"),
  field("authoritative", 21, 1, "dns.flags.authoritative", "flag"),
  field("truncated", 22, 1, "dns.flags.truncated", "flag"),
  field("recursionDesired", 23, 1, "dns.flags.recdesired", "flag"),
  field("recursionAvailable", 24, 1, "dns.flags.recavail", "flag"),
  field("reserved", 25, 1, "dns.flags.z", "flag"),
  field("authenticData", 26, 1, "dns.flags.authenticated", "flag"),
  field("checkingDisabled", 27, 1, "dns.flags.checkdisable", "flag"),
  field("rcode", 28, 4, "dns.flags.rcode"),
  field("questionCount", 32, 16, "dns.count.queries"),
  field("answerCount", 48, 16, "dns.count.answers"),
  field("authorityCount", 64, 16, "dns.count.auth_rr"),
  field("additionalCount", 80, 16, "dns.count.add_rr"),
];

/** Type and class behind a question's name. */
const QUESTION_LENGTH = 4;
/** A root name, type, class, TTL, no data. */
const MIN_RECORD_LENGTH = 11;

/**
 * Header, questions and records lie inside [at, end) and their names end. After `ok`, the accessors and `plain` are
 * safe; the header's accessors are as soon as there are {@link HEADER_LENGTH} bytes.
 */
export function check(view: DataView, at: number, end: number): Status {
  if (end - at < HEADER_LENGTH) return Status.truncated;
  const behind = checkSections(view, at, end);
  return behind < 0 ? statusOf(behind) : Status.ok;
}

/** The offset behind the last record, or `-status`. */
function checkSections(view: DataView, at: number, end: number): number {
  let from = at + HEADER_LENGTH;
  for (let left = questionCount(view, at); left > 0; left--) {
    from = checkQuestion(view, at, from, end);
    if (from < 0) return from;
  }
  for (let left = recordCount(view, at); left > 0; left--) {
    from = checkRecord(view, at, from, end);
    if (from < 0) return from;
  }
  return from;
}

function checkQuestion(view: DataView, messageAt: number, at: number, end: number): number {
  const behind = checkName(view, messageAt, at, end);
  if (behind < 0) return behind;
  return end - behind < QUESTION_LENGTH ? -Status.truncated : behind + QUESTION_LENGTH;
}

function statusOf(negative: number): Status {
  return -negative as Status;
}

function recordCount(view: DataView, at: number): number {
  return answerCount(view, at) + authorityCount(view, at) + additionalCount(view, at);
}

/** RFC 1035 §4.1.1, "ID": of the question, and of its answer. */
export function id(view: DataView, at: number): number {
  return view.getUint16(at);
}

/** The word of all flags, opcode and rcode: see {@link DnsFlag}. */
export function flags(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** RFC 1035 §4.1.1, "QR". */
export function response(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.response) !== 0;
}

/** See {@link DnsOpcode}. */
export function opcode(view: DataView, at: number): number {
  return (view.getUint8(at + 2) >> 3) & 15;
}

/** RFC 1035 §4.1.1, "AA". */
export function authoritative(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.authoritative) !== 0;
}

/** RFC 1035 §4.1.1, "TC": the whole answer is to be had by TCP. */
export function truncated(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.truncated) !== 0;
}

/** RFC 1035 §4.1.1, "RD". */
export function recursionDesired(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.recursionDesired) !== 0;
}

/** RFC 1035 §4.1.1, "RA". */
export function recursionAvailable(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.recursionAvailable) !== 0;
}

/** The one bit that is still "Z". */
export function reserved(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.reserved) !== 0;
}

/** RFC 4035 §3.2.3. */
export function authenticData(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.authenticData) !== 0;
}

/** RFC 4035 §3.2.2. */
export function checkingDisabled(view: DataView, at: number): boolean {
  return (view.getUint16(at + 2) & DnsFlag.checkingDisabled) !== 0;
}

/** The header's four bits; an OPT record may have eight more: {@link rcodeOf}. */
export function rcode(view: DataView, at: number): number {
  return view.getUint8(at + 3) & 15;
}

/** RFC 1035 §4.1.1, "QDCOUNT". */
export function questionCount(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** RFC 1035 §4.1.1, "ANCOUNT". */
export function answerCount(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** RFC 1035 §4.1.1, "NSCOUNT". */
export function authorityCount(view: DataView, at: number): number {
  return view.getUint16(at + 8);
}

/** RFC 1035 §4.1.1, "ARCOUNT": an OPT record (RFC 6891) counts, too. */
export function additionalCount(view: DataView, at: number): number {
  return view.getUint16(at + 10);
}

/** Type of the first question of a checked message that has one. */
export function questionType(view: DataView, at: number): number {
  return view.getUint16(nameEnd(view, at + HEADER_LENGTH));
}

export function setId(view: DataView, at: number, value: number): void {
  view.setUint16(at, value);
}

/** Writes all flags, opcode and rcode. */
export function setFlags(view: DataView, at: number, word: number): void {
  view.setUint16(at + 2, word);
}

/** May undo what `check` established, as the next three. */
export function setQuestionCount(view: DataView, at: number, count: number): void {
  view.setUint16(at + 4, count);
}

export function setAnswerCount(view: DataView, at: number, count: number): void {
  view.setUint16(at + 6, count);
}

export function setAuthorityCount(view: DataView, at: number, count: number): void {
  view.setUint16(at + 8, count);
}

export function setAdditionalCount(view: DataView, at: number, count: number): void {
  view.setUint16(at + 10, count);
}

/** First byte behind the last record of a checked message: there should be nothing. */
export function payloadStart(view: DataView, at: number, end: number): number {
  return checkSections(view, at, end);
}

export function payloadEnd(_view: DataView, _at: number, end: number): number {
  return end;
}

export interface DnsQuestion {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface Dns {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly reserved: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  readonly rcode: number;
  readonly questionCount: number;
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** Plain value of a checked message. Of one that only has its header: what is there before the first mistake. */
export function plain(view: DataView, at: number, end: number): Dns {
  const known = new Map<number, string>();
  const questions: DnsQuestion[] = [];
  let from = at + HEADER_LENGTH;
  while (from > 0 && questions.length < questionCount(view, at)) {
    const next = checkQuestion(view, at, from, end);
    if (next > 0) {
      const fixed = next - QUESTION_LENGTH;
      const name = nameAt(view, at, from, known);
      questions.push({ name, type: view.getUint16(fixed), class: view.getUint16(fixed + 2) });
    }
    from = next;
  }
  const section = (count: number): readonly DnsRecord[] => {
    const records: DnsRecord[] = [];
    while (from > 0 && records.length < count) {
      const next = checkRecord(view, at, from, end);
      if (next > 0) records.push(plainRecord(view, at, from, known));
      from = next;
    }
    return records;
  };
  return {
    id: id(view, at),
    response: response(view, at),
    opcode: opcode(view, at),
    authoritative: authoritative(view, at),
    truncated: truncated(view, at),
    recursionDesired: recursionDesired(view, at),
    recursionAvailable: recursionAvailable(view, at),
    reserved: reserved(view, at),
    authenticData: authenticData(view, at),
    checkingDisabled: checkingDisabled(view, at),
    rcode: rcode(view, at),
    questionCount: questionCount(view, at),
    answerCount: answerCount(view, at),
    authorityCount: authorityCount(view, at),
    additionalCount: additionalCount(view, at),
    questions,
    answers: section(answerCount(view, at)),
    authorities: section(authorityCount(view, at)),
    additionals: section(additionalCount(view, at)),
  };
}

export function decode(bytes: Uint8Array): Result<Dns> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const status = check(view, 0, bytes.length);
  if (status === Status.ok) return ok(plain(view, 0, bytes.length));
  if (bytes.length < HEADER_LENGTH) return fail(status, "dns", 0, HEADER_LENGTH, bytes.length);
  const least =
    HEADER_LENGTH + questionCount(view, 0) * (1 + QUESTION_LENGTH) + recordCount(view, 0) * MIN_RECORD_LENGTH;
  return fail(status, "dns", 0, Math.max(least, bytes.length + 1), bytes.length);
}

/** The OPT record of a message, where it has one (RFC 6891 §6.1.1). */
export function optOf(dns: Dns): DnsOpt | undefined {
  for (const record of dns.additionals) if (record.record === "opt") return record;
  return undefined;
}

/** The rcode with an OPT record's upper bits (RFC 6891 §6.1.3). */
export function rcodeOf(dns: Dns): number {
  return ((optOf(dns)?.extendedRcode ?? 0) << 4) | dns.rcode;
}

/** What `encode` takes. Counts are computed unless the options keep them; all else is zero, false or none. */
export type DnsInit = Partial<Dns>;

/**
 * Message and payload in a new array. `compress` (default true) makes pointers of names that are there already, in
 * owners and in the data of NS, CNAME, PTR, SOA and MX (RFC 3597 §4); only if letter case is the same, too.
 */
export function encode(
  dns: DnsInit,
  payload: Uint8Array = new Uint8Array(),
  options: EncodeOptions & { readonly compress?: boolean } = {},
): Uint8Array {
  const writer = new DnsWriter(options.compress ?? true);
  const { questions = [], answers = [], authorities = [], additionals = [] } = dns;
  requireBits("dns id", dns.id ?? 0, 16);
  requireBits("dns opcode", dns.opcode ?? 0, 4);
  requireBits("dns rcode", dns.rcode ?? 0, 4);
  writer.uint16(dns.id ?? 0);
  writer.uint16(flagsOf(dns));
  const keep = options.lengths === "keep";
  for (const [name, list] of [
    ["questionCount", questions],
    ["answerCount", answers],
    ["authorityCount", authorities],
    ["additionalCount", additionals],
  ] as const) {
    const count = keep ? (dns[name] ?? 0) : list.length;
    requireBits(`dns ${name}`, count, 16);
    writer.uint16(count);
  }
  for (const question of questions) {
    requireBits("dns type", question.type, 16);
    requireBits("dns class", question.class, 16);
    writer.name(question.name, true);
    writer.uint16(question.type);
    writer.uint16(question.class);
  }
  for (const record of [...answers, ...authorities, ...additionals]) writeRecord(writer, record);
  writer.bytes(payload);
  return writer.take();
}

function flagsOf(dns: DnsInit): number {
  let word = ((dns.opcode ?? 0) << 11) | (dns.rcode ?? 0);
  for (const name of Object.keys(DnsFlag) as (keyof typeof DnsFlag)[]) if (dns[name] === true) word |= DnsFlag[name];
  return word;
}

const OPCODES: readonly (string | undefined)[] = ["query", "inverse query", "status", undefined, "notify", "update"];
const RCODES: Readonly<Record<number, string>> = {
  0: "NOERROR",
  1: "FORMERR",
  2: "SERVFAIL",
  3: "NXDOMAIN",
  4: "NOTIMP",
  5: "REFUSED",
  6: "YXDOMAIN",
  7: "YXRRSET",
  8: "NXRRSET",
  9: "NOTAUTH",
  10: "NOTZONE",
  16: "BADVERS",
};

/**
 * `query A overlay_service`, `response NOERROR A 10.0.9.2 ttl 600`, `response NXDOMAIN A nosuch.lab`. Needs the header
 * only: says `malformed` where the rest is.
 */
export function format(view: DataView, at: number, end: number): string {
  const dns = plain(view, at, end);
  const opt = optOf(dns);
  const questions = dns.questions.map((question) => `${typeName(question.type)} ${question.name}`);
  const answers = dns.answers.map(
    (record) => `${formatRecord(record)}${record.record === "opt" ? "" : ` ttl ${record.ttl}`}`,
  );
  const words: string[] = [];
  const operation = OPCODES[dns.opcode] ?? `opcode ${dns.opcode}`;
  if (dns.opcode !== DnsOpcode.query || !dns.response) words.push(operation);
  if (dns.response) words.push("response", RCODES[rcodeOf(dns)] ?? `rcode ${rcodeOf(dns)}`);
  words.push((answers.length > 0 ? answers : questions).join(", "));
  if (dns.response && answers.length === 0 && rcodeOf(dns) === DnsRcode.noError) words.push("no answers");
  if (dns.truncated) words.push("truncated");
  if (opt !== undefined) words.push(`edns ${opt.udpSize}${opt.dnssecOk ? " do" : ""}`);
  if (check(view, at, end) !== Status.ok) words.push("malformed");
  return words.filter((word) => word !== "").join(" ");
}
