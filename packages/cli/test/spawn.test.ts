/** The built command as a process: what only a real pipe shows. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { ARP, ARP_WORDS, bytesOf, pcapOf } from "./fake.ts";

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
/** 200 bytes from one container to another. */
const UDP = Uint8Array.from([
  ...bytesOf("02420a00090502420a0009030800450000ba000000004011647b0a0009030a000905c0001f9000a60000"),
  ...new Uint8Array(158),
]);
const ALL = Number.POSITIVE_INFINITY;

/** Writes its parent the most memory that the process ever had, in KiB, when it ends. */
const TELL_MEMORY = `data:text/javascript,
import { writeSync } from "node:fs";
process.on("exit", () => writeSync(3, String(process.resourceUsage().maxRSS)));`;

/** The most memory that the command takes, in MB, for a stream of `total` bytes that begins with `head`. */
async function memoryOf(args: readonly string[], head: Uint8Array, records: Buffer, total: number): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", TELL_MEMORY, MAIN, ...args], {
    stdio: ["pipe", "ignore", "pipe", "pipe"],
  });
  const texts = [child.stdio[3] as Readable, child.stderr!].map((stream) => text(stream));
  const closed = once(child, "close");
  const stream = function* (): Generator<Uint8Array> {
    yield head;
    for (let sent = 0; sent < total; sent += records.length) yield records;
  };
  await pipeline(Readable.from(stream()), child.stdin!);
  const [code, signal] = (await closed) as [number | null, string | null];
  const [out, err] = await Promise.all(texts);
  return { code, signal, out: out!, err: err! };
}

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

  it.each([[[]], [["--json"]]])(
    "takes little memory for a long stream of small frames: decode %j",
    async (flags) => {
      const frames = pcapOf(Array.from({ length: 4000 }, () => UDP));
      const total = flags.length === 0 ? 250e6 : 60e6;
      const ended = await memoryOf(
        ["decode", ...flags, "-"],
        frames.subarray(0, 24),
        Buffer.from(frames.subarray(24)),
        total,
      );
      expect(ended).toMatchObject({ code: 0, signal: null, err: "" });
      expect(Number(ended.out) / 1000).toBeGreaterThan(20);
      expect(Number(ended.out) / 1000).toBeLessThan(130);
    },
    60_000,
  );

  it("ends --help in silence, too", async () => {
    expect(await ran(["decode", "--help"], new Uint8Array(), 1, true)).toMatchObject({ code: 0, err: "" });
  });
});
