/** docs/protocols.md says what is so. `HOPSCOPE_WRITE_DOCS=1 npx vitest run packages/codec/test/coverage.test.ts` writes it. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LayerKind, type LayerName } from "../src/layers.ts";
import { coverageTables, recorded } from "./coverage.ts";

const PAGE = new URL("../../../docs/protocols.md", import.meta.url);
const START = "<!-- Made by packages/codec/test/coverage.test.ts from here on. -->\n";

const seen = recorded();

describe("the recordings", () => {
  it("come back from decode and encode, header by header", () => {
    const changed = [...seen].filter(([, { headers, survived }]) => headers !== survived);
    expect(changed.map(([name, { changed: bytes }]) => `${name}: ${bytes}`)).toEqual([]);
  });

  it("have every kind of header", () => {
    const kinds = (Object.keys(LayerKind) as LayerName[]).filter((name) => name !== "data");
    expect(kinds.filter((name) => (seen.get(name)?.headers ?? 0) === 0)).toEqual([]);
  });
});

describe("docs/protocols.md", () => {
  it("says what is so", () => {
    const [prose] = readFileSync(PAGE, "utf8").split(START);
    const page = `${prose}${START}\n${coverageTables(seen)}`;
    if (process.env["HOPSCOPE_WRITE_DOCS"] === "1") writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, "utf8"), "HOPSCOPE_WRITE_DOCS=1 writes it").toBe(page);
  });
});
