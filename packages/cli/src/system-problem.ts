/** What the operating system has against a file, in words for whoever named it. */
import { CaptureError } from "@hopscope/tracer/error";

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "part of its path is no directory",
  EEXIST: "part of its path is no directory",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left",
};

/** Of what a function of node:fs has thrown, also through a reader or writer; in Node's own words if it is something else. */
export function systemProblem(error: unknown): string {
  if (error instanceof CaptureError) return error.cause instanceof Error ? systemProblem(error.cause) : error.problem;
  const { code, message } = error as NodeJS.ErrnoException;
  return PROBLEMS[code ?? ""] ?? message;
}

/** Of a capture file that could not be opened or read on; undefined if the system has no objection. */
export function captureProblem(error: CaptureError): string | undefined {
  const isSystems = error.code === "ERR_CAPTURE_OPEN" || error.code === "ERR_CAPTURE_READ";
  return isSystems ? systemProblem(error) : undefined;
}
