/** The workspace as its own tests see it: packages, modules and what they import. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** With a slash at the end. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

/** One way into a package, for each condition under which it is imported. */
export interface Entry {
  readonly "@hopscope/source": string;
  readonly types: string;
  readonly default: string;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly engines?: { readonly node?: string };
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Entry | string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface Package {
  /** Folder under `packages/`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(`${ROOT}${path}`, "utf8")) as Manifest;
}

/** In the order of the arrows: each may import those before it. */
export const PACKAGES: readonly Package[] = ["codec", "tracer", "mesh", "cli"].map((folder) => ({
  folder,
  manifest: readManifest(`packages/${folder}/package.json`),
}));

/** Modules of a package without `.ts`: `udp`, `print/line`. */
export function modulesOf(folder: string): readonly string[] {
  return readdirSync(`${ROOT}packages/${folder}/src`, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.slice(0, -3))
    .toSorted();
}

export function sourceOf(folder: string, module: string): string {
  return readFileSync(`${ROOT}packages/${folder}/src/${module}.ts`, "utf8");
}

export function exists(path: string): boolean {
  return existsSync(`${ROOT}${path}`);
}

export interface Import {
  readonly specifier: string;
  /** `import type`, `export type … from`: gone in the built file. */
  readonly isType: boolean;
}

const STATEMENT = /^(?:import|export)\s(?:(type)\s)?[^"'`;]*?from\s*(["'])(.+?)\2/gms;
const BARE = /^import\s*(["'])(.+?)\1/gm;
const DYNAMIC = /\b(?:import|require|createRequire|getBuiltinModule)\s*\(\s*(?:(["'`])(.*?)\1)?/g;

/** Everything a module imports, in any of the ways there are. */
export function importsOf(source: string): readonly Import[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  return [
    ...[...code.matchAll(STATEMENT)].map((match) => ({ specifier: match[3]!, isType: match[1] !== undefined })),
    ...[...code.matchAll(BARE)].map((match) => ({ specifier: match[2]!, isType: false })),
    // One whose specifier is computed has none to be judged by: an empty one is allowed nowhere.
    ...[...code.matchAll(DYNAMIC)].map((match) => ({ specifier: match[2] ?? "", isType: false })),
  ];
}

/** `yaml` of `yaml/dist/x`, `@hopscope/codec` of `@hopscope/codec/udp`. */
export function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]!;
}
