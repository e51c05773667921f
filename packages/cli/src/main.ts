#!/usr/bin/env node
/** The `hopscope` command. */
import process from "node:process";
import { ExitCode } from "./exit-code.ts";
import { run } from "./program.ts";

// Whoever stops reading (`hopscope --help | head -1`) wants no error message.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.exitCode = ExitCode.damaged;
});

try {
  process.exitCode = await run(process.argv.slice(2), process);
} catch (error) {
  process.stderr.write(`hopscope: a mistake in hopscope, please report it:\n${(error as Error).stack}\n`);
  process.exitCode = ExitCode.internal;
}
