/** What is known of images without being told, and `images` of the file as data. */
import type { ScriptLine } from "../program/script.ts";
import { check, isMap } from "./check.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import { type FilesFile, image as imageSchema } from "./image-schema.ts";
import type { Image } from "./scenario.ts";
import { splitWords } from "./words.ts";

const NONE: ReadonlyMap<string, never> = new Map<string, never>();

function httpd(root: string, index: string, port = 80): Image {
  return {
    command: ["httpd", "-f", "-p", String(port), "-h", root],
    scripts: NONE,
    files: new Map([[`${root}/index.html`, index]]),
  };
}

/** Something that takes connections and stays silent, as a database does until its client speaks. */
function listener(port: number): Image {
  return { command: ["nc", "-lk", "-p", String(port)], scripts: NONE, files: NONE };
}

const IDLE: Image = { command: [], scripts: NONE, files: NONE };

const WHOAMI: Image = {
  command: ["httpd", "-f", "-p", "80", "-h", "/www"],
  scripts: NONE,
  files: new Map([
    [
      "/www/cgi-bin/index.cgi",
      [
        "Content-Type: text/plain",
        "",
        "Hostname: $HOSTNAME",
        "RemoteAddr: $REMOTE_HOST:$REMOTE_PORT",
        "$REQUEST_METHOD $REQUEST_URI $SERVER_PROTOCOL",
        "Host: $HTTP_HOST",
        "User-Agent: $HTTP_USER_AGENT",
        "",
      ].join("\n"),
    ],
  ]),
};

/** By repository, without registry, tag and digest. */
const KNOWN: ReadonlyMap<string, Image> = new Map([
  // 615 and 45 bytes, as the images have them.
  ["nginx", httpd("/usr/share/nginx/html", page("Welcome to nginx!", 615))],
  ["httpd", httpd("/usr/local/apache2/htdocs", "<html><body><h1>It works!</h1></body></html>\n")],
  ["drupal", httpd("/var/www/html", page("Drupal", 12_000))],
  ["wordpress", httpd("/var/www/html", page("WordPress", 12_000))],
  ["traefik/whoami", WHOAMI],
  ["containous/whoami", WHOAMI],
  ["jwilder/whoami", { ...WHOAMI, command: ["httpd", "-f", "-p", "8000", "-h", "/www"] }],
  ["postgres", listener(5432)],
  ["mysql", listener(3306)],
  ["mariadb", listener(3306)],
  ["redis", listener(6379)],
  ["mongo", listener(27_017)],
  ["rabbitmq", listener(5672)],
  ["memcached", listener(11_211)],
  // Its entry point is iperf3: a service's command is the words behind it.
  [
    "networkstatic/iperf3",
    {
      command: [],
      scripts: new Map([["-s", [{ argv: ["iperf3", "-s"], isBackground: false, file: undefined }]]]),
      files: NONE,
    },
  ],
  ["busybox", IDLE],
  ["alpine", IDLE],
  ["debian", IDLE],
  ["ubuntu", IDLE],
  ["centos", IDLE],
  ["nicolaka/netshoot", IDLE],
]);

/** `docker.io/library/nginx:1.27@sha256:…` is `nginx` (distribution/reference, familiar names). */
export function repositoryOf(image: string): string {
  const [name = ""] = image.split("@", 1);
  const withoutTag = name.replace(/:[\w.-]+$/, "");
  return withoutTag.replace(/^(?:docker\.io|index\.docker\.io|registry-1\.docker\.io)\//, "").replace(/^library\//, "");
}

/** What containers of the image run and hold; undefined if nobody has said. */
export function imageOf(image: string, given: ReadonlyMap<string, Image>): Image | undefined {
  return given.get(image) ?? given.get(repositoryOf(image)) ?? KNOWN.get(repositoryOf(image));
}

export function readImages(value: unknown, place: Place, report: Report): ReadonlyMap<string, Image> {
  const images = new Map<string, Image>();
  if (value === undefined) return images;
  if (!isMap(value)) {
    report.error(place, `expected a map of images, found ${describe(value)}`);
    return images;
  }
  for (const [name, held] of Object.entries(value)) {
    const at = place.at(name);
    const file = check(imageSchema, held, at, report);
    if (file === undefined) continue;
    const known = imageOf(name, images);
    const command = file.command === undefined ? known?.command : readCommand(file.command, at.at("command"), report);
    const scripts = new Map(known?.scripts);
    for (const [script, lines] of Object.entries(file.scripts ?? {}))
      scripts.set(script, readScript(lines, at.at("scripts", script), report));
    const files = new Map([...(known?.files ?? NONE), ...filesOf(file.files)]);
    const healthyAfterNs =
      file.healthy === "never" ? Number.POSITIVE_INFINITY : (file.healthy ?? known?.healthyAfterNs);
    const unhealthyAfterNs = file.unhealthy ?? known?.unhealthyAfterNs;
    images.set(name, {
      command: command ?? [],
      scripts,
      files,
      healthyAfterNs,
      unhealthyAfterNs,
      isMissing: file.missing,
    });
  }
  return images;
}

function readScript(held: string | readonly string[], place: Place, report: Report): readonly ScriptLine[] {
  if (typeof held === "string") return [readLine(held, place, report)];
  return held.map((line, index) => readLine(line, place.at(index), report));
}

function readLine(line: string, place: Place, report: Report): ScriptLine {
  const [, command = line, file] = /^(.*\S)\s*>\s*(\S+)$/.exec(line) ?? [];
  const split = splitWords(command);
  if (!split.ok) report.errorInside(place, split.at, split.message);
  const words = split.ok ? split.words.map((word) => word.text) : [];
  const argv = words[0] === "exec" ? words.slice(1) : words;
  return { argv, isBackground: split.ok && split.background, file };
}

/** The words of a command line; empty after telling what is wrong with it. */
export function readCommand(line: string, place: Place, report: Report): readonly string[] {
  const split = splitWords(line);
  if (!split.ok) report.errorInside(place, split.at, split.message);
  return split.ok ? split.words.map((word) => word.text) : [];
}

export function filesOf(files: FilesFile | undefined): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(files ?? {}).map(([path, held]) => [path, typeof held === "string" ? held : filler(held.size)]),
  );
}

/** Numbered lines of seven digits, as a test file is made with `seq`. */
function filler(size: number): string {
  const LINE = 8;
  let text = "";
  for (let line = 0; line * LINE < size; line++) text += `${String(line).padStart(LINE - 1, "0")}\n`;
  return text.slice(0, size);
}

function page(title: string, size: number): string {
  const head = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body>\n<h1>${title}</h1>\n`;
  const tail = "</body></html>\n";
  return head + filler(size - head.length - tail.length) + tail;
}
