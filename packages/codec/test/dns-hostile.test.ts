import { describe, expect, it } from "vitest";
import * as dns from "../src/dns.ts";
import { Status } from "../src/status.ts";
import { bytesOf, viewOf } from "./hex.ts";

/** Counts what is read: work without a clock. */
class CountingView extends DataView<ArrayBuffer> {
  reads = 0;
  override getUint8(at: number): number {
    this.reads++;
    return super.getUint8(at);
  }
  override getUint16(at: number): number {
    this.reads++;
    return super.getUint16(at);
  }
  override getUint32(at: number): number {
    this.reads++;
    return super.getUint32(at);
  }
}

function counting(bytes: Uint8Array): CountingView {
  return new CountingView(bytes.slice().buffer);
}

describe("hostile messages of 64 KiB", () => {
  /** Names of 255 octets in labels of one byte, the most work there is in a name. */
  const LONG = `${"0161".repeat(127)}00`;

  function hostile(questions: number, answers: number, body: string): Uint8Array {
    const count = (value: number): string => Math.min(value, 0xffff).toString(16).padStart(4, "0");
    return bytesOf(`0000 8000 ${count(questions)} ${count(answers)} 0000 0000 ${body}`);
  }

  const manyQuestions = hostile(10_800, 0, `${LONG}00010001${"c00c00010001".repeat(10_799)}`);
  const manyTargets = hostile(1, 4_600, `${LONG}00010001${"c00c000c0001000000000002c00c".repeat(4_600)}`);
  /** Data of 125 pointers from offset 23 on, each to the one before it, the first to the root at 12. */
  const chain = Array.from({ length: 125 }, (_, index) => 0xc000 | (index === 0 ? 12 : 21 + index * 2));
  const chains = hostile(
    0,
    5_400,
    `00ff00000100000000 00fa ${chain.map((pointer) => pointer.toString(16)).join("")}` +
      `${(0xc000 | (23 + 124 * 2)).toString(16)}00010001000000000000`.repeat(5_399),
  );

  it.each([
    ["many questions that point at one long name", manyQuestions],
    ["many records that point at one long name twice", manyTargets],
    ["many records that enter a long chain of pointers", chains],
  ])("%s cost a bounded number of reads a byte", (_what, bytes) => {
    expect(bytes.length).toBeGreaterThan(64_000);
    expect(bytes.length).toBeLessThanOrEqual(0xffff);
    const checking = counting(bytes);
    expect(dns.check(checking, 0, bytes.length)).toBe(Status.ok);
    expect(checking.reads).toBeLessThan(bytes.length * 64);
    const building = counting(bytes);
    expect(dns.plain(building, 0, bytes.length).questionCount).toBe(dns.questionCount(checking, 0));
    expect(building.reads).toBeLessThan(bytes.length * 128);
  });

  it("a text that is pointed at often is built once", () => {
    const { questions } = dns.plain(viewOf(manyQuestions), 0, manyQuestions.length);
    expect(questions).toHaveLength(10_800);
    expect(new Set(questions.map((question) => question.name)).size).toBe(1);
    const view = counting(manyQuestions);
    const checking = counting(manyQuestions);
    dns.check(checking, 0, manyQuestions.length);
    dns.plain(view, 0, manyQuestions.length);
    expect(view.reads - checking.reads).toBeLessThan(manyQuestions.length);
  });

  it("counts that lie end with the bytes", () => {
    const bytes = hostile(0xffff, 0xffff, "00".repeat(65_000));
    const view = counting(bytes);
    expect(dns.check(view, 0, bytes.length)).toBe(Status.truncated);
    expect(view.reads).toBeLessThan(bytes.length);
  });
});
