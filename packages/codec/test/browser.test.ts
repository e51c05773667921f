/** The built modules need nothing but the language: no Node, and not even what only browsers have. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { runBare } from "./browser/bare.ts";

const DIST = new URL("../dist/", import.meta.url);
const SOURCES = readdirSync(new URL("../src/", import.meta.url));
const MODULES = SOURCES.map((name) => name.replace(/\.ts$/, ".js")).toSorted();

/** The page's result. */
const EXPECTED = {
  status: "ok",
  lines: [
    "ethernet: 52:54:00:77:00:0b > 52:54:00:77:00:0c",
    "ipv4: 192.168.77.11 > 192.168.77.12 ttl 64 id 30818 length 134 (valid)",
    "udp: 48484 > 4789 length 114 (valid)",
    "vxlan: vni 4097",
    "ethernet: 02:42:0a:00:09:03 > 02:42:0a:00:09:05",
    "ipv4: 10.0.9.3 > 10.0.9.5 ttl 64 id 41473 DF length 84 (valid)",
    "icmp: echo request id 25 seq 0 (valid)",
  ],
  macs: ["52:54:00:77:00:0b", "02:42:0a:00:09:05"],
  addresses: ["192.168.77.12", "10.0.9.3"],
  vni: 4097,
  sequence: 7,
  checksums: 0,
  bareAt: 64,
  kernelAgrees: true,
  question: "tasks.web",
  error: "udp at byte 0: needs 8 bytes, there are 5 (limit: buffer)",
  globals: [],
};

/** Without comments and texts. */
function codeOf(name: string): string {
  return readFileSync(new URL(name, DIST), "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""');
}

describe("in a context without Node", () => {
  it("a page takes a frame apart, makes one, and tunnels it", () => {
    const page = new URL("browser/page.mjs", import.meta.url);
    const { value, files } = runBare({ page, also: MODULES.map((name) => new URL(name, DIST)) });
    expect(value).toEqual(EXPECTED);
    const loaded = files.filter((file) => file !== fileURLToPath(page));
    expect(loaded.toSorted()).toEqual(MODULES.map((name) => fileURLToPath(new URL(name, DIST))));
  });

  // What the test above is worth: a page that needs Node fails in it.
  it.each([
    ["a module of Node's", `import "node:fs"; export default 1;`, /imports node:fs, which a browser does not have/],
    ["a global of Node's", `export default Buffer.from("a");`, /Buffer is not defined/],
    ["a process", `export default process.version;`, /process is not defined/],
    ["a console", `console.log(1); export default 1;`, /console is not defined/],
  ])("a page that needs %s fails", (_, code, message) => {
    const scratch = mkdtempSync(join(tmpdir(), "hopscope-bare-"));
    try {
      const page = join(scratch, "page.mjs");
      writeFileSync(page, code);
      expect(() => runBare({ page: pathToFileURL(page) })).toThrow(message);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
});

describe("the text of the built modules", () => {
  // Names that mean nothing but the host's global. The compiler, which knows no host here, refuses all others as well.
  const HOST =
    /(?<![.\w$])(?:process|Buffer|require|__dirname|__filename|console|performance|navigator|document|fetch|Text(?:En|De)coder|structuredClone|queueMicrotask|set(?:Timeout|Interval|Immediate)|import\s*\()(?!\w|\s*:)/;

  it.each(MODULES)("%s names no global of Node or a browser", (name) => {
    expect(HOST.exec(codeOf(name))?.[0]).toBeUndefined();
  });
});
