/**
 * Imports go one way: codec <- tracer <- mesh <- cli. Checked twice: in every import there is, and in what lint says of
 * imports that there should not be, because a rule whose globs match nothing is silent.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { importsOf, modulesOf, packageOf, PACKAGES, ROOT, sourceOf } from "./workspace.ts";

interface Arrows {
  /** Packages that may be imported. */
  readonly packages: readonly string[];
  /** Modules that may import `node:`. */
  readonly node: RegExp;
}

const NEVER = /^$/;

const ARROWS: Readonly<Record<string, Arrows>> = {
  codec: { packages: [], node: NEVER },
  // The printers also run in a browser.
  tracer: { packages: ["@hopscope/codec"], node: /^(?!print\/)/ },
  mesh: { packages: ["@hopscope/codec", "@hopscope/tracer", "valibot", "yaml"], node: NEVER },
  cli: { packages: ["@hopscope/codec", "@hopscope/tracer", "@hopscope/mesh", "commander"], node: /./ },
};

/** The imports of a module that go against the arrows. */
function wrongImports(folder: string, module: string, source: string): string[] {
  const { packages, node } = ARROWS[folder]!;
  const modules = modulesOf(folder);
  const wrong = importsOf(source).filter(({ specifier }) => {
    if (specifier.startsWith("node:")) return !node.test(module);
    if (!specifier.startsWith(".")) return !packages.includes(packageOf(specifier));
    const path = posix.join(posix.dirname(module), specifier);
    return !path.endsWith(".ts") || !modules.includes(path.slice(0, -3));
  });
  return wrong.map(({ specifier }) => `${folder}/src/${module}.ts: ${specifier === "" ? "computed" : specifier}`);
}

describe("every import follows the arrows", () => {
  it.each(PACKAGES)("in $folder", ({ folder }) => {
    const modules = modulesOf(folder);
    expect(modules.length).toBeGreaterThan(5);
    expect(modules.flatMap((module) => wrongImports(folder, module, sourceOf(folder, module)))).toEqual([]);
  });

  it("and this test would see one that does not", () => {
    const seen = (source: string) => wrongImports("mesh", "swarm/x", source).length;
    expect(seen('import { run } from "hopscope";')).toBe(1);
    expect(seen('import type {\n  A,\n  B,\n} from "node:fs";')).toBe(1);
    expect(seen('export * from "../../../tracer/src/reader.ts";')).toBe(1);
    expect(seen('import "./side-effect.js";')).toBe(1);
    expect(seen('const zlib = await import("node:zlib");')).toBe(1);
    expect(seen("const any = await import(name);")).toBe(1);
    expect(seen('// import "node:fs";\n/* import "node:fs"; */\nimport { plan } from "./plan.ts";')).toBe(0);
  });
});

/** Files of packages that import what the second column says. */
const REFUSED: readonly (readonly [file: string, specifier: string])[] = [
  ["codec/src/x.ts", "@hopscope/tracer"],
  ["codec/src/x.ts", "@hopscope/tracer/link-type"],
  ["codec/src/x.ts", "@hopscope/codec/udp"],
  ["codec/src/x.ts", "../../mesh/src/index.ts"],
  ["codec/src/x.ts", "./../../mesh/src/index.ts"],
  ["codec/src/deep/x.ts", "../../../tracer/src/index.ts"],
  ["codec/src/x.ts", "node:fs"],
  ["codec/src/x.ts", "fs"],
  ["codec/src/x.ts", "yaml"],
  ["tracer/src/x.ts", "@hopscope/mesh"],
  ["tracer/src/x.ts", "../../mesh/src/index.ts"],
  ["tracer/src/x.ts", "../../codec/src/udp.ts"],
  ["tracer/src/x.ts", "hopscope"],
  ["tracer/src/x.ts", "yaml"],
  ["tracer/src/print/x.ts", "node:fs"],
  ["tracer/src/print/x.ts", "../reader.ts"],
  ["tracer/src/print/x.ts", "@hopscope/mesh"],
  ["tracer/src/print/x.ts", "../../../mesh/src/index.ts"],
  ["mesh/src/x.ts", "hopscope"],
  ["mesh/src/x.ts", "../../cli/src/program.ts"],
  ["mesh/src/swarm/x.ts", "../../../cli/src/program.ts"],
  ["mesh/src/swarm/x.ts", "../../../tracer/src/link-type.ts"],
  ["mesh/src/x.ts", "node:fs"],
  ["mesh/src/x.ts", "node:fs/promises"],
  ["mesh/src/x.ts", "fs"],
  ["mesh/src/x.ts", "@hopscope/tracer"],
  ["mesh/src/x.ts", "@hopscope/tracer/reader"],
  ["cli/src/x.ts", "../../mesh/src/index.ts"],
  ["cli/src/x.ts", "fs"],
];

const ALLOWED: typeof REFUSED = [
  ["codec/src/x.ts", "./udp.ts"],
  ["tracer/src/x.ts", "./print/line.ts"],
  ["tracer/src/x.ts", "node:fs/promises"],
  ["tracer/src/x.ts", "@hopscope/codec"],
  ["tracer/src/print/x.ts", "@hopscope/codec/udp"],
  ["tracer/src/print/x.ts", "../link-type.ts"],
  ["mesh/src/x.ts", "./swarm/plan.ts"],
  ["mesh/src/swarm/x.ts", "../tables/fdb.ts"],
  ["mesh/src/x.ts", "@hopscope/codec/udp"],
  ["mesh/src/x.ts", "@hopscope/tracer/pcapng-blocks"],
  ["mesh/src/x.ts", "@hopscope/tracer/print/line"],
  ["mesh/src/x.ts", "valibot"],
  ["cli/src/x.ts", "@hopscope/mesh"],
  ["cli/src/x.ts", "node:fs"],
  ["cli/src/x.ts", "commander"],
];

/** Those of the imports that lint refuses, each alone in a file of its own. */
function refusedByLint(imports: typeof REFUSED): (typeof REFUSED)[number][] {
  const scratch = mkdtempSync(join(tmpdir(), "hopscope-arrows-"));
  try {
    copyFileSync(`${ROOT}.oxlintrc.json`, join(scratch, ".oxlintrc.json"));
    const paths = imports.map(([file], index) => `packages/${file.replace("x.ts", `x${index}.ts`)}`);
    for (const [index, path] of paths.entries()) {
      mkdirSync(join(scratch, dirname(path)), { recursive: true });
      writeFileSync(join(scratch, path), `export { x } from "${imports[index]![1]}";\n`);
    }
    const oxlint = `${ROOT}node_modules/oxlint/bin/oxlint`;
    const { stdout } = spawnSync(process.execPath, [oxlint, "--format=json"], { cwd: scratch, encoding: "utf8" });
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly { code: string; filename: string }[] };
    const refused = new Set(
      diagnostics
        .filter(({ code }) => code === "eslint(no-restricted-imports)")
        .map(({ filename }) => filename.replaceAll("\\", "/")),
    );
    return imports.filter((_, index) => refused.has(paths[index]!));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

describe("lint", () => {
  it("refuses every import against the arrows", () => {
    expect(refusedByLint(REFUSED)).toEqual(REFUSED);
  });

  it("allows those along the arrows", () => {
    expect(refusedByLint(ALLOWED)).toEqual([]);
  });
});
