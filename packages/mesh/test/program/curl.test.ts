/** What curl prints of an answer, in a container whose server is busybox' httpd. */
import { expect, test } from "vitest";
import { loadScenario } from "../../src/scenario/load.ts";
import { run } from "../../src/run.ts";

function outputOf(...commands: readonly string[]): readonly (readonly string[])[] {
  const text = JSON.stringify({
    cluster: { nodes: 1 },
    compose: { services: { web: { image: "site" } } },
    images: { site: { command: "httpd -f -p 80 -h /www", files: { "/www/index.html": "here it is\n" } } },
    run: { steps: commands.map((command) => `exec web.1 ${command}`) },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  return run(loaded.scenario).steps.map(({ output }) => output);
}

test("of a head alone the body is not printed, though httpd sends one with an error", () => {
  const [found, missing, whole] = outputOf(
    "curl -sI http://127.0.0.1/",
    "curl -sI http://127.0.0.1/no",
    "curl -s http://127.0.0.1/",
  );
  expect(found![0]).toBe("HTTP/1.1 200 OK");
  expect(found!.join("\n")).not.toContain("here it is");
  expect(missing![0]).toBe("HTTP/1.1 404 Not Found");
  expect(missing!.join("\n")).not.toMatch(/<|here it is/);
  expect(whole).toEqual(["here it is"]);
});
