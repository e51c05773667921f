import { Readable, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { Output, OutputError } from "../src/output.ts";
import { run } from "../src/program.ts";
import { ARP, pcapOf, Sink } from "./fake.ts";
import { ROOT } from "./workspace.ts";

/** Takes a chunk when it is told to. */
class Slow extends Writable {
  readonly chunks: string[] = [];
  #release: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 16 });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.chunks.push(chunk.toString());
    this.#release = callback;
  }

  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
}

/** Fails as a stream does whose other end is gone. */
class Broken extends Writable {
  readonly #code: string;
  writes = 0;

  constructor(code: string) {
    super();
    this.#code = code;
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, callback: (error: Error) => void): void {
    this.writes++;
    callback(Object.assign(new Error(`${this.#code}: it went wrong`), { code: this.#code }));
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("Output", () => {
  it("gathers lines and says when it is time to write them", async () => {
    const sink = new Sink();
    const output = new Output(sink);
    const line = "x".repeat(999);
    let lines = 1;
    while (!output.line(line)) lines++;
    expect(sink.text).toBe("");
    expect(lines).toBe(66);
    await output.flush();
    expect(sink.text).toBe(`${line}\n`.repeat(66));
    output.line("last");
    await output.flush();
    expect(sink.text.endsWith("x\nlast\n")).toBe(true);
  });

  it("writes what waits when nothing more comes: a live capture may be silent for long", async () => {
    const sink = new Sink();
    const output = new Output(sink);
    expect(output.line("first")).toBe(false);
    await expect.poll(() => sink.text).toBe("first\n");
  });

  it("waits for a stream that is slow", async () => {
    const slow = new Slow();
    const output = new Output(slow);
    output.line("a".repeat(100));
    let isFlushed = false;
    const flushed = output.flush().then(() => {
      isFlushed = true;
    });
    await turns();
    expect(isFlushed).toBe(false);
    slow.release();
    await flushed;
    output.line("b");
    let isEnded = false;
    const ended = output.flush().then(() => {
      isEnded = true;
    });
    await turns();
    expect(isEnded).toBe(false);
    slow.release();
    await ended;
    expect(slow.chunks).toEqual([`${"a".repeat(100)}\n`, "b\n"]);
  });

  it("ends in silence when nobody reads any more, and says so once", async () => {
    const broken = new Broken("EPIPE");
    let closed = 0;
    const output = new Output(broken, () => {
      closed++;
    });
    output.line("a");
    await output.flush();
    await turns();
    expect([output.isClosed, closed]).toEqual([true, 1]);
    expect(output.line("b")).toBe(true);
    await output.flush();
    await output.flush();
    expect(broken.writes).toBe(1);
  });

  it("throws if writing fails for another reason", async () => {
    const output = new Output(new Broken("ENOSPC"));
    output.line("a");
    await expect(output.flush()).rejects.toThrow(OutputError);
    await expect(output.flush()).rejects.toThrow("cannot write the output: ENOSPC: it went wrong");
  });

  const SCENARIO = `${ROOT}examples/first-light/scenario.yml`;
  it.each([
    ["run", SCENARIO],
    ["plan", SCENARIO],
    ["inspect", SCENARIO, "ip", "addr"],
    ["decode", "-"],
  ])("is no mistake of hopscope's if %s cannot write", async (...args) => {
    const stderr = new Sink();
    const stdin = Readable.from([pcapOf([ARP])], { objectMode: false });
    expect(await run(args, { stdin, stdout: new Broken("ENOSPC"), stderr, env: {} })).toBe(1);
    expect(stderr.text).toBe("hopscope: cannot write the output: ENOSPC: it went wrong\n");
  });
});
