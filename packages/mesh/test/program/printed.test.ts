/** What the programs of the scenarios print, against what real ones printed when they were recorded. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import { run, type StepResult } from "../../src/run.ts";
import { load, SCENARIOS } from "../conformance/conformance.ts";

interface Typed {
  readonly command: string;
  readonly status: number;
  readonly output: readonly string[];
}

const file = new URL("../../../../fixtures/inspect/commands.json.gz", import.meta.url);
const RECORDED = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Readonly<Record<string, readonly Typed[]>>;

/**
 * Compared by nobody: `ip addr` of a container in its node's namespace, where IPv6 has addresses of links and devices have
 * numbers and names of chance.
 */
const UNLIKE = /inet6 fe80::/;

/** Times, and what chance chose: ports, ids, numbers of devices and processes. */
function plain(line: string): string {
  return line
    .replace(/\d+\.\d+( ?ms)/g, "T$1")
    .replace(/(min\/avg\/max\S* =) \S+ ms/, "$1 T ms")
    .replace(/, time \d+ms/, ", time T")
    .replace(/^\d{10}\.\d{3} /, "")
    .replace(/ after \d+ ms/, " after T ms")
    .replace(/^total=\d\.\d+$/, "total=T")
    .replace(/pid=\d+,fd=\d+/, "pid,fd")
    .replace(/\b[1-6]\d{4}\b/g, "PORT")
    .replace(/\b[0-9a-f]{12,64}\b/g, "ID")
    .replace(/@if\d+ +/, "@if ")
    .replace(/(overlay_service\.\d)\.\w{25}/, "$1")
    .replace(/ on \w{3} \w{3} +\d+ [\d:]{8} 2026$/, " on DATE")
    .trimEnd();
}

/** Depends on whether the client read while the program spoke: a second read that begins with the head of its answer. */
const OWN_HEAD = /(bytes \d+: )Content-Type: text\/plain\n\n/g;

function text(lines: readonly string[]): string {
  // What is printed as an error came through another pipe: the recorder took it first, or last.
  const isError = (line: string): boolean => line.startsWith("ping: send");
  return [...lines.filter((line) => !isError(line)), ...lines.filter(isError)]
    .filter((line) => !line.startsWith("hopscope: "))
    .map(plain)
    .join("\n")
    .replace(OWN_HEAD, "$1")
    .trimEnd();
}

describe("what programs print", () => {
  test.each(SCENARIOS.filter((name) => RECORDED[name] !== undefined))("%s", (name) => {
    const steps = run(load(name), { aead: aesGcm }).steps.filter(({ startedAt }) => startedAt >= 0);
    const left = [...steps];
    for (const { command, status, output } of RECORDED[name]!) {
      const at = left.findIndex(({ step }) => "argv" in step && plain(step.argv.join(" ")) === plain(command));
      expect(at, `${command} is not in the scenario`).toBeGreaterThanOrEqual(0);
      const [found] = left.splice(at, 1) as [StepResult];
      if (output.some((line) => UNLIKE.test(line))) continue;
      expect(`${command}\n${text(found.output)}\n(${found.status})`).toBe(`${command}\n${text(output)}\n(${status})`);
    }
  });
});
