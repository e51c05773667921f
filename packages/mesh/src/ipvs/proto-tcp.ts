/**
 * TCP as IPVS follows it (Linux net/netfilter/ipvs/ip_vs_proto_tcp.c): by the flags of segments alone, whatever their
 * numbers.
 *
 * Not modelled: secure_tcp and its table.
 */
import { TcpFlag } from "@hopscope/codec/tcp";
import type { IpVsConn } from "./conn.ts";

/** In the order of the kernel's tables (include/net/ip_vs.h). */
export const IpVsTcpState = {
  none: 0,
  established: 1,
  synSent: 2,
  synReceived: 3,
  finWait: 4,
  timeWait: 5,
  close: 6,
  closeWait: 7,
  lastAck: 8,
  listen: 9,
  synAck: 10,
} as const;

const NAMES: readonly string[] = [
  "NONE",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "SYNACK",
];

export function tcpStateName(state: number): string {
  return NAMES[state]!;
}

/** By state, in seconds (tcp_timeouts). */
export const TCP_TIMEOUTS: readonly number[] = [2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120];

/** tcp_state_active_table */
const IS_ACTIVE: readonly boolean[] = [false, true, true, true, false, false, false, false, false, false, true];

const { established: sES, synSent: sSS, synReceived: sSR, finWait: sFW } = IpVsTcpState;
const { timeWait: sTW, close: sCL, closeWait: sCW, lastAck: sLA, listen: sLI } = IpVsTcpState;
const STATES = 11;
const FLAG_ROWS = 4;

/** The next state, by direction, flag (SYN, FIN, ACK, RST) and state (tcp_states). */
const NEXT: Uint8Array = Uint8Array.of(
  // Requests, of connections whose answers come this way.
  ...[sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR],
  ...[sCL, sCW, sSS, sTW, sTW, sTW, sCL, sCW, sLA, sLI, sTW],
  ...[sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES],
  ...[sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sSR],
  // Answers.
  ...[sSS, sES, sSS, sSR, sSS, sSS, sSS, sSS, sSS, sLI, sSR],
  ...[sTW, sFW, sSS, sTW, sFW, sTW, sCL, sTW, sLA, sLI, sTW],
  ...[sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sLA, sES, sES],
  ...[sCL, sCL, sSS, sCL, sCL, sTW, sCL, sCL, sCL, sCL, sCL],
  // Requests alone: answers go another way.
  ...[sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR],
  ...[sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW],
  ...[sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES],
  ...[sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL],
);

const INPUT = 0;
const OUTPUT = 1;
const INPUT_ONLY = 2;

/** Linux set_tcp_state. */
export function followTcp(conn: IpVsConn, isReply: boolean, flags: number): void {
  let direction = isReply ? OUTPUT : INPUT;
  if (conn.hasNoOutput) {
    if (isReply) conn.hasNoOutput = false;
    else direction = INPUT_ONLY;
  }
  const row = rowOf(flags);
  const next = row < 0 ? IpVsTcpState.close : NEXT[(direction * FLAG_ROWS + row) * STATES + conn.state]!;
  conn.enter(next, IS_ACTIVE[next]!);
}

/** Linux tcp_state_idx. */
function rowOf(flags: number): number {
  if ((flags & TcpFlag.rst) !== 0) return 3;
  if ((flags & TcpFlag.syn) !== 0) return 0;
  if ((flags & TcpFlag.fin) !== 0) return 1;
  return (flags & TcpFlag.ack) !== 0 ? 2 : -1;
}
