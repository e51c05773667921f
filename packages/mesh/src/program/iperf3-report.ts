/** What iperf3 prints (src/iperf_locale.c; src/iperf_api.c: iperf_print_intermediate, iperf_print_results; src/units.c). */

export const RATE_FORMATS = ["a", "k", "m", "g", "t", "K", "M", "G", "T"] as const;
/** `a`: bits with the unit that fits; small letters are bits, large ones bytes. */
export type RateFormat = (typeof RATE_FORMATS)[number];

export const SEPARATOR = "- - - - - - - - - - - - - - - - - - - - - - - - -";
export const BANNER = "-----------------------------------------------------------";
const HEADER = "[ ID] Interval           Transfer     Bitrate";
/** A stream's number is that of its socket's file, as all but the first few are taken. */
const STREAM = "[  5]";
const NANOSECOND = 1e-9;

/** What was sent or received from one time to another. */
export interface Interval {
  /** Nanoseconds since the test began. */
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  /** Of a TCP sender. */
  readonly retransmits?: number;
  readonly cwnd?: number;
  /** Of UDP. */
  readonly datagrams?: number;
  /** Of a UDP receiver: seconds, and datagrams. */
  readonly jitter?: number;
  readonly lost?: number;
}

export function headerOf(isUdp: boolean, isSender: boolean, isClient: boolean): string {
  if (isUdp) return `${HEADER}         ${isSender ? "Total Datagrams" : "Jitter    Lost/Total Datagrams"}`;
  // A client that receives has nothing to say below these two words, and says them.
  return isSender || isClient ? `${HEADER}         Retr  Cwnd` : HEADER;
}

/** The header above what was sent and received in all. */
export function summaryHeaderOf(isUdp: boolean, isSender: boolean): string {
  if (isUdp) return headerOf(true, false, false);
  return isSender ? `${HEADER}         Retr` : HEADER;
}

export function connectedLine(localIp: string, localPort: number, remoteIp: string, remotePort: number): string {
  return `${STREAM} local ${localIp} port ${localPort} connected to ${remoteIp} port ${remotePort}`;
}

/** `role`: "sender" and "receiver" of the whole test, empty for a part of it. */
export function intervalLine(interval: Interval, format: RateFormat, role: string = ""): string {
  const { from, to, bytes, retransmits, cwnd, datagrams, jitter, lost } = interval;
  const seconds = (to - from) * NANOSECOND;
  const transfer = `${amount(bytes, "A")}s`;
  const rate = `${amount(seconds > 0 ? bytes / seconds : 0, format)}s/sec`;
  const begin = `${STREAM} ${fixed(from)}-${(to * NANOSECOND).toFixed(2).padEnd(6)} sec  ${transfer}  ${rate}`;
  if (jitter !== undefined && datagrams !== undefined) {
    const share = datagrams > 0 ? (100 * (lost ?? 0)) / datagrams : 0;
    const jitterMs = (jitter * 1000).toFixed(3).padStart(5);
    return `${begin}  ${jitterMs} ms  ${lost ?? 0}/${datagrams} (${twoDigits(share)}%)  ${role}`;
  }
  if (datagrams !== undefined) return `${begin}  ${datagrams}  ${role}`;
  if (retransmits === undefined) return `${begin}                  ${role}`;
  const count = String(retransmits).padStart(3);
  return cwnd === undefined
    ? `${begin}  ${count}             ${role}`
    : `${begin}  ${count}   ${amount(cwnd, "A")}s       ${role}`;
}

export function outOfOrderLine({ from, to }: Interval, count: number): string {
  const at = (time: number): string => (time * NANOSECOND).toFixed(1).padStart(4);
  return `${STREAM} ${at(from)}-${at(to)} sec  ${count} datagrams received out-of-order`;
}

function fixed(time: number): string {
  return (time * NANOSECOND).toFixed(2).padStart(6);
}

/** unit_snprintf: bytes as `1.05 Mbit` or `128 KByte`. */
function amount(bytes: number, format: RateFormat | "A"): string {
  const isBits = format === format.toLowerCase();
  const step = isBits ? 1000 : 1024;
  let value = isBits ? bytes * 8 : bytes;
  let prefix = "KMGT".indexOf(format.toUpperCase()) + 1;
  if (format === "a" || format === "A") {
    while (value >= step && prefix < 4) {
      value /= step;
      prefix++;
    }
  } else value /= step ** prefix;
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits).padStart(4)} ${["", "K", "M", "G", "T"][prefix]!}${isBits ? "bit" : "Byte"}`;
}

/** printf(3)'s %.2g of a number from 0 to 100. */
function twoDigits(value: number): string {
  if (value === 0) return "0";
  if (value >= 99.5) return "1e+02";
  return String(Number(value.toPrecision(2)));
}
