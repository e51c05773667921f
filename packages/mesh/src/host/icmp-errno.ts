/** What a socket is told of an ICMP error (Linux net/ipv4/icmp.c, icmp_err_convert). */
import { IcmpType, UnreachableCode } from "@hopscope/codec/icmp";
import { Errno } from "../errno.ts";

/** By code of "destination unreachable": the error, and whether it ends what it is about. */
const UNREACHABLE: readonly (readonly [errno: Errno, isFatal: boolean])[] = [
  [Errno.ENETUNREACH, false],
  [Errno.EHOSTUNREACH, false],
  [Errno.ENOPROTOOPT, true],
  [Errno.ECONNREFUSED, true],
  [Errno.EMSGSIZE, false],
  [Errno.EOPNOTSUPP, false],
  [Errno.ENETUNREACH, true],
  [Errno.EHOSTDOWN, true],
  [Errno.ENONET, true],
  [Errno.ENETUNREACH, true],
  [Errno.EHOSTUNREACH, true],
  [Errno.ENETUNREACH, false],
  [Errno.EHOSTUNREACH, false],
  [Errno.EHOSTUNREACH, true],
  [Errno.EHOSTUNREACH, true],
  [Errno.EHOSTUNREACH, true],
];

/** `none`: nobody is told. */
export function icmpErrno(type: number, code: number): Errno {
  switch (type) {
    case IcmpType.destinationUnreachable:
      return UNREACHABLE[code]?.[0] ?? Errno.EHOSTUNREACH;
    case IcmpType.timeExceeded:
      return Errno.EHOSTUNREACH;
    case IcmpType.parameterProblem:
      return Errno.EPROTO;
    default:
      return Errno.none;
  }
}

/** True if it is no use trying again. */
export function isIcmpErrorFatal(type: number, code: number): boolean {
  if (type === IcmpType.parameterProblem) return true;
  return type === IcmpType.destinationUnreachable && UNREACHABLE[code]?.[1] === true;
}

export function isFragmentationNeeded(type: number, code: number): boolean {
  return type === IcmpType.destinationUnreachable && code === UnreachableCode.fragmentationNeeded;
}
