import { describe, expect, test } from "vitest";
import { Iptables } from "../../src/netfilter/iptables.ts";
import type { Rule } from "../../src/netfilter/rule.ts";
import { parseRule } from "../../src/netfilter/rule-parse.ts";
import { wordsOf } from "./words.ts";

const rule = (text: string): Rule => parseRule(wordsOf(text));

describe("tables", () => {
  test("nothing is there until it is used, then all chains of a table are", () => {
    const iptables = new Iptables();
    expect(iptables.save()).toEqual([]);
    iptables.newChain("nat", "DOCKER");
    iptables.append("nat", "PREROUTING", rule("-m addrtype --dst-type LOCAL -j DOCKER"));
    expect(iptables.save({ counters: true })).toEqual([
      "*nat",
      ":PREROUTING ACCEPT [0:0]",
      ":INPUT ACCEPT [0:0]",
      ":OUTPUT ACCEPT [0:0]",
      ":POSTROUTING ACCEPT [0:0]",
      ":DOCKER - [0:0]",
      "[0:0] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
      "COMMIT",
    ]);
  });

  test("tables in the order of iptables-save; chains of one's own by name", () => {
    const iptables = new Iptables();
    for (const table of ["nat", "filter", "raw", "mangle"] as const) iptables.newChain(table, "Z");
    iptables.newChain("filter", "A");
    expect(iptables.save().filter((line) => /^\*|^:[AZ] /.test(line))).toEqual([
      "*mangle",
      ":Z - [0:0]",
      "*raw",
      ":Z - [0:0]",
      "*filter",
      ":A - [0:0]",
      ":Z - [0:0]",
      "*nat",
      ":Z - [0:0]",
    ]);
    expect(iptables.save({ table: "raw" })).toEqual([
      "*raw",
      ":PREROUTING ACCEPT [0:0]",
      ":OUTPUT ACCEPT [0:0]",
      ":Z - [0:0]",
      "COMMIT",
    ]);
  });

  test("append, insert, delete, flush, policy", () => {
    const iptables = new Iptables();
    const rules = (): string[] => iptables.save().filter((line) => line.startsWith("-A"));
    iptables.append("filter", "FORWARD", rule("-i a -j DROP"));
    iptables.append("filter", "FORWARD", rule("-i b -j DROP"));
    iptables.insert("filter", "FORWARD", rule("-i c -j DROP"));
    iptables.insert("filter", "FORWARD", rule("-i d -j DROP"), 3);
    expect(rules().map((line) => line.split(" ")[3])).toEqual(["c", "a", "d", "b"]);
    iptables.delete("filter", "FORWARD", rule("-i a -j DROP"));
    iptables.delete("filter", "FORWARD", 2);
    expect(rules().map((line) => line.split(" ")[3])).toEqual(["c", "b"]);
    expect(iptables.contains("filter", "FORWARD", rule("-i b -j DROP"))).toBe(true);
    expect(iptables.contains("filter", "FORWARD", rule("-i b -j ACCEPT"))).toBe(false);
    iptables.flush("filter");
    expect(rules()).toEqual([]);
    iptables.setPolicy("filter", "FORWARD", "DROP");
    expect(iptables.save()).toContain(":FORWARD DROP [0:0]");
  });
});
