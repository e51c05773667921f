import { Errno } from "../errno.ts";
import { SendError } from "./ipv4.ts";

const ERRNOS: Readonly<Record<SendError, Errno>> = {
  [SendError.none]: Errno.none,
  [SendError.networkUnreachable]: Errno.ENETUNREACH,
  [SendError.messageTooLong]: Errno.EMSGSIZE,
  [SendError.noBufferSpace]: Errno.ENOBUFS,
  [SendError.notPermitted]: Errno.EPERM,
  [SendError.invalid]: Errno.EINVAL,
};

/** What a program is told when IPv4 could not send. */
export function sendErrno(error: SendError): Errno {
  return ERRNOS[error];
}
