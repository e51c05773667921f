/** Links in the documents lead to files that are there. */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, it } from "vitest";
import { exists, ROOT } from "./workspace.ts";

const IGNORED = /(?:^|\/)(?:node_modules|dist|out|coverage|\.git|\.cache)\//;

const PAGES = ["", ..."bench docs examples fixtures packages".split(" ").map((folder) => `${folder}/`)].flatMap(
  (folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: folder !== "", encoding: "utf8" })
      .map((name) => `${folder}${name.replaceAll("\\", "/")}`)
      .filter((name) => name.endsWith(".md") && !IGNORED.test(name)),
);

it("there are pages to look at", () => {
  expect(PAGES).toEqual(expect.arrayContaining(["README.md", "docs/protocols.md", "packages/codec/README.md"]));
});

it.each(PAGES)("%s", (page) => {
  const text = readFileSync(ROOT + page, "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!.replace(/#.*/, ""));
  const missing = targets.filter(
    (target) => !/^(?:https?:|mailto:|$)/.test(target) && !exists(posix.join(posix.dirname(page), target)),
  );
  expect(missing).toEqual([]);
});

it("docs/fidelity.md names the recordings that runs are compared with, and no others", () => {
  const compared = ["", "docker-28/"].flatMap((folder) =>
    readdirSync(`${ROOT}fixtures/conformance/${folder}`)
      .filter((name) => name.endsWith(".yml"))
      .map((name) => name.slice(0, -4)),
  );
  const text = readFileSync(`${ROOT}docs/fidelity.md`, "utf8");
  const section = /^## Compared\n([\s\S]*?)^## /m.exec(text)![1]!;
  expect([...section.matchAll(/^\| `(.+?)` \|/gm)].map((match) => match[1]!)).toEqual(
    [...new Set(compared)].toSorted(),
  );
});
