/** What a command may touch of the process, in one object, so that tests can hand in their own. */
import type { Readable, Writable } from "node:stream";

export interface Io {
  /** Its chunks are the command's: their memory is gone when they have been read. */
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
}
