/** The built command as a process: what only a real pipe shows. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { ARP, ARP_WORDS, pcapOf } from "./fake.ts";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command; stops reading its output after `lines` lines; leaves its input open unless `isClosed`. */
function ran(args: readonly string[], input: Uint8Array, lines: number, isClosed: boolean): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args]);
  let out = "";
  let err = "";
  child.stdin.on("error", () => {});
  child.stdin.write(input);
  if (isClosed) child.stdin.end();
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    if (out.split("\n").length > lines) child.stdout.destroy();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      child.stdin.destroy();
      resolve({ code, signal, out, err });
    });
  });
}

const MANY = pcapOf(Array.from({ length: 60_000 }, () => ARP));
const ALL = Number.POSITIVE_INFINITY;

describe("the built command", () => {
  beforeAll(() => {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: npx tsc -b makes it`);
  });

  it("reads standard input and answers 0", async () => {
    const ended = await ran(["decode", "-"], pcapOf([ARP]), ALL, true);
    expect(ended).toEqual({ code: 0, signal: null, out: `#1    0.000000  ${ARP_WORDS}\n`, err: "" });
  });

  it("answers 1 with the good packets on stdout and the damage on stderr", async () => {
    const ended = await ran(["decode", "-"], pcapOf([ARP, ARP]).subarray(0, 100), ALL, true);
    expect(ended).toMatchObject({ code: 1, out: `#1    0.000000  ${ARP_WORDS}\n` });
    expect(ended.err).toMatch(/^hopscope: stdin: byte 82: .*\nhopscope: 1 good packet before that was printed\n$/);
  });

  it("is silent and answers 0 when its reader goes away, as `| head -1` does", async () => {
    const ended = await ran(["decode", "-"], MANY, 1, true);
    expect(ended).toMatchObject({ code: 0, signal: null, err: "" });
  });

  it("does not wait for an input that stays open when its reader has gone", async () => {
    const ended = await ran(["decode", "-"], MANY, 1, false);
    expect(ended).toMatchObject({ code: 0, signal: null, err: "" });
  });

  it("ends --help in silence, too", async () => {
    expect(await ran(["decode", "--help"], new Uint8Array(), 1, true)).toMatchObject({ code: 0, err: "" });
  });
});
