/**
 * All examples run, and print what `expect.txt` and their pages say (examples/README.md).
 * `HOPSCOPE_WRITE_DOCS=1 npx vitest run packages/cli/test/run-examples.test.ts` writes it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { blocks, examples, missingHops, textOf, withOutput } from "./example.ts";
import { outcomeOf } from "./fake.ts";
import { ROOT } from "./workspace.ts";

const OUT = mkdtempSync(join(tmpdir(), "hopscope-"));
afterAll(() => rmSync(OUT, { recursive: true }));

const ALL = examples();
const isToBeWritten = process.env["HOPSCOPE_WRITE_DOCS"] === "1";

/** What the run says: warnings, then the steps; without the lines about the trace. */
async function printedBy(example: string, ...flags: readonly string[]): Promise<string> {
  const { code, out, err } = await outcomeOf(["run", `${example}/scenario.yml`, "-o", OUT, ...flags]);
  expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
  return err + out.replace(/\n\n[^\n]* -> [^\n]*trace\.pcapng\n(?:\d+ security associations -> [\s\S]*)?$/, "\n");
}

it("there are examples", () => {
  expect(ALL).toEqual(expect.arrayContaining(["examples/first-light"]));
});

describe.each(ALL)("%s", (example) => {
  const page = textOf(`${example}/README.md`);

  it("prints what it is expected to", async () => {
    const printed = await printedBy(example, "--no-hops");
    if (isToBeWritten) {
      writeFileSync(`${ROOT}${example}/expect.txt`, printed);
      if (page !== undefined) writeFileSync(`${ROOT}${example}/README.md`, withOutput(page, printed));
    }
    const expected = textOf(`${example}/expect.txt`);
    if (expected !== undefined) expect(printed, "HOPSCOPE_WRITE_DOCS=1 writes it").toBe(expected);
    const now = textOf(`${example}/README.md`);
    if (now !== undefined) expect(now, "HOPSCOPE_WRITE_DOCS=1 writes it").toBe(withOutput(now, printed));
  });
});

const WITH_HOPS = ALL.map((example) => [example, blocks(textOf(`${example}/README.md`) ?? "", "hops")] as const).filter(
  ([, hops]) => hops.length > 0,
);

it("there are pages that show hops", () => {
  expect(WITH_HOPS.length).toBeGreaterThan(10);
});

it.each(WITH_HOPS)("%s has the hops of its page", async (example, hops) => {
  const table = (await printedBy(example)).split("\n");
  for (const block of hops) expect(missingHops(block, table)).toEqual([]);
});

describe("a page", () => {
  const PRINTED = "$ one\n  | 1\n\n$ two\n  | 2\n\n$ one\n  | 3\n";

  it("gets the output of the steps it names, one after the other", () => {
    const before = "a\n```console\n$ one\nold\n\n$ two\n```\nb\n```console\n$ one\n```\n```sh\n$ x\n```\n";
    expect(withOutput(before, PRINTED)).toBe(
      "a\n```console\n$ one\n  | 1\n\n$ two\n  | 2\n```\nb\n```console\n$ one\n  | 3\n```\n```sh\n$ x\n```\n",
    );
    expect(withOutput("```console\n$ six\n```\n", PRINTED)).toContain("there is no such step");
  });

  it("shows hops without times, in order", () => {
    const table = [" 80.000 ms #1   n1 web.1/eth0   > ARP", "      dropped: NOMEM", " 81.000 ms #12  n2 x > ICMP"];
    expect(missingHops("n1 web.1/eth0 > ARP\n…\n  n2 x > ICMP\n", table)).toEqual([]);
    expect(missingHops("n2 x > ICMP\nn1 web.1/eth0 > ARP\n", table)).toEqual(["n1 web.1/eth0 > ARP"]);
  });
});
