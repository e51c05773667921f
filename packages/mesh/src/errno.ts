/** Error numbers as Linux gives them to programs (include/uapi/asm-generic/errno.h), and the C library's words for them. */

export const Errno = {
  none: 0,
  EPERM: 1,
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EPIPE: 32,
  ENONET: 64,
  EPROTO: 71,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;
export type Errno = (typeof Errno)[keyof typeof Errno];
export type ErrnoName = keyof typeof Errno;

const TEXTS: Readonly<Record<Errno, string>> = {
  [Errno.none]: "Success",
  [Errno.EPERM]: "Operation not permitted",
  [Errno.EINTR]: "Interrupted system call",
  [Errno.EBADF]: "Bad file descriptor",
  [Errno.EAGAIN]: "Resource temporarily unavailable",
  [Errno.ENOMEM]: "Cannot allocate memory",
  [Errno.EACCES]: "Permission denied",
  [Errno.EEXIST]: "File exists",
  [Errno.ENODEV]: "No such device",
  [Errno.EINVAL]: "Invalid argument",
  [Errno.EPIPE]: "Broken pipe",
  [Errno.ENONET]: "Machine is not on the network",
  [Errno.EDESTADDRREQ]: "Destination address required",
  [Errno.EMSGSIZE]: "Message too long",
  [Errno.EPROTO]: "Protocol error",
  [Errno.ENOPROTOOPT]: "Protocol not available",
  [Errno.EOPNOTSUPP]: "Operation not supported",
  [Errno.EADDRINUSE]: "Address already in use",
  [Errno.EADDRNOTAVAIL]: "Cannot assign requested address",
  [Errno.ENETDOWN]: "Network is down",
  [Errno.ENETUNREACH]: "Network is unreachable",
  [Errno.ECONNABORTED]: "Software caused connection abort",
  [Errno.ECONNRESET]: "Connection reset by peer",
  [Errno.ENOBUFS]: "No buffer space available",
  [Errno.EISCONN]: "Transport endpoint is already connected",
  [Errno.ENOTCONN]: "Transport endpoint is not connected",
  [Errno.ETIMEDOUT]: "Connection timed out",
  [Errno.ECONNREFUSED]: "Connection refused",
  [Errno.EHOSTDOWN]: "Host is down",
  [Errno.EHOSTUNREACH]: "No route to host",
  [Errno.EINPROGRESS]: "Operation now in progress",
};

const NAMES: ReadonlyMap<number, ErrnoName> = new Map(
  Object.entries(Errno).map(([name, number]) => [number, name as ErrnoName]),
);

/** glibc's strerror(3). */
export function strerror(errno: Errno): string {
  return TEXTS[errno];
}

/** `ECONNREFUSED`; `none` for 0. */
export function errnoName(errno: Errno): ErrnoName {
  return NAMES.get(errno)!;
}
