/** The list of recordings is complete, and none has changed. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const FOLDER = new URL("../../../../fixtures/control/", import.meta.url);

test("every recording is in the manifest, with its sum", () => {
  const manifest = readFileSync(new URL("MANIFEST.md", FOLDER), "utf8");
  const listed = [...manifest.matchAll(/^\| (\S+\.json) .* `([0-9a-f]{64})` \|$/gm)].map(([, name, sum]) => [
    name,
    sum,
  ]);
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  const found = files.toSorted().map((name) => [
    name,
    createHash("sha256")
      .update(readFileSync(new URL(name, FOLDER)))
      .digest("hex"),
  ]);
  expect(found.length).toBeGreaterThan(25);
  expect(listed).toEqual(found);
});
