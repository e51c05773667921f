/** What is known of images, and what a scenario says of them. */
import { describe, expect, test } from "vitest";
import { imageOf, repositoryOf } from "../../src/scenario/images.ts";
import { loadGood, mistakes, SMALL, SMALL_LINES } from "./loading.ts";

describe("names", () => {
  test.each([
    ["nginx", "nginx"],
    ["nginx:1.27-alpine", "nginx"],
    ["docker.io/library/nginx:1.27@sha256:0123456789abcdef", "nginx"],
    ["library/nginx", "nginx"],
    ["traefik/whoami:v1.10", "traefik/whoami"],
    ["registry.lab:5000/nginx:1", "registry.lab:5000/nginx"],
    ["registry.lab:5000/nginx", "registry.lab:5000/nginx"],
  ])("%s is %s", (image, repository) => expect(repositoryOf(image)).toBe(repository));
});

test("well-known images do what they are known for", () => {
  expect(imageOf("nginx:latest", new Map())).toMatchObject({
    command: ["httpd", "-f", "-p", "80", "-h", "/usr/share/nginx/html"],
  });
  expect(imageOf("nginx", new Map())!.files.get("/usr/share/nginx/html/index.html")).toHaveLength(615);
  expect(imageOf("postgres:16", new Map())!.command).toEqual(["nc", "-lk", "-p", "5432"]);
  expect(imageOf("alpine", new Map())!.command).toEqual([]);
  expect(imageOf("registry.lab/nginx", new Map())).toBeUndefined();
});

describe("a scenario's own", () => {
  const images = (yaml: string): ReturnType<typeof loadGood>["images"] =>
    loadGood(`${SMALL}images:\n${yaml.replaceAll(/^(?=.)/gm, "  ")}`).images;

  test("command, scripts and files", () => {
    const found = images(`shop/front:
  command: httpd -f -p 8080 -h "/www"
  scripts: { run-it: udptool echo 5000 0, start: ["hostname > /www/name", "udptool echo 5000 0 &", exec httpd -f] }
  files: { /www/index.html: "hi\\n", /www/big: { size: 64KiB } }
`);
    const image = imageOf("shop/front:7", found)!;
    expect(image.command).toEqual(["httpd", "-f", "-p", "8080", "-h", "/www"]);
    const echo = { argv: ["udptool", "echo", "5000", "0"], isBackground: false, file: undefined };
    expect(image.scripts.get("run-it")).toEqual([echo]);
    expect(image.scripts.get("start")).toEqual([
      { argv: ["hostname"], isBackground: false, file: "/www/name" },
      { ...echo, isBackground: true },
      { argv: ["httpd", "-f"], isBackground: false, file: undefined },
    ]);
    expect(image.files.get("/www/index.html")).toBe("hi\n");
    expect(image.files.get("/www/big")).toHaveLength(65_536);
  });

  test("one tag before all tags, and these before what is known", () => {
    const found = images(`nginx: { command: nc -lk -p 1 }
nginx:2: { command: nc -lk -p 2 }
`);
    expect(imageOf("nginx:2", found)!.command).toEqual(["nc", "-lk", "-p", "2"]);
    expect(imageOf("nginx:3", found)!.command).toEqual(["nc", "-lk", "-p", "1"]);
  });

  test("keep of what is known what they do not say", () => {
    const image = imageOf("nginx", images("nginx: { files: { /usr/share/nginx/html/a.txt: a } }\n"))!;
    expect(image.command[0]).toBe("httpd");
    expect([...image.files.keys()]).toEqual(["/usr/share/nginx/html/index.html", "/usr/share/nginx/html/a.txt"]);
  });

  const LINE = SMALL_LINES + 2;
  test.each([
    ["a: 5", `${LINE}:6 images.a: expected a map, found the number 5`],
    ["a: { cmd: x }", `${LINE}:8 images.a.cmd: unknown key "cmd", expected one of command, scripts, files`],
    ['a: { command: "sh \'x" }', `${LINE}:21 images.a.command: the quote ' is not closed`],
    ["a: { files: { /x: { size: -1 } } }", `${LINE}:29 images.a.files["/x"].size: expected`],
    ["a: { files: { /x: { size: 1GB } } }", `${LINE}:29 images.a.files["/x"].size: expected`],
    [
      "a: { files: { /x: 5 } }",
      `${LINE}:21 images.a.files["/x"]: expected the file's text, or a map with its size, found the number 5`,
    ],
  ])("%s", (yaml, message) => {
    const found = mistakes(`${SMALL}images:\n  ${yaml}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]!.startsWith(message), found[0]).toBe(true);
  });
});
