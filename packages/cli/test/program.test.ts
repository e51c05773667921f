import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { outcomeOf } from "./fake.ts";

describe("help", () => {
  it("names every command with what it answers, and shows how to begin", async () => {
    const { code, out, err } = await outcomeOf(["--help"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("Usage: hopscope");
    expect(out).toMatch(/ {2}decode \[options\] <file> +what is in this capture\?/);
    expect(out).toContain("hopscope decode capture.pcapng");
    expect(out).toContain("Exit status:");
  });

  it("of a command names all its options, examples and exit status", async () => {
    for (const args of [
      ["decode", "--help"],
      ["help", "decode"],
    ]) {
      const { code, out } = await outcomeOf(args);
      expect(code).toBe(0);
      for (const option of ["--tree", "--hex", "--json", "--count", "--mac", "--time", "--vxlan-port", "--no-color"]) {
        expect(out).toContain(option);
      }
      expect(out).toMatch(/Examples:[^]*Exit status:/);
    }
  });

  it("keeps to 120 columns", async () => {
    const [program, decode] = await Promise.all([outcomeOf(["--help"]), outcomeOf(["decode", "--help"])]);
    for (const line of `${program.out}${decode.out}`.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
  });

  it("has the version of the package", async () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await outcomeOf(["--version"])).toEqual({ code: 0, out: `${manifest.version}\n`, err: "" });
  });
});

describe("a command line that makes no sense", () => {
  it.each([
    [["decode"], "missing required argument 'file'"],
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["frobnicate", "--help"], "unknown command 'frobnicate'"],
    [["decode", "--frob", "x"], "unknown option '--frob'"],
    [["decode", "a", "b"], "too many arguments for 'decode'"],
    [["decode", "--json", "--tree", "x"], "option '-j, --json' cannot be used with option '-t, --tree'"],
    [["decode", "--count", "0", "x"], "Expected a whole number from 1 to"],
    [["decode", "--count", "many", "x"], "Expected a whole number from 1 to"],
    [["decode", "--vxlan-port", "65536", "x"], "Expected a whole number from 1 to 65535"],
    [["decode", "--time", "noon", "x"], "Allowed choices are relative, delta, utc, epoch"],
  ])("%j answers 2 and says why", async (args, problem) => {
    const { code, out, err } = await outcomeOf(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^hopscope: /);
    expect(err).toContain(problem);
    expect(err).toContain("--help says more");
  });

  it("that is empty shows the help, and answers 2", async () => {
    const { code, err } = await outcomeOf([]);
    expect(code).toBe(2);
    expect(err).toContain("Usage: hopscope");
  });
});
