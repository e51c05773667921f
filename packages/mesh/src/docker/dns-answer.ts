/**
 * What dockerd's embedded DNS says to a query: an answer of its own, or that the query goes to a server outside
 * (libnetwork resolver.go: ServeDNS, handleIPQuery, handleMXQuery, handlePTRQuery, truncateResp; the library's own
 * refusals: miekg/dns acceptfunc.go, defaultMsgAcceptFunc).
 *
 * Not modelled: SRV, IPv6 addresses, a container's own `--dns-option ndots`.
 */
import { parseIpv4 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { nameProblem } from "@hopscope/codec/dns-name";
import { DnsClass, type DnsRecord, DnsType } from "@hopscope/codec/dns-record";
import { type ContainerNames, resolveAddress, resolveName } from "./names.ts";

/** Seconds that an answer may be kept (resolver.go, respTTL). */
const TTL = 600;
/** A datagram without EDNS (RFC 1035 §4.2.1; resolver.go, defaultRespSize). */
const DATAGRAM_SIZE = 512;
const STREAM_SIZE = 65_534;

const { query, notify } = dns.DnsOpcode;

/** The order in which the addresses of a name are handed out this time. */
export type Shuffle = (name: string, addresses: readonly number[]) => readonly number[];

export type DnsVerdict =
  | { readonly kind: "answer"; readonly message: Uint8Array }
  /** To the servers outside; an answer of up to `maxSize` bytes is passed on. */
  | { readonly kind: "forward"; readonly maxSize: number }
  | { readonly kind: "ignore" };

/** The verdict on `message`. */
export function answer(
  message: Uint8Array,
  names: ContainerNames,
  transport: "udp" | "tcp",
  shuffle: Shuffle,
): DnsVerdict {
  if (message.length < dns.HEADER_LENGTH) return { kind: "ignore" };
  const decoded = dns.decode(message);
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (dns.response(view, 0)) return { kind: "ignore" };
  const opcode = dns.opcode(view, 0);
  if (opcode !== query && opcode !== notify) return refusal(view, dns.DnsRcode.notImplemented);
  if (!decoded.ok || dns.questionCount(view, 0) !== 1) return refusal(view, dns.DnsRcode.formatError);
  const request = decoded.value;
  const maxSize = transport === "tcp" ? STREAM_SIZE : Math.max(dns.optOf(request)?.udpSize ?? 0, DATAGRAM_SIZE);
  const answers = answersTo(request.questions[0]!, names, shuffle);
  if (answers === undefined) return { kind: "forward", maxSize };
  // The library does not pack a container's name with more than 63 letters, and nothing is sent (resolver.go, WriteMsg).
  if (answers.some((each) => each.record === "ptr" && nameProblem(each.target) !== undefined))
    return { kind: "ignore" };
  return { kind: "answer", message: reply(request, answers, maxSize, transport) };
}

/** SERVFAIL: no server outside has answered. */
export function failure(message: Uint8Array): Uint8Array {
  const decoded = dns.decode(message);
  if (!decoded.ok) throw new Error("failure: the query has been answered before it was read");
  const { id, opcode, recursionDesired, checkingDisabled, questions } = decoded.value;
  const rcode = dns.DnsRcode.serverFailure;
  const flags = { response: true, recursionAvailable: true, recursionDesired, checkingDisabled };
  return dns.encode({ id, opcode, ...flags, rcode, questions }, undefined, { compress: false });
}

/** Records for the question, none for a known name without such records, undefined for what others have to answer. */
function answersTo(
  { name, type }: dns.DnsQuestion,
  names: ContainerNames,
  shuffle: Shuffle,
): readonly DnsRecord[] | undefined {
  const common = { name, class: DnsClass.in, ttl: TTL };
  switch (type) {
    case DnsType.a: {
      const addresses = resolveName(names, name);
      if (addresses === undefined) return undefined;
      const ordered = addresses.length > 1 ? shuffle(name, addresses) : addresses;
      return ordered.map((address) => ({ record: "a", ...common, address }));
    }
    case DnsType.aaaa:
    case DnsType.mx:
      return resolveName(names, name) === undefined ? undefined : [];
    case DnsType.ptr: {
      const ip = addressOf(name);
      const target = ip === undefined ? undefined : resolveAddress(names, ip);
      return target === undefined ? undefined : [{ record: "ptr", ...common, target }];
    }
    default:
      return undefined;
  }
}

/** `5.9.0.10.in-addr.arpa` as 10.0.9.5. */
function addressOf(name: string): number | undefined {
  const match = /^((?:\d+\.){4})in-addr\.arpa\.?$/i.exec(name);
  return match === null ? undefined : parseIpv4(match[1]!.split(".").slice(0, 4).toReversed().join("."));
}

/** Names are written out in full: these answers are not compressed. */
function reply(
  { id, opcode, recursionDesired, checkingDisabled, questions }: dns.Dns,
  answers: readonly DnsRecord[],
  maxSize: number,
  transport: "udp" | "tcp",
): Uint8Array {
  const flags = { response: true, recursionAvailable: true, recursionDesired, checkingDisabled };
  const encode = (count: number, truncated: boolean): Uint8Array =>
    dns.encode({ id, opcode, ...flags, truncated, questions, answers: answers.slice(0, count) }, undefined, {
      compress: false,
    });
  let message = encode(answers.length, false);
  for (let count = answers.length - 1; count >= 0 && message.length > maxSize; count--) {
    message = encode(count, transport === "udp");
  }
  return message;
}

/** A header that says no (miekg/dns, SetRcodeFormatError and server.go, serveDNS). */
function refusal(view: DataView, rcode: number): DnsVerdict {
  const opcode = dns.opcode(view, 0);
  const recursionDesired = dns.recursionDesired(view, 0);
  return {
    kind: "answer",
    message: dns.encode({ id: dns.id(view, 0), opcode, response: true, recursionDesired, rcode }),
  };
}
