/** How the docker client prints lists: columns (text/tabwriter with a least width of ten and three spaces between), ages. */

const LEAST_WIDTH = 10;
const PADDING = 3;

/** Lines of a table; every cell but the last of a line is filled up with spaces. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => {
    const longest = Math.max(...all.map((row) => row[column]!.length));
    return Math.max(LEAST_WIDTH, longest + PADDING);
  });
  return all.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join(""),
  );
}

const SECOND = 1_000_000_000;
const MINUTE = 60;
const HOUR = 60;
const DAY = 24;

/** `5 seconds`, `About a minute`, `2 hours` (docker/go-units HumanDuration); nanoseconds. */
export function humanDuration(ns: number): string {
  const seconds = Math.floor(ns / SECOND);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes === 1) return "About a minute";
  if (minutes < HOUR) return `${minutes} minutes`;
  const hours = Math.floor(minutes / HOUR + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < DAY * 2) return `${hours} hours`;
  return `${Math.floor(hours / DAY)} days`;
}

/** `1m30s`, `500ms`, `0s` (Go time.Duration, String). */
export function goDuration(ns: number): string {
  if (ns === 0) return "0s";
  if (ns < 1000) return `${ns}ns`;
  if (ns < 1_000_000) return `${ns / 1000}µs`;
  if (ns < SECOND) return `${ns / 1_000_000}ms`;
  const minutes = Math.floor(ns / (MINUTE * SECOND));
  const seconds = `${(ns - minutes * MINUTE * SECOND) / SECOND}s`;
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / HOUR);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % HOUR}m${seconds}`;
}

/** Virtual time 0: 2026-01-01 00:00:00 UTC, as in traces; seconds. */
export const EPOCH = 1_767_225_600;

/** As RFC 3339 in UTC, from virtual nanoseconds behind `epochSeconds`. */
export function timestamp(epochSeconds: number, ns: number): string {
  const date = new Date(epochSeconds * 1000 + Math.floor(ns / 1_000_000));
  const rest = String(Math.floor(ns) % SECOND).padStart(9, "0");
  return `${date.toISOString().slice(0, 19)}.${rest}Z`;
}

/** At most so many characters; a dot in three stands for the rest (cli/command/formatter, Ellipsis). */
export function ellipsis(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** Text by text, numbers within by their values: `web.2` is before `web.10` (fvbommel/sortorder, NaturalLess). */
export function naturalOrder(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let at = 0; at < left.length && at < right.length; at++) {
    const [x, y] = [left[at]!, right[at]!];
    if (x === y) continue;
    const bothNumbers = /^\d/.test(x) && /^\d/.test(y);
    return bothNumbers && Number(x) !== Number(y) ? Number(x) - Number(y) : x < y ? -1 : 1;
  }
  return left.length - right.length;
}
