/**
 * `ip xfrm state` and `ip xfrm policy` as iproute2 6.1 prints them; `-d` adds nothing, `-s` all there is. Each line is the
 * beginning of one, and none of JSON: iproute2 has none for them.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { HeldPolicy } from "../xfrm/policy.ts";
import type { XfrmState } from "../xfrm/state.ts";
import { EPOCH_SECONDS } from "../trace/pcapng.ts";

const NO_SELECTOR = "sel src 0.0.0.0/0 dst 0.0.0.0/0 ";
/** What no lifetime is. */
const LIFETIME = [
  "\tlifetime config:",
  "\t  limit: soft (INF)(bytes), hard (INF)(bytes)",
  "\t  limit: soft (INF)(packets), hard (INF)(packets)",
  "\t  expire add: soft 0(sec), hard 0(sec)",
  "\t  expire use: soft 0(sec), hard 0(sec)",
];

export function stateLines(states: readonly XfrmState[], withStatistics: boolean): string[] {
  return states.flatMap((state) => (withStatistics ? stateWithStatistics(state) : stateAlone(state)));
}

function stateAlone(state: XfrmState): string[] {
  const { spi, reqid, icvLength } = state;
  return [
    ends(state),
    `\tproto esp spi ${word(spi)} reqid ${reqid} mode transport`,
    "\treplay-window 0 ",
    `\taead rfc4106(gcm(aes)) ${keyText(state)} ${icvLength * 8}`,
    sequenceLine(state),
    `\t${NO_SELECTOR}`,
  ];
}

function stateWithStatistics(state: XfrmState): string[] {
  const { spi, reqid, key, icvLength, bytes, packets, addedAt, usedAt, integrityFailed } = state;
  return [
    ends(state),
    `\tproto esp spi ${word(spi)}(${spi}) reqid ${reqid}(${word(reqid)}) mode transport`,
    "\treplay-window 0 seq 0x00000000 flag  (0x00000000)",
    `\taead rfc4106(gcm(aes)) ${keyText(state)} (${key.length * 8} bits) ${icvLength * 8}`,
    sequenceLine(state),
    `\t${NO_SELECTOR}uid 0`,
    ...LIFETIME,
    ...currentLines(bytes, packets, addedAt, usedAt),
    "\tstats:",
    `\t  replay-window 0 replay 0 failed ${integrityFailed}`,
  ];
}

export function policyLines(policies: readonly HeldPolicy[], withStatistics: boolean): string[] {
  return policies.flatMap((held) => {
    const { policy, index, addedAt, usedAt } = held;
    const { srcIp, dstIp, dstPort, mark, template } = policy;
    const selector = `src ${formatIpv4(srcIp)}/32 dst ${formatIpv4(dstIp)}/32 proto udp dport ${dstPort} `;
    const marked = `\tmark 0x${mark.value.toString(16)}/0x${mark.mask.toString(16)} `;
    const way = `\ttmpl ${ends(template)}`;
    const { spi, reqid } = template;
    if (!withStatistics) {
      const id = `\t\tproto esp spi ${word(spi)} reqid ${reqid} mode transport`;
      return [selector, "\tdir out priority 0 ptype main ", marked, way, id];
    }
    return [
      `${selector}uid 0`,
      `\tdir out action allow index ${index} priority 0 ptype main share any flag  (0x00000000)`,
      ...LIFETIME,
      ...currentLines(0, 0, addedAt, usedAt),
      marked,
      way,
      `\t\tproto esp spi ${word(spi)}(${spi}) reqid ${reqid}(${word(reqid)}) mode transport`,
      "\t\tlevel required share any ",
      "\t\tenc-mask ffffffff auth-mask ffffffff comp-mask ffffffff",
    ];
  });
}

function ends({ srcIp, dstIp }: { readonly srcIp: number; readonly dstIp: number }): string {
  return `src ${formatIpv4(srcIp)} dst ${formatIpv4(dstIp)}`;
}

function sequenceLine({ sequence }: XfrmState): string {
  return `\tanti-replay context: seq 0x0, oseq 0x${sequence.toString(16)}, bitmap 0x00000000`;
}

function currentLines(bytes: number, packets: number, addedAt: number, usedAt: number | undefined): string[] {
  return [
    "\tlifetime current:",
    `\t  ${bytes}(bytes), ${packets}(packets)`,
    `\t  add ${dateText(addedAt)} use ${usedAt === undefined ? "-" : dateText(usedAt)}`,
  ];
}

function keyText({ key }: XfrmState): string {
  return `0x${Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function word(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

/** `2026-01-01 00:00:07` */
function dateText(nanoseconds: number): string {
  const date = new Date((EPOCH_SECONDS + Math.floor(nanoseconds / 1e9)) * 1000);
  return date.toISOString().slice(0, 19).replace("T", " ");
}
