/** A writer that is killed leaves a file that reads up to the last whole record. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { openCaptureSync } from "../src/reader.ts";

const directory = mkdtempSync(join(tmpdir(), "hopscope-killed-"));
afterAll(() => rmSync(directory, { recursive: true }));

const CHILD = fileURLToPath(new URL("killed-writer-child.mjs", import.meta.url));

describe("a killed writer", () => {
  it.each(["pcap", "pcapng"])("leaves a %s file that reads up to its last whole record", async (format) => {
    const path = join(directory, `killed.${format}`);
    const child = spawn(process.execPath, [CHILD, format, path], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    const reader = openCaptureSync(path);
    let count = 0;
    try {
      for (; reader.next(); count++) {
        if (reader.seconds !== count || reader.capturedLength !== count % 1500) throw new Error(`packet ${count + 1}`);
      }
    } catch (error) {
      // Only the operating system may have broken off the last write.
      expect(error).toMatchObject({ code: expect.stringContaining("TRUNCATED") as string });
    }
    expect(count).toBeGreaterThan(2000);
  });
});
