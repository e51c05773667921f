import { describe, expect, test } from "vitest";
import { ChainError, Iptables } from "../../src/netfilter/iptables.ts";
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

  test("what iptables refuses", () => {
    const iptables = new Iptables();
    iptables.newChain("filter", "MINE");
    const refused = (what: () => void, message: string): void => expect(what).toThrow(new ChainError(message));
    refused(() => iptables.newChain("filter", "MINE"), "Chain already exists.");
    refused(() => iptables.append("filter", "YOURS", rule("-j DROP")), "No chain/target/match by that name.");
    refused(
      () => iptables.append("filter", "INPUT", rule("-j NOTHING")),
      "Couldn't load target `NOTHING':No such file or directory",
    );
    refused(
      () => iptables.delete("filter", "INPUT", rule("-j DROP")),
      "Bad rule (does a matching rule exist in that chain?).",
    );
    refused(() => iptables.delete("filter", "INPUT", 1), "Index of deletion too big.");
    refused(() => iptables.insert("filter", "INPUT", rule("-j DROP"), 2), "Index of insertion too big.");
    refused(() => iptables.setPolicy("filter", "MINE", "DROP"), "Bad built-in chain name.");
    iptables.append("filter", "INPUT", rule("-j MINE"));
    refused(() => iptables.deleteChain("filter", "MINE"), "Too many links.");
    iptables.flush("filter", "INPUT");
    iptables.append("filter", "MINE", rule("-j DROP"));
    refused(() => iptables.deleteChain("filter", "MINE"), "Directory not empty.");
    iptables.flush("filter", "MINE");
    iptables.deleteChain("filter", "MINE");
    expect(iptables.save().join()).not.toContain("MINE");
  });
});
