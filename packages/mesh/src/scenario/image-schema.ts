/** The keys of an image, and of the files of a machine. */
import { either, isMap, isText, list, map, optional, record, required, type Schema } from "./check.ts";
import { bytes, duration, oneOf, text, truth } from "./values.ts";

/** A file that is larger is no answer of a small server. */
const MAX_FILE = 64 * 1024 * 1024;

export type FilesFile = Readonly<Record<string, string | { readonly size: number }>>;

export interface ImageFile {
  readonly command: string | undefined;
  readonly scripts: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly files: FilesFile | undefined;
  readonly healthy: "never" | number | undefined;
  readonly unhealthy: number | undefined;
  readonly missing: boolean | undefined;
}

const sized = map(
  { size: required(bytes(0, MAX_FILE), "Its size; what it holds is lines of digits.", { unit: "bytes" }) },
  "the file's text, or a map with its size",
);

export const files: Schema<Record<string, string | { size: number }>> = record(
  either(isMap, sized, text("the file's text, or a map with its size")),
  "PATH",
);

const command = text("a command line such as httpd -f -p 80", "command");

const script: Schema<string | string[]> = either(
  isText,
  command,
  list(command, "a command line, or a list of command lines"),
);

export const imageEntries: { readonly [K in keyof ImageFile]: Schema<ImageFile[K]> } = {
  command: optional(command, "What a container runs unless it is told otherwise.", {
    default: "nothing that listens",
  }),
  scripts: optional(
    record(script, "NAME"),
    "Scripts of the image: the command line that each stands for, or a list of them, each with `> FILE` or `&` behind it if wanted. The last one is the container's own.",
    { default: "none" },
  ),
  files: optional(
    files,
    "Files by path: their text, or `{size: 20kB}`. One below `cgi-bin/` is what the script there prints, in which `$HOSTNAME`, `$REMOTE_ADDR` (as `[::ffff:10.0.0.2]`), `$REMOTE_HOST` (`10.0.0.2`), `$REMOTE_PORT` and so on stand for their values.",
    { default: "none" },
  ),
  healthy: optional(
    either((value) => value === "never", oneOf("never"), duration),
    "How long after its start a container answers a health check, if its service has one.",
    { default: "from the start" },
  ),
  unhealthy: optional(duration, "How long after its start a container fails all health checks.", {
    default: "it does not",
  }),
  missing: optional(truth, "Nobody has the image: tasks of it are rejected.", { default: "`false`" }),
};

export const image: Schema<ImageFile> = map(imageEntries);
