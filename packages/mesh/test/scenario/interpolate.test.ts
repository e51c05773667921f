import { expect, test } from "vitest";
import { loadGood, load, lines } from "./loading.ts";

function stack(image: string): string {
  return `cluster: {nodes: 1}\ncompose:\n  services:\n    web:\n      image: ${image}\n`;
}

test.each([
  ["nginx:$TAG", "nginx:1.27"],
  ["nginx:${TAG}", "nginx:1.27"],
  ["nginx:${NONE:-latest}", "nginx:latest"],
  ["nginx:${NONE-latest}", "nginx:latest"],
  ["nginx:${EMPTY:-latest}", "nginx:latest"],
  ["nginx${EMPTY-latest}", "nginx"],
  ["nginx:${TAG:?is needed}", "nginx:1.27"],
  ["nginx:${TAG?is needed}", "nginx:1.27"],
  ["price$$1", "price$1"],
])("%s is %s", (template, image) => {
  const { stack: found } = loadGood(stack(template), {}, { TAG: "1.27", EMPTY: "" });
  expect(found.services[0]!.image).toBe(image);
});

test("numbers and truth can come from variables", () => {
  const { stack: found } = loadGood(
    `cluster: {nodes: 1}
compose:
  services:
    web: {image: a, deploy: {replicas: "$N"}, networks: [n]}
  networks:
    n: {attachable: "\${YES}"}
`,
    {},
    { N: "3", YES: "on" },
  );
  expect(found.services[0]!.replicas).toBe(3);
  expect(found.networks[0]!.attachable).toBe(true);
});

test("a scenario sets variables itself, numbers and truth among them", () => {
  const { stack: found } = loadGood(`environment: {TAG: 1.27, DEBUG: true}\n${stack("a:${TAG}_${DEBUG}")}`);
  expect(found.services[0]!.image).toBe("a:1.27_true");
  expect(loadGood(`environment: {TAG: "2"}\n${stack("a:$TAG")}`, {}, { TAG: "1" }).stack.services[0]!.image).toBe(
    "a:2",
  );
});

test("a variable that is not set is empty, with a warning at its place", () => {
  const result = load(stack("nginx$TAG"));
  if (!result.ok) throw new Error("expected a scenario");
  expect(lines(result.scenario.warnings)).toEqual([
    "5:14 compose.services.web.image: the variable TAG is not set: nothing is put in its place; environment sets it",
  ]);
});

test.each([
  [
    "a${",
    '5:14 compose.services.web.image: invalid interpolation format: "a${"; you may need to escape any $ with another $',
  ],
  [
    "a$1",
    '5:14 compose.services.web.image: invalid interpolation format: "a$1"; you may need to escape any $ with another $',
  ],
  ["${TAG:?set it}", "5:14 compose.services.web.image: required variable TAG is missing a value: set it"],
])("%s is refused", (template, mistake) => {
  const result = load(stack(template));
  expect(result.ok ? [] : lines(result.diagnostics)).toEqual([mistake]);
});

test("what an alias repeats is complained of once", () => {
  const result = load(`cluster: {nodes: 1}
compose:
  x-base: &base {command: ["$X"]}
  services:
    a: {image: i, <<: *base}
    b: {image: i, <<: *base}
`);
  if (!result.ok) throw new Error(lines(result.diagnostics).join("\n"));
  expect(lines(result.scenario.warnings)).toHaveLength(1);
});

test("nothing of the process's own environment is seen", () => {
  const home = Object.keys(process.env).find((name) => /^[A-Z]+$/.test(name))!;
  expect(loadGood(stack(`a$${home}`)).stack.services[0]!.image).toBe("a");
});
