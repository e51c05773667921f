/** Reassembly against a model, and its limits: Linux net/ipv4/ip_fragment.c. */
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Frame, FramePoolOptions } from "../../src/frame.ts";
import { FragmentUser } from "../../src/host/ip-fragment.ts";
import type { Netns } from "../../src/netns.ts";
import { dropReasonName } from "../../src/trace/drop-reason.ts";
import { Lab } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";

interface Part {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly more: boolean;
}

interface FragmentOptions {
  readonly id?: number;
  readonly df?: boolean;
  readonly tos?: number;
  readonly srcIp?: string;
  readonly protocol?: number;
}

class Host extends Lab {
  readonly a: Netns = this.netns("a");
  readonly b: Netns = this.netns("b");

  constructor(options: FramePoolOptions = {}) {
    super(options);
    this.wire(this.a, "10.1.0.1/24", this.b, "10.1.0.2/24");
  }

  fragment({ offset, bytes, more }: Part, options: FragmentOptions = {}): Frame {
    const { id = 1, df = false, tos = 0, srcIp = "10.1.0.2", protocol = 253 } = options;
    const packet = ipv4.encode({ protocol, identification: id, tos, srcIp: ip(srcIp), dstIp: ip("10.1.0.1") }, bytes);
    const view = new DataView(packet.buffer, packet.byteOffset);
    const flags = (more ? ipv4.MORE_FRAGMENTS : 0) | (df ? ipv4.DONT_FRAGMENT : 0);
    ipv4.setFlagsAndFragmentOffset(view, 0, flags | (offset / 8));
    ipv4.fillChecksum(view, 0);
    const device = this.a.deviceNamed("b")!;
    const frame = ethernet.encode({ srcMac: 1, dstMac: device.mac, etherType: 0x0800 }, packet);
    const made = this.frames.allocate(frame.length)!;
    this.frames.bytes.set(frame, made.start);
    return made;
  }

  add(part: Part, options: FragmentOptions = {}, user: FragmentUser = FragmentUser.localDeliver): Frame | undefined {
    return this.a.ipv4.fragments.add(this.fragment(part, options), this.a.deviceNamed("b")!, user);
  }

  payload(frame: Frame): Uint8Array {
    return this.frames.bytes.slice(frame.start + 34, frame.end);
  }

  /** Why fragments ended. */
  get reasons(): string[] {
    return Array.from(this.recorder.unreported.keys(), dropReasonName);
  }

  /** As a driver would. */
  receive(part: Part, options: FragmentOptions = {}): void {
    this.a.deviceNamed("b")!.receive(this.fragment(part, options));
  }
}

const bytesOf = (length: number, from: number = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (from + index) & 0xff);

/** A payload cut at any multiples of eight, in any order. */
const cut = fc
  .tuple(
    fc.integer({ min: 1, max: 3000 }),
    fc.array(fc.nat({ max: 374 }), { maxLength: 8 }),
    fc.infiniteStream(fc.nat()),
  )
  .map(([length, cuts, chance]) => {
    const at = [...new Set([0, ...cuts.map((each) => each * 8).filter((each) => each < length)])].toSorted(
      (a, b) => a - b,
    );
    const bytes = bytesOf(length);
    const parts = at.map((offset, index): Part => {
      const end = at[index + 1] ?? length;
      return { offset, bytes: bytes.subarray(offset, end), more: end < length };
    });
    const order = parts.map((part) => [chance.next().value, part] as const).toSorted((a, b) => a[0] - b[0]);
    return { bytes, parts: order.map(([, part]) => part), sizes: parts.map((part) => part.bytes.length) };
  });

describe("fragments", () => {
  test("in any order are the packet again, once, and nothing is left", () => {
    fc.assert(
      fc.property(cut, ({ bytes, parts, sizes }) => {
        const host = new Host();
        for (const part of parts.slice(0, -1)) expect(host.add(part)).toBeUndefined();
        const whole = host.add(parts.at(-1)!)!;
        const { view } = host.frames;
        const at = whole.start + 14;
        expect(host.payload(whole)).toEqual(bytes);
        expect(ipv4.totalLength(view, at)).toBe(20 + bytes.length);
        expect(ipv4.isChecksumValid(view, at)).toBe(true);
        expect(ipv4.isFragment(view, at)).toBe(false);
        expect(whole.fragMaxSize).toBe(20 + Math.max(...sizes));
        expect(whole.pieces).toEqual(sizes);
        expect(host.frames.live).toBe(1);
        expect(host.a.ipv4.fragments.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("any of them may come twice", () => {
    fc.assert(
      fc.property(cut, fc.nat(), ({ bytes, parts }, chance) => {
        const host = new Host();
        const twice = chance % parts.length;
        let whole: Frame | undefined;
        for (const [index, part] of parts.entries()) {
          whole = host.add(part);
          if (index !== twice || whole !== undefined) continue;
          expect(host.add(part)).toBeUndefined();
          expect(host.reasons).toEqual(["DUP_FRAG"]);
        }
        expect(host.payload(whole!)).toEqual(bytes);
        expect(host.frames.live).toBe(1);
      }),
      { numRuns: 40 },
    );
  });

  test("that overlap spoil the packet (RFC 5722)", () => {
    const one = { offset: 0, bytes: bytesOf(16), more: true };
    const three = { offset: 24, bytes: bytesOf(8), more: false };
    for (const second of [
      { offset: 8, bytes: bytesOf(16), more: true },
      { offset: 16, bytes: bytesOf(16), more: true },
      { offset: 8, bytes: bytesOf(32), more: false },
    ]) {
      const host = new Host();
      host.add(one);
      host.add(three);
      expect(host.add(second)).toBeUndefined();
      expect(host.frames.live).toBe(0);
      expect(host.a.ipv4.fragments.size).toBe(0);
      expect(host.reasons).toEqual(["FRAG_REASM_FAILED"]);
    }
  });

  test("that end in two places, or behind the end, spoil the packet", () => {
    for (const second of [
      { offset: 8, bytes: bytesOf(8), more: false },
      { offset: 24, bytes: bytesOf(8), more: true },
      { offset: 24, bytes: bytesOf(8), more: false },
      { offset: 8, bytes: bytesOf(0), more: true },
    ]) {
      const host = new Host();
      host.add({ offset: 16, bytes: bytesOf(4), more: false });
      expect(host.add(second)).toBeUndefined();
      expect(host.frames.live).toBe(0);
    }
  });

  test("of a packet of more than 65535 bytes come to nothing", () => {
    const host = new Host();
    for (let offset = 0; offset < 65_520; offset += 1456) host.add({ offset, bytes: bytesOf(1456), more: true });
    expect(host.add({ offset: 65_520, bytes: bytesOf(15), more: false })).toBeUndefined();
    expect(host.frames.live).toBe(0);
  });

  test("belong together by both addresses, protocol, identification, and who asks", () => {
    const host = new Host();
    const first = { offset: 0, bytes: bytesOf(8), more: true };
    const last = { offset: 8, bytes: bytesOf(8), more: false };
    host.add(first);
    host.add(last, { id: 2 });
    host.add(last, { srcIp: "10.1.0.3" });
    host.add(last, { protocol: 252 });
    expect(host.add(last, {}, FragmentUser.conntrackIn)).toBeUndefined();
    expect(host.a.ipv4.fragments.size).toBe(5);
    expect(host.add(last)).toBeDefined();
  });

  test("a whole that nobody was to cut stays so if its largest piece said so", () => {
    const flags = (dfOf: readonly boolean[]): boolean => {
      const host = new Host();
      host.add({ offset: 0, bytes: bytesOf(16), more: true }, { df: dfOf[0]! });
      const whole = host.add({ offset: 16, bytes: bytesOf(8), more: false }, { df: dfOf[1]! })!;
      return ipv4.dontFragment(host.frames.view, whole.start + 14);
    };
    expect([flags([true, true]), flags([true, false]), flags([false, true]), flags([false, false])]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("that met congestion say so together, or are dropped (RFC 3168 §5.3)", () => {
    const tosOf = (first: number, second: number): number | undefined => {
      const host = new Host();
      host.add({ offset: 0, bytes: bytesOf(8), more: true }, { tos: first });
      const whole = host.add({ offset: 8, bytes: bytesOf(8), more: false }, { tos: second });
      return whole === undefined ? undefined : ipv4.tos(host.frames.view, whole.start + 14);
    };
    expect([tosOf(0, 0), tosOf(2, 2), tosOf(2, 3), tosOf(3, 1)]).toEqual([0, 2, 3, 3]);
    expect([tosOf(0, 2), tosOf(0, 3), tosOf(1, 0)]).toEqual([undefined, undefined, undefined]);
  });
});

describe("fragments that wait", () => {
  test("are given up after thirty seconds, and who has the first one says so", () => {
    const host = new Host();
    host.receive({ offset: 0, bytes: bytesOf(16), more: true });
    host.run(29.9e9);
    expect(host.frames.live).toBe(1);
    host.run(1e9);
    expect(host.frames.live).toBe(0);
    expect(host.seen("a/b", "out")).toMatchObject([{ dstIp: "10.1.0.2", icmp: "11/1", length: 20 + 8 + 36 }]);
    expect(host.steps()).toContain("dropped: FRAG_REASM_TIMEOUT");
  });

  test("without the first one are given up in silence", () => {
    const host = new Host();
    host.receive({ offset: 16, bytes: bytesOf(16), more: true });
    host.run(31e9);
    expect(host.frames.live).toBe(0);
    expect(host.seen("a/b", "out")).toEqual([]);
  });

  test("wait no longer if sixty-four others have come from there since", () => {
    const host = new Host();
    host.add({ offset: 0, bytes: bytesOf(8), more: true });
    for (let id = 2; id < 70; id++) host.add({ offset: 0, bytes: bytesOf(8), more: true }, { id });
    expect(host.add({ offset: 8, bytes: bytesOf(8), more: false })).toBeUndefined();
    expect(host.reasons).toEqual(["FRAG_TOO_FAR"]);
  });

  test("take no more than four megabytes", () => {
    const host = new Host({ slots: 1, jumboSlots: 200 });
    let id = 0;
    while (host.frames.live === id) host.add({ offset: 0, bytes: bytesOf(40_000), more: true }, { id: id++ });
    // The last one was dropped: so many times what each costs is too much.
    expect(id).toBe(Math.ceil((4 * 1024 * 1024) / (40_000 + 768)) + 1);
    // What waits may still become whole.
    expect(host.add({ offset: 40_000, bytes: bytesOf(8), more: false }, { id: id - 5 })).toBeDefined();
  });

  test("go with their namespace", () => {
    const host = new Host();
    host.add({ offset: 0, bytes: bytesOf(8), more: true });
    host.a.delete();
    expect(host.frames.live).toBe(0);
    host.run(40e9);
    expect(host.seen()).toEqual([]);
  });
});
