/**
 * Runs built modules as a browser would, without one: in a context that has the language's own globals and no others.
 * There is no process, Buffer, require or console in it; imports resolve as a browser's bundler resolves them, and a
 * `node:` module resolves to nothing.
 *
 *   node --experimental-vm-modules bare-context.mjs '{"page":PATH,"also":[PATH…],"globals":["TextDecoder"…],"input":…}'
 *
 * Prints what the page's `default` export is, and which files were loaded, as JSON. The named globals are those of
 * every browser that the page may use; `input` is a global of its own.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { createContext, runInContext, SourceTextModule } from "node:vm";

const { page, also = [], globals = [], input } = JSON.parse(process.argv[2]);
const context = createContext({ input, ...Object.fromEntries(globals.map((name) => [name, globalThis[name]])) });
// V8 gives every context one.
runInContext("delete globalThis.console", context);

const CONDITIONS = new Set(["browser", "import", "default"]);

/** The first target of an exports entry whose conditions hold in a browser. */
function targetOf(entry) {
  if (typeof entry === "string" || entry === undefined) return entry;
  const condition = Object.keys(entry).find((name) => CONDITIONS.has(name) && targetOf(entry[name]) !== undefined);
  return condition === undefined ? undefined : targetOf(entry[condition]);
}

function resolveFrom(specifier, importer) {
  if (specifier.startsWith(".")) return resolve(dirname(importer), specifier);
  const parts = specifier.split("/");
  const name = parts.splice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  for (let folder = dirname(importer); ; folder = dirname(folder)) {
    const manifest = join(folder, "node_modules", name, "package.json");
    if (existsSync(manifest)) {
      const target = targetOf(JSON.parse(readFileSync(manifest, "utf8")).exports[[".", ...parts].join("/")]);
      if (target !== undefined) return realpathSync(join(dirname(manifest), target));
    }
    if (folder === dirname(folder)) throw new Error(`${importer} imports ${specifier}, which a browser does not have`);
  }
}

const modules = new Map();

function load(path) {
  const known = modules.get(path);
  if (known !== undefined) return known;
  const module = new SourceTextModule(readFileSync(path, "utf8"), { context, identifier: path });
  modules.set(path, module);
  return module;
}

const link = (specifier, importer) => load(resolveFrom(specifier, importer.identifier));

for (const path of [...also, page].map((name) => realpathSync(name))) {
  const module = load(path);
  if (module.status === "unlinked") await module.link(link);
  await module.evaluate();
}
const value = modules.get(realpathSync(page)).namespace.default;
process.stdout.write(JSON.stringify({ value, files: [...modules.keys()] }));
