/** What is wrong with a capture file, in words for whoever named it. */
import type { CaptureError } from "@hopscope/tracer/error";

const SYSTEM_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "is a directory, not a capture",
  EACCES: "permission denied",
};

/** What the operating system says against a file; undefined if it has no objection. */
export function systemProblem(error: CaptureError): string | undefined {
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  if (error.code !== "ERR_CAPTURE_OPEN" && error.code !== "ERR_CAPTURE_READ") return undefined;
  return code === undefined ? error.problem : (SYSTEM_PROBLEMS[code] ?? error.problem);
}
