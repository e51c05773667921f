/** Sockets as `ss -n` prints them where no terminal says how wide a line may be (iproute2 misc/ss.c, render). */
import { formatIp, IPV6_ANY, isIpv6 } from "../host/ipv6-address.ts";
import type { SocketRow } from "./sockets.ts";

export interface SocketStyle {
  /** `-H`: no header. */
  readonly header: boolean;
  /** `-p`. */
  readonly processes: boolean;
  /** What is the same for all is not printed. */
  readonly protocol: boolean;
  readonly state: boolean;
}

interface Column {
  readonly header: string;
  /** In front of it, unless it is the first of its line. */
  readonly delimiter: string;
  readonly right?: true;
  readonly value: (row: SocketRow) => string;
}

/** Descriptors are not modelled: the first that a program opens. */
const DESCRIPTOR = 3;

const PROTOCOL: Column = { header: "Netid", delimiter: "", value: ({ protocol }) => protocol };
const STATE: Column = { header: "State", delimiter: " ", value: ({ state }) => state };
const REST: readonly Column[] = [
  { header: "Recv-Q", delimiter: " ", value: ({ received }) => `${received}`.padEnd(6) },
  { header: "Send-Q", delimiter: " ", value: ({ sent }) => `${sent}`.padEnd(6) },
  { header: "Local Address:", delimiter: " ", right: true, value: (row) => `${addressText(row, row.localIp)}:` },
  { header: "Port", delimiter: "", value: ({ localPort }) => `${localPort}` },
  { header: "Peer Address:", delimiter: " ", right: true, value: (row) => `${addressText(row, row.remoteIp)}:` },
  { header: "Port", delimiter: "", value: ({ remotePort }) => (remotePort === 0 ? "*" : `${remotePort}`) },
];

export function socketLines(rows: readonly SocketRow[], style: SocketStyle): string[] {
  const columns = [
    ...(style.protocol ? [PROTOCOL] : []),
    ...(style.state ? [STATE] : []),
    ...REST,
    { header: "Process", delimiter: "", value: style.processes ? usersOf : () => "" },
  ];
  const cells = rows.map((row) => columns.map(({ value }) => value(row)));
  if (style.header) cells.unshift(columns.map(({ header }) => header));
  const last = columns.length - 1;
  const widths = columns.map((column, at) => {
    // The very last cell is not measured: it has not been flushed when widths are computed.
    const measured = cells.filter((_, line) => at < last || line < cells.length - 1);
    return Math.max(0, ...measured.map((line) => line[at]!.length)) + (at === 0 ? 0 : column.delimiter.length);
  });
  return cells.map((line) =>
    line
      .map((cell, at) => {
        const { delimiter, right } = columns[at]!;
        const before = at === 0 ? "" : delimiter;
        if (right === true) return before + cell.padStart(widths[at]! - before.length);
        return (before + cell).padEnd(widths[at]!);
      })
      .join(""),
  );
}

/** `*` is any address of both families, of a socket that listens or has no other side. */
function addressText({ isInet6, isIpv6Only }: SocketRow, ip: number): string {
  if (!isInet6) return formatIp(ip);
  if (ip === IPV6_ANY || ip === 0) return isIpv6Only ? "[::]" : "*";
  return `[${isIpv6(ip) ? "" : "::ffff:"}${formatIp(ip)}]`;
}

function usersOf({ owner }: SocketRow): string {
  return owner === undefined ? "" : ` users:(("${owner.name}",pid=${owner.tgid},fd=${DESCRIPTOR}))`;
}
