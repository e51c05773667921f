import { describe, expect, test } from "vitest";
import type { Part, Path } from "../../src/scenario/diagnostic.ts";
import { YamlSource } from "../../src/scenario/position.ts";

function at(text: string, path: Path, part: Part = "value"): string {
  const { line, column } = new YamlSource("f.yml", text).position(path, part);
  return `${line}:${column}`;
}

function errors(text: string): readonly string[] {
  return new YamlSource("f.yml", text).errors.map(
    ({ position: { line, column }, message }) => `${line}:${column} ${message}`,
  );
}

describe("positions", () => {
  const text = `a: 1
b:
  - x
  - c: 'quoted'
    d: {e: [1, 22]}
empty:
`;
  test.each<[Path, string, string]>([
    [["a"], "1:4", "1:1"],
    [["b"], "3:3", "2:1"],
    [["b", 0], "3:5", "3:5"],
    [["b", 1, "c"], "4:8", "4:5"],
    [["b", 1, "d", "e", 1], "5:16", "5:16"],
    [["empty"], "6:1", "6:1"],
    [[], "1:1", "1:1"],
  ])("%j", (path, value, key) => {
    expect(at(text, path)).toBe(value);
    expect(at(text, path, "key")).toBe(key);
  });

  test("of what is missing: the nearest around it", () => {
    expect(at(text, ["b", 1, "nope", "deeper"])).toBe("4:5");
    expect(at(text, ["nope"])).toBe("1:1");
    expect(at(text, ["b", 7])).toBe("3:3");
  });

  test("through anchors, aliases and merge keys: where it is written", () => {
    const merged = `x-base: &base
  image: nginx
  deploy: {replicas: 3}
web:
  <<: *base
  ports: []
all: [*base, {<<: [{own: 1}, *base]}]
`;
    expect(at(merged, ["web", "image"])).toBe("2:10");
    expect(at(merged, ["web", "deploy", "replicas"])).toBe("3:22");
    expect(at(merged, ["web", "ports"])).toBe("6:10");
    expect(at(merged, ["all", 0, "image"], "key")).toBe("2:3");
    expect(at(merged, ["all", 1, "own"])).toBe("7:26");
    expect(at(merged, ["all", 1, "image"])).toBe("2:10");
    expect(new YamlSource("f.yml", merged).value).toMatchObject({
      web: { image: "nginx", deploy: { replicas: 3 }, ports: [] },
      all: [{ image: "nginx" }, { own: 1, image: "nginx" }],
    });
  });

  test("of a character in a text", () => {
    const steps = `- exec a b\n- 'exec c d'\n- "e\\tf g"\n- |\n  exec h i\n`;
    const source = new YamlSource("f.yml", steps);
    const character = (index: number, offset: number): string => {
      const { line, column } = source.characterPosition([index], offset);
      return `${line}:${column}`;
    };
    expect(character(0, 5)).toBe("1:8");
    expect(character(1, 5)).toBe("2:9");
    // With an escape before it, the text's beginning is all that is certain.
    expect(character(2, 2)).toBe("3:3");
    expect(character(3, 0)).toMatch(/^[45]:\d+$/);
  });

  test("in a file with CRLF line ends", () => expect(at("a: 1\r\nb: 2\r\n", ["b"])).toBe("2:4"));

  test("in an empty file", () => expect(at("", ["a"])).toBe("1:1"));
});

describe("mistakes", () => {
  test("syntax: once for a place", () => {
    expect(errors("a: [1, 2\nb: 3\n")).toEqual([
      "2:1 not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ]);
    expect(errors("a:\n\tb: 1\n")).toEqual(["2:1 not YAML: Tabs are not allowed as indentation"]);
  });

  test("after a stray text of several lines: found by fast-check", () => {
    expect(errors("*a\ntrue\nname: first light\n").slice(1)).toEqual([
      '3:5 not YAML: Unexpected map-value-ind token in YAML stream: ":"',
      '3:7 not YAML: Unexpected scalar token in YAML stream: "first light"',
    ]);
  });

  test("a key twice, and the rest is still read", () => {
    const source = new YamlSource("f.yml", "a: 1\nb: 2\na: 3\n");
    expect(errors("a: 1\nb: 2\na: 3\n")).toEqual(['3:1 the key "a" is given twice']);
    expect(source.readable).toBe(true);
  });

  test("several documents: the first is read, as Docker does, with a warning", () => {
    const source = new YamlSource("f.yml", "a: 1\n---\nb: 2\n");
    expect(source.value).toEqual({ a: 1 });
    expect(source.errors).toEqual([]);
    expect(source.warnings).toEqual([
      {
        position: { file: "f.yml", line: 2, column: 1 },
        path: "(document)",
        message: "only the first document of the file is read",
      },
    ]);
  });

  test("an alias without its anchor", () => {
    expect(errors("a: 1\nb: *gone\n")).toEqual([
      "2:4 not YAML: Unresolved alias (the anchor must be set before the alias): gone",
    ]);
  });

  test("a merge of what is no map", () => {
    expect(errors("a:\n  <<: 5\n")).toEqual(["2:3 not YAML: Merge sources must be maps or map aliases"]);
  });

  test("names that cannot be held", () => {
    expect(errors("a:\n  constructor: 1\n  __proto__: 2\n")).toEqual([
      '2:3 "constructor" cannot be used as a name',
      '3:3 "__proto__" cannot be used as a name',
    ]);
  });

  test("a collection as a key", () => {
    expect(errors("? [a]\n: 1\n")).toEqual(["1:3 not YAML: With stringKeys, all keys must be strings"]);
  });
});

describe("hostile files end soon, with one error", () => {
  test("aliases that multiply", () => {
    let text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
    for (let level = 1; level < 40; level++) text += `a${level}: &a${level} [*a${level - 1}, *a${level - 1}]\n`;
    expect(errors(text)).toEqual(["1:1 not YAML: Excessive alias count indicates a resource exhaustion attack"]);
  });

  test("merges that multiply", () => {
    let text = "a0: &a0 {x: 1}\n";
    for (let level = 1; level < 40; level++)
      text += `a${level}: &a${level}\n  <<: [*a${level - 1}, *a${level - 1}]\n  k${level}: *a${level - 1}\n`;
    expect(errors(text)).toHaveLength(1);
  });

  test("an anchor inside itself", () => expect(errors("a: &a\n  b: *a\n")).toEqual(["2:6 nested too deeply"]));

  test("depth", () => {
    expect(errors(`a: ${"[".repeat(100)}${"]".repeat(100)}`)).toEqual(["1:66 nested too deeply"]);
    expect(errors("[".repeat(20_000))).toHaveLength(1);
    expect(errors("- ".repeat(20_000))).toHaveLength(1);
    expect(errors("{a: ".repeat(5_000))).toHaveLength(1);
  });

  test("values", () => {
    const text = `a: &a [${"1,".repeat(1000)}]\nb: [${"*a,".repeat(5000)}]\n`;
    expect(errors(text)).toEqual(["1:1 the file holds more than 2000000 values after its aliases are followed"]);
  });

  test("length", () => {
    expect(errors("#".repeat(16 * 1024 * 1024 + 1))).toEqual([
      "1:1 the file has 16777217 characters, expected at most 16777216",
    ]);
  });
});

test("a tag is passed over with a warning", () => {
  const source = new YamlSource("f.yml", "a: !secret x\n");
  expect(source.value).toEqual({ a: "x" });
  expect(source.warnings.map((warning) => warning.message)).toEqual(["Unresolved tag: !secret"]);
});
