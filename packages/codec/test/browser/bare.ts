/** Runs a page in a context without Node: see bare-context.mjs. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const RUNNER = fileURLToPath(new URL("bare-context.mjs", import.meta.url));

export interface Bare {
  /** A module whose default export is the result. */
  readonly page: URL;
  /** Modules that are loaded too, before the page. */
  readonly also?: readonly URL[];
  /** Globals that every browser has and the language does not. */
  readonly globals?: readonly string[];
  /** The page's global `input`. */
  readonly input?: unknown;
}

export interface BareResult {
  readonly value: unknown;
  /** Every file that was loaded. */
  readonly files: readonly string[];
}

/** Throws, with what the page threw, if it needs anything else. */
export function runBare({ page, also = [], globals = [], input }: Bare): BareResult {
  const order = { page: fileURLToPath(page), also: also.map((url) => fileURLToPath(url)), globals, input };
  const flags = ["--experimental-vm-modules", "--no-warnings"];
  const json = execFileSync(process.execPath, [...flags, RUNNER, JSON.stringify(order)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 26,
  });
  return JSON.parse(json) as BareResult;
}
