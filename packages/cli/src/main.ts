#!/usr/bin/env node
/** The `hopscope` command. */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { ExitCode } from "./exit-code.ts";
import { run } from "./program.ts";

// Whoever stops reading (`hopscope --help | head -1`) wants no error message.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.exitCode = ExitCode.damaged;
});

const args = process.argv.slice(2);
// Lines are garbage as soon as they are written, so V8's space for young objects may stay as small as it starts. It
// would grow, to 32 MB in Node 20 and 128 MB in Node 24, and be most of what a long file takes.
if (args[0] === "decode") setFlagsFromString("--semi-space-growth-factor=1");

try {
  process.exitCode = await run(args, process);
} catch (error) {
  process.stderr.write(`hopscope: a mistake in hopscope, please report it:\n${(error as Error).stack}\n`);
  process.exitCode = ExitCode.internal;
}
