/**
 * Numbers of ICMP messages (RFC 792) and the words people use for them. Source: IANA "icmp-parameters".
 * Not covered: types that were never or are no longer in use (RFC 6918), which have no name here.
 */

export const IcmpType = {
  echoReply: 0,
  destinationUnreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  routerAdvertisement: 9,
  routerSolicitation: 10,
  timeExceeded: 11,
  parameterProblem: 12,
  timestampRequest: 13,
  timestampReply: 14,
  addressMaskRequest: 17,
  addressMaskReply: 18,
  extendedEchoRequest: 42,
  extendedEchoReply: 43,
} as const;

/** Codes of "destination unreachable" (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const UnreachableCode = {
  net: 0,
  host: 1,
  protocol: 2,
  port: 3,
  fragmentationNeeded: 4,
  sourceRouteFailed: 5,
  netUnknown: 6,
  hostUnknown: 7,
  sourceHostIsolated: 8,
  netProhibited: 9,
  hostProhibited: 10,
  netUnreachableForTos: 11,
  hostUnreachableForTos: 12,
  communicationProhibited: 13,
  hostPrecedenceViolation: 14,
  precedenceCutoff: 15,
} as const;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [IcmpType.echoReply, "echo reply"],
  [IcmpType.destinationUnreachable, "destination unreachable"],
  [IcmpType.sourceQuench, "source quench"],
  [IcmpType.redirect, "redirect"],
  [IcmpType.echoRequest, "echo request"],
  [IcmpType.routerAdvertisement, "router advertisement"],
  [IcmpType.routerSolicitation, "router solicitation"],
  [IcmpType.timeExceeded, "time exceeded"],
  [IcmpType.parameterProblem, "parameter problem"],
  [IcmpType.timestampRequest, "timestamp request"],
  [IcmpType.timestampReply, "timestamp reply"],
  [IcmpType.addressMaskRequest, "address mask request"],
  [IcmpType.addressMaskReply, "address mask reply"],
  [IcmpType.extendedEchoRequest, "extended echo request"],
  [IcmpType.extendedEchoReply, "extended echo reply"],
]);

const UNREACHABLE_NAMES: readonly string[] = [
  "net unreachable",
  "host unreachable",
  "protocol unreachable",
  "port unreachable",
  "fragmentation needed",
  "source route failed",
  "net unknown",
  "host unknown",
  "source host isolated",
  "net prohibited",
  "host prohibited",
  "net unreachable for this TOS",
  "host unreachable for this TOS",
  "communication prohibited",
  "host precedence violation",
  "precedence cutoff",
];
const REDIRECT_NAMES: readonly string[] = [
  "redirect for net",
  "redirect for host",
  "redirect for net and TOS",
  "redirect for host and TOS",
];
const TIME_EXCEEDED_NAMES: readonly string[] = ["ttl exceeded in transit", "fragment reassembly time exceeded"];
const PARAMETER_PROBLEM_NAMES: readonly string[] = ["parameter problem", "required option missing", "bad length"];

/** `echo request`; undefined for a number without a name. */
export function typeName(messageType: number): string | undefined {
  return TYPE_NAMES.get(messageType);
}

/** `port unreachable`: what a type and code say together; undefined where the code has no name. */
export function codeName(messageType: number, messageCode: number): string | undefined {
  switch (messageType) {
    case IcmpType.destinationUnreachable:
      return UNREACHABLE_NAMES[messageCode];
    case IcmpType.redirect:
      return REDIRECT_NAMES[messageCode];
    case IcmpType.timeExceeded:
      return TIME_EXCEEDED_NAMES[messageCode];
    case IcmpType.parameterProblem:
      return PARAMETER_PROBLEM_NAMES[messageCode];
    default:
      return undefined;
  }
}
