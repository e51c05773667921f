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

/** As RFC 3339 in UTC, from virtual nanoseconds behind `epochSeconds`. */
export function timestamp(epochSeconds: number, ns: number): string {
  const date = new Date(epochSeconds * 1000 + Math.floor(ns / 1_000_000));
  const rest = String(Math.floor(ns) % SECOND).padStart(9, "0");
  return `${date.toISOString().slice(0, 19)}.${rest}Z`;
}
