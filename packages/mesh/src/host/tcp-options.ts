/** Options as Linux writes them, in its order and with its padding (net/ipv4/tcp_output.c, tcp_options_write). */
import { TcpOptionKind } from "@hopscope/codec/tcp-options";

/** Bytes of the timestamps in every segment but a SYN (TCPOLEN_TSTAMP_ALIGNED). */
export const TIMESTAMP_LENGTH = 12;
/** Bytes of `count` blocks and their padding (TCPOLEN_SACK_BASE_ALIGNED, TCPOLEN_SACK_PERBLOCK). */
export function sackLength(count: number): number {
  return count === 0 ? 0 : 4 + 8 * count;
}

const { nop } = TcpOptionKind;

/** What a SYN offers, or a SYN+ACK accepts. */
export interface SynOptions {
  readonly mss: number;
  readonly sackPermitted: boolean;
  readonly timestamps: boolean;
  /** -1: none. */
  readonly windowScale: number;
}

export function synOptionsLength({ sackPermitted, timestamps, windowScale }: SynOptions): number {
  return 4 + (timestamps ? TIMESTAMP_LENGTH : sackPermitted ? 4 : 0) + (windowScale < 0 ? 0 : 4);
}

/** Maximum segment size; "selective acknowledgment permitted" in the two bytes before the timestamps; window scale. */
export function writeSynOptions(
  view: DataView,
  at: number,
  options: SynOptions,
  tsValue: number,
  tsEcho: number,
): void {
  const { mss, sackPermitted, timestamps, windowScale } = options;
  view.setInt32(at, (TcpOptionKind.mss << 24) | (4 << 16) | mss);
  let from = at + 4;
  const front = sackPermitted ? (TcpOptionKind.sackPermitted << 8) | 2 : (nop << 8) | nop;
  if (timestamps) {
    writeTimestampsBehind(view, from, front, tsValue, tsEcho);
    from += TIMESTAMP_LENGTH;
  } else if (sackPermitted) {
    view.setInt32(from, (nop << 24) | (nop << 16) | front);
    from += 4;
  }
  if (windowScale >= 0) {
    view.setInt32(from, (nop << 24) | (TcpOptionKind.windowScale << 16) | (3 << 8) | windowScale);
  }
}

export function writeTimestamps(view: DataView, at: number, tsValue: number, tsEcho: number): void {
  writeTimestampsBehind(view, at, (nop << 8) | nop, tsValue, tsEcho);
}

function writeTimestampsBehind(view: DataView, at: number, front: number, tsValue: number, tsEcho: number): void {
  view.setInt32(at, (front << 16) | (TcpOptionKind.timestamps << 8) | 10);
  view.setInt32(at + 4, tsValue);
  view.setInt32(at + 8, tsEcho);
}

/** `count` blocks of `edges`: left and right in turn. */
export function writeSack(view: DataView, at: number, edges: Int32Array, count: number): void {
  view.setInt32(at, (nop << 24) | (nop << 16) | (TcpOptionKind.sack << 8) | (2 + 8 * count));
  for (let index = 0; index < 2 * count; index++) view.setInt32(at + 4 + 4 * index, edges[index]!);
}
