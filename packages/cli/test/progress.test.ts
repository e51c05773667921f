import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { Progress, progressText } from "../src/progress.ts";
import { Sink } from "./fake.ts";

/** Looks at a clock that moves `step` milliseconds each 4096 packets; answers what stderr got. */
function shown(step: number, looks: number, isTTY: { readonly stdout: boolean; readonly stderr: boolean }): string {
  const stderr = new Sink(isTTY.stderr);
  let now = 0;
  const io = { stdin: Readable.from([]), stdout: new Sink(isTTY.stdout), stderr, env: {} };
  const progress = new Progress(io, 1_000_000, () => now);
  for (let packets = 1; packets <= looks * 4096; packets++) {
    if (packets % 4096 === 0) now += step;
    progress.step(packets, packets * 10);
  }
  progress.end();
  return stderr.text;
}

const FILE = { stdout: false, stderr: true };

describe("progress", () => {
  it("appears after a second, four times a second, and is erased", () => {
    expect(shown(100, 14, FILE)).toBe(
      "\r\u001b[K40,960 packets  0.4 MB  40 %\r\u001b[K53,248 packets  0.5 MB  53 %\r\u001b[K",
    );
  });

  it("says nothing about what takes less than a second", () => {
    expect(shown(100, 9, FILE)).toBe("");
  });

  it("is for a terminal that shows nothing else", () => {
    expect(shown(100, 14, { stdout: true, stderr: true })).toBe("");
    expect(shown(100, 14, { stdout: false, stderr: false })).toBe("");
  });

  it("leaves a person alone who pages through the output", () => {
    expect(shown(1500, 14, FILE)).toBe("");
  });
});

describe("progressText", () => {
  it("has no share where nobody knows the whole", () => {
    expect(progressText(1_234_567, 85_200_000, undefined)).toBe("1,234,567 packets  85.2 MB");
    expect(progressText(4096, 50, 200)).toBe("4,096 packets  0.0 MB  25 %");
    expect(progressText(4096, 500, 200)).toBe("4,096 packets  0.0 MB  100 %");
  });
});
