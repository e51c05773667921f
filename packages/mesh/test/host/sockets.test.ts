/**
 * Odd segments and datagrams: the host answers as Linux 6.18 did, its calls end as Linux' did, and it drops frames for the
 * kernel's reasons (fixtures/sockets).
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../src/trace/drop-reason.ts";
import { type Done, ScriptedPeer, type Sent } from "./scripted-peer.ts";

const FILE = new URL("../../../../fixtures/sockets/sockets.json", import.meta.url);
const RECORDED = JSON.parse(readFileSync(FILE, "utf8")) as Readonly<Record<string, readonly Done[]>>;

/** The kernel's clock has ticks of some milliseconds, and timers are rounded to more the longer they are. */
function isClose(at: number, recorded: number): boolean {
  return Math.abs(at - recorded) <= Math.max(0.04, recorded * 0.04);
}

/** How wide a window is depends on the memory that the driver's buffers take; whether it is closed does not. */
function comparable(frame: Sent): object {
  const { window } = frame;
  return { ...frame, at: 0, window: window === undefined ? undefined : window === 0 };
}

function compare(done: Done, recorded: Done): void {
  for (const [index, step] of (recorded.steps ?? []).entries()) compare(done.steps![index]!, step);
  const frames = done.frames ?? [];
  const expected = recorded.frames ?? [];
  // Where the kernel has no reason, the engine may have one; and it says what the kernel only counts (ListenOverflows).
  const own = done.drops ?? [];
  const reasons = own.includes("TCP_LISTEN_OVERFLOW")
    ? own
    : (recorded.drops ?? [])
        .map((reason, index) => (reason === "NOT_SPECIFIED" ? (own[index] ?? reason) : reason))
        .filter((reason) => reason !== "NOT_SPECIFIED");
  expect([done.result, frames.map(comparable), own]).toEqual([recorded.result, expected.map(comparable), reasons]);
  for (const [index, { at }] of frames.entries())
    expect(isClose(at, expected[index]!.at), `frame ${index} at ${at}, recorded at ${expected[index]!.at}`).toBe(true);
}

describe("as Linux", () => {
  test.each(Object.keys(RECORDED))("%s", (name) => {
    const peer = new ScriptedPeer();
    const steps = RECORDED[name]!;
    for (const [index, recorded] of steps.entries()) {
      const endedAt =
        steps[index + 1]?.began ?? recorded.began! + Number(/^wait (.*)$/.exec(recorded.step)?.[1] ?? 0.04);
      compare(peer.step(recorded, endedAt), recorded);
    }
  });
});

/** Steps that nobody recorded, a tenth of a second apart; what was dropped. */
function dropsOf(...steps: readonly string[]): readonly string[] {
  const peer = new ScriptedPeer();
  return steps.flatMap((step, index) => peer.step({ step, began: index / 10 }, (index + 1) / 10).drops ?? []);
}

/** The n-th segment of 1000 bytes, in order. */
const segment = (_: unknown, index: number): string => `inject A seq ${1 + index * 1000} ack 1 len 1000`;
const SERVER = ["listen 80 5", "inject S seq 0 mss 1460", "inject A seq 1 ack 1", "accept"];

describe("nobody reads", () => {
  test("a connection's window closes, and what comes all the same is dropped", () => {
    const drops = dropsOf(...SERVER, ...Array.from({ length: 200 }, segment));
    expect(new Set(drops)).toEqual(new Set(["TCP_INVALID_SEQUENCE"]));
  });

  test("a UDP socket takes as many datagrams as its buffer, and the one that fills it", () => {
    const drops = dropsOf("udp bind 5000", ...Array.from({ length: 200 }, () => "udp inject 1000 to 5000"));
    // net.core.rmem_default, and what the kernel needs for each.
    const taken = Math.ceil(212_992 / (1000 + 768));
    expect(drops).toEqual(Array.from({ length: 200 - taken }, () => "SOCKET_RCVBUFF"));
  });
});

test("data with an acknowledgment of long ago", () => {
  expect(dropsOf(...SERVER, "inject PA seq 1 ack -100 len 10")).toEqual(["TCP_TOO_OLD_ACK"]);
});

test("every reason that TCP and UDP have for a drop occurs here", () => {
  const recorded = Object.values(RECORDED).flatMap((steps) => {
    const peer = new ScriptedPeer();
    return steps.flatMap((step, index) => {
      const { drops = [], steps: parts = [] } = peer.step(step, steps[index + 1]?.began ?? step.began! + 0.1);
      return [...drops, ...parts.flatMap((part) => part.drops ?? [])];
    });
  });
  const own = [
    ...dropsOf(...SERVER, ...Array.from({ length: 200 }, segment)),
    ...dropsOf("udp bind 5000", ...Array.from({ length: 200 }, () => "udp inject 1000 to 5000")),
    ...dropsOf(...SERVER, "inject PA seq 1 ack -100 len 10"),
  ];
  const reasons = Object.keys(DropReason).filter((name) => /^(?:TCP|UDP)_|^NO_SOCKET$|^SOCKET_RCVBUFF$/.test(name));
  // A segment that waited while the program's own call ended the connection; a window of nothing with nothing to read.
  const elsewhere = new Set(["TCP_CLOSE", "TCP_ZEROWINDOW"]);
  expect(reasons.filter((name) => !elsewhere.has(name) && !recorded.includes(name) && !own.includes(name))).toEqual([]);
});
