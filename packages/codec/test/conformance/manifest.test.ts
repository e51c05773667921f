/** Every fixture is what MANIFEST.md says it is, and none is unlisted. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CAPTURES, captureBytes, FIXTURES, openFixture, readFixture } from "./captures.ts";

interface Row {
  readonly file: string;
  readonly packets: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly plainSha256: string;
}

/** The rows of all tables: file, what it shows, made by, packets, bytes, two sums. */
const ROWS: readonly Row[] = readFixture("MANIFEST.md")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter((cells) => (cells[1] ?? "").endsWith(".gz"))
  .map((cells) => ({
    file: cells[1]!,
    packets: Number(cells[4]),
    bytes: Number(cells[5]),
    sha256: cells[6]!.replaceAll("`", ""),
    plainSha256: cells[7]!.replaceAll("`", ""),
  }));

/** Beside captures and expectations. */
const OTHERS: ReadonlySet<string> = new Set([
  "MANIFEST.md",
  "q5-encrypted.keys.json",
  "record-linux.py",
  "record-sctp.c",
]);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("fixtures/pcaps/MANIFEST.md", () => {
  it("lists every capture once", () => {
    expect(ROWS.map((row) => row.file).toSorted()).toEqual(CAPTURES.map((name) => `${name}.gz`));
  });

  it("knows every other file", () => {
    const expected = new Set(CAPTURES.flatMap((name) => [`${name}.gz`, `${name}.tshark.txt`]));
    const files = readdirSync(FIXTURES, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        `${entry.parentPath}/${entry.name}`.replaceAll("\\", "/").slice(FIXTURES.length).replace(/^\//, ""),
      );
    expect(files.filter((file) => !expected.has(file) && !OTHERS.has(file))).toEqual([]);
    expect([...expected, ...OTHERS].filter((file) => !files.includes(file))).toEqual([]);
  });

  it.each(ROWS)("has the sums, length and packets of $file", ({ file, packets, bytes, sha256: sum, plainSha256 }) => {
    const compressed = readFileSync(`${FIXTURES}${file}`);
    expect(sha256(compressed)).toBe(sum);
    expect(compressed.length).toBe(bytes);
    // The time in gzip's header would make two files of one capture.
    expect(compressed.readUInt32LE(4)).toBe(0);
    const name = file.slice(0, -3);
    expect(sha256(captureBytes(name))).toBe(plainSha256);
    const reader = openFixture(name);
    while (reader.next());
    expect(reader.number).toBe(packets);
  });
});
