/** The facts of the four package.json files: what somebody who installs a package gets. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Entry,
  exists,
  importsOf,
  modulesOf,
  packageOf,
  PACKAGES,
  readManifest,
  ROOT,
  sourceOf,
} from "./workspace.ts";

const WORKSPACE = readManifest("package.json");
const LIBRARIES = PACKAGES.filter(({ folder }) => folder !== "cli");

/**
 * Modules of codec and tracer that have no subpath, because nobody needs their names. In mesh it is the other way
 * round: those that its root exports have one.
 */
const INTERNAL: Readonly<Record<string, readonly string[]>> = {
  codec: ["bytes", "checksum-kernel", "octets", "vxlan-checksums"],
  tracer: [
    "byte-writer",
    ...["describe", "field-text", "notes", "printed", "style", "value"].map((name) => `print/${name}`),
  ],
};

function publicModules(folder: string): readonly string[] {
  const internal = INTERNAL[folder];
  if (internal !== undefined) {
    return modulesOf(folder).filter((module) => module !== "index" && !internal.includes(module));
  }
  const exported = importsOf(sourceOf(folder, "index")).map(({ specifier }) => specifier.slice(2, -3));
  return exported.toSorted();
}

function entryOf(module: string): Entry {
  return {
    "@hopscope/source": `./src/${module}.ts`,
    types: `./dist/${module}.d.ts`,
    default: `./dist/${module}.js`,
  };
}

/** The exact versions that the workspace agrees on, by name. */
function catalog(): ReadonlyMap<string, string> {
  const text = readFileSync(`${ROOT}pnpm-workspace.yaml`, "utf8");
  const block = /^catalog:\n((?: {2}.+\n)+)/m.exec(text)![1]!;
  return new Map([...block.matchAll(/^ {2}"?([^":]+)"?: (.+)$/gm)].map((match) => [match[1]!, match[2]!]));
}

describe.each(PACKAGES)("$manifest.name", ({ folder, manifest }) => {
  it("has the workspace's version, license and engines", () => {
    const { version, license, engines } = WORKSPACE;
    expect(manifest).toMatchObject({ version, license, engines });
  });

  it("ships the license", () => {
    expect(readFileSync(`${ROOT}packages/${folder}/LICENSE`, "utf8")).toBe(readFileSync(`${ROOT}LICENSE`, "utf8"));
  });

  it("is an ES module without side effects, and ships its build, its source and what examples it has", () => {
    const examples = exists(`packages/${folder}/examples`) ? ["examples"] : [];
    expect(manifest).toMatchObject({ type: "module", sideEffects: false, files: ["dist", ...examples, "src"] });
    const legacy = ["main", "module", "browser", "types", "typings", "typesVersions", "scripts", "private"];
    expect(Object.keys(manifest).filter((field) => legacy.includes(field))).toEqual([]);
  });

  it("depends on its neighbors by workspace, on others by the catalog, and on nothing else", () => {
    const { dependencies = {} } = manifest;
    for (const [name, version] of Object.entries(dependencies)) {
      expect(version, name).toBe(name.startsWith("@hopscope/") ? "workspace:*" : "catalog:");
    }
    const others = ["devDependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"];
    expect(Object.keys(manifest).filter((field) => others.includes(field))).toEqual([]);
  });

  it("declares every package that it imports, and imports every package that it declares", () => {
    const imported = modulesOf(folder)
      .flatMap((module) => importsOf(sourceOf(folder, module)))
      .map(({ specifier }) => specifier)
      .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
      .map(packageOf);
    expect([...new Set(imported)].toSorted()).toEqual(Object.keys(manifest.dependencies ?? {}).toSorted());
  });
});

describe.each(LIBRARIES)("exports of $manifest.name", ({ folder, manifest }) => {
  const { exports = {} } = manifest;
  const subpaths = Object.keys(exports).slice(1, -1);

  it("start with the root, end with package.json, and are sorted between", () => {
    expect(Object.keys(exports)).toEqual([".", ...subpaths.toSorted(), "./package.json"]);
    expect(exports["./package.json"]).toBe("./package.json");
  });

  it("have the source first, for the workspace, then types, then the built module", () => {
    for (const [subpath, entry] of Object.entries(exports).slice(0, -1)) {
      const expected = entryOf(subpath === "." ? "index" : subpath.slice(2));
      expect(Object.entries(entry), subpath).toEqual(Object.entries(expected));
    }
  });

  it("have a subpath for every public module", () => {
    const missing = publicModules(folder).filter((module) => !subpaths.includes(`./${module}`));
    expect(missing, "add them to exports, or to INTERNAL in this test").toEqual([]);
  });

  it("have no subpath for what is internal", () => {
    const known = modulesOf(folder);
    const internal = INTERNAL[folder] ?? [];
    expect(internal.filter((module) => !known.includes(module) || subpaths.includes(`./${module}`))).toEqual([]);
  });

  it("lead to files that are there", () => {
    const files = Object.values(exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    const missing = files.filter((file) => !exists(`packages/${folder}/${file.slice(2)}`));
    expect(missing, "dist is written by npm run build").toEqual([]);
  });
});

describe("the codec's example", () => {
  it("is run by Node as it is, on the built package", () => {
    const example = `${ROOT}packages/codec/examples/encapsulate.mjs`;
    const { status, stdout, stderr } = spawnSync(process.execPath, [example], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n")[1]).toBe("  inner frame of 52 bytes, slot 0");
  });
});

describe("the workspace", () => {
  it("has a codec without dependencies", () => {
    expect(PACKAGES[0]!.manifest.dependencies).toBeUndefined();
  });

  it("has a command that is nothing but a command", () => {
    const { bin, exports } = PACKAGES.at(-1)!.manifest;
    expect(bin).toEqual({ hopscope: "./dist/main.js" });
    expect(exports).toEqual({ "./package.json": "./package.json" });
    expect(sourceOf("cli", "main").split("\n")[0]).toBe("#!/usr/bin/env node");
  });

  it("installs exact versions, each of them for somebody", () => {
    const versions = catalog();
    for (const [name, version] of versions) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    const users = [WORKSPACE, ...PACKAGES.map(({ manifest }) => manifest)];
    const used = users.flatMap(({ dependencies, devDependencies }) =>
      Object.entries({ ...dependencies, ...devDependencies }).flatMap(([name, version]) =>
        version === "catalog:" ? [name] : [],
      ),
    );
    expect([...versions.keys()].toSorted()).toEqual([...new Set(used)].toSorted());
  });

  it("has a lock file without a registry or a path of some machine in it", () => {
    const lock = readFileSync(`${ROOT}pnpm-lock.yaml`, "utf8");
    expect(lock.match(/^.*(?:\bhttps?:|tarball:|[\s"'@(](?:file:|\/)).*$/gm) ?? []).toEqual([]);
  });

  it("says its license in full", () => {
    const text = readFileSync(`${ROOT}LICENSE`, "utf8");
    expect(text).toContain("Apache License\n                           Version 2.0, January 2004");
    for (let section = 1; section <= 9; section++) expect(text).toContain(`\n   ${section}. `);
    expect(text).toContain("END OF TERMS AND CONDITIONS");
  });
});
