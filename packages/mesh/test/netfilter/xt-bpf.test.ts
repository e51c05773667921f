/** Programs that the kernel would not take; what those that it takes do is in filter.test.ts. */
import { describe, expect, test } from "vitest";
import { bpf } from "../../src/netfilter/xt-bpf.ts";
import { RuleError } from "../../src/netfilter/rule-values.ts";

describe("no program", () => {
  test.each([
    ["2,6 0 0 0", "bpf: expected 2 instructions, found 1"],
    ["0", "bpf: expected 0 instructions, found 0"],
    ["1,6 0 0", 'bpf: error at "6 0 0"'],
    ["1,6 0 0 0 0", 'bpf: error at "6 0 0 0 0"'],
    ["1,6 0 0 x", 'bpf: error at "6 0 0 x"'],
    ["1,6 0 0 4294967296", 'bpf: error at "6 0 0 4294967296"'],
    ["2,96 0 0 0,6 0 0 0", "bpf: instruction 96 is not modelled"],
    ["1,48 0 0 0", "bpf: the program does not end"],
    ["2,21 1 0 1,6 0 0 0", "bpf: the program does not end"],
    ["2,5 0 0 1,6 0 0 0", "bpf: the program does not end"],
  ])("%s", (text, message) => {
    expect(() => bpf(text)).toThrow(new RuleError(message));
  });
});
