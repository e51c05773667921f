/** Rules as text and as data. rules.txt: each form of rule that iptables-save printed on the nodes of a real swarm. */
import { readFileSync } from "node:fs";
import { formatIpv4 } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CtState, Match, Rule, Target } from "../../src/netfilter/rule.ts";
import { formatRule } from "../../src/netfilter/rule-format.ts";
import { parseRule } from "../../src/netfilter/rule-parse.ts";
import { RuleError } from "../../src/netfilter/rule-values.ts";
import { maskOf } from "../../src/tables/route.ts";
import { wordsOf } from "./words.ts";

const RECORDED = readFileSync(new URL("rules.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n");

const round = (text: string): string => formatRule(parseRule(wordsOf(text)));

describe("rules of a real swarm", () => {
  test.each(RECORDED)("%s", (line) => {
    const [, , ...argv] = wordsOf(line);
    expect(`-A ${line.split(" ")[1]} ${formatRule(parseRule(argv))}`).toBe(line);
  });
});

describe("what people type", () => {
  test.each([
    ["-p tcp --dport 80 -j ACCEPT", "-p tcp -m tcp --dport 80 -j ACCEPT"],
    ["-j DROP --source 10.0.0.77/24", "-s 10.0.0.0/24 -j DROP"],
    ["-s 10.0.0.0/255.255.255.0 -i eth+", "-s 10.0.0.0/24 -i eth+"],
    [
      "-p 17 --sport 1000:2000 ! --dport :53 -j REJECT",
      "-p udp -m udp --sport 1000:2000 ! --dport 0:53 -j REJECT --reject-with icmp-port-unreachable",
    ],
    [
      "-p tcp --syn -j REJECT --reject-with tcp-reset",
      "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j REJECT --reject-with tcp-reset",
    ],
    ["-p all -j RETURN", "-j RETURN"],
    ["! -p icmp -j drops", "! -p icmp -j drops"],
    ["-p icmp --icmp-type echo-request -g later", "-p icmp -m icmp --icmp-type 8 -g later"],
    ["-m conntrack ! --ctstate established,related", "-m conntrack ! --ctstate RELATED,ESTABLISHED"],
    [
      "-m conntrack --ctorigdstport 8080 --ctorigdst 192.168.77.11",
      "-m conntrack --ctorigdst 192.168.77.11 --ctorigdstport 8080",
    ],
    ["-p tcp -m multiport --dports http,https,8000:8010", "-p tcp -m multiport --dports 80,443,8000:8010"],
    ["-j MARK --set-mark 0x1/0xf0", "-j MARK --set-xmark 0x1/0xf1"],
    ["-m mark --mark 256 -j ACCEPT", "-m mark --mark 0x100 -j ACCEPT"],
    [
      "-m comment --comment 'from \"outside\"' -j LOG --log-prefix in",
      '-m comment --comment "from \\"outside\\"" -j LOG --log-prefix in',
    ],
    ["-j SNAT --to-source 10.0.0.1-10.0.0.9:1000-2000", "-j SNAT --to-source 10.0.0.1-10.0.0.9:1000-2000"],
    ["-p udp -j MASQUERADE --to-ports 1000-2000", "-p udp -j MASQUERADE --to-ports 1000-2000"],
    ["-m limit --limit 10/minute --limit-burst 7", "-m limit --limit 10/min --limit-burst 7"],
    ["-m iprange ! --src-range 10.0.0.1-10.0.0.9", "-m iprange ! --src-range 10.0.0.1-10.0.0.9"],
    ["-m physdev --physdev-in veth1 --physdev-is-bridged", "-m physdev --physdev-in veth1 --physdev-is-bridged"],
    ["-j CT --notrack", "-j CT --notrack"],
    ["-p sctp --sport 80 -j CHECKSUM --checksum-fill", "-p sctp -m sctp --sport 80 -j CHECKSUM --checksum-fill"],
    [
      '-p udp -m policy --dir in --pol none -m udp --dport 4789 -m bpf --bytecode "6,177 0 0 0,64 0 0 12,84 0 0 4294967040,21 1 0 1048832,6 0 0 0,6 0 0 4294967295" -j DROP',
      '-p udp -m policy --dir in --pol none -m udp --dport 4789 -m bpf --bytecode "6,177 0 0 0,64 0 0 12,84 0 0 4294967040,21 1 0 1048832,6 0 0 0,6 0 0 4294967295" -j DROP',
    ],
  ])("%s", (typed, printed) => {
    expect(round(typed)).toBe(printed);
    expect(round(printed)).toBe(printed);
  });

  test.each([
    ["--dport 80 -j ACCEPT", 'unknown option "--dport"'],
    ["-p foo", 'unknown protocol "foo" specified'],
    ["-s nowhere", "host/network `nowhere' not found"],
    ["-s 10.0.0.0/33", "invalid mask `33' specified"],
    ["-j", 'option "-j" requires an argument'],
    ["-m nothing", "Couldn't load match `nothing':No such file or directory"],
    ["-p tcp --dport 80:70", "invalid portrange (min > max)"],
    ["-p tcp --dport 65536", "invalid port/service `65536' specified"],
    ["-j DNAT", 'DNAT: option "--to-destination" must be specified'],
    ["-i abcdefghijklmnop", "interface name `abcdefghijklmnop' must be shorter than IFNAMSIZ (15)"],
    ["-m conntrack --ctstate OLD", 'Bad ctstate "OLD"'],
  ])("refused: %s", (typed, message) => {
    expect(() => parseRule(wordsOf(typed))).toThrow(new RuleError(message));
  });
});

describe("properties", () => {
  const not = fc.constantFrom({}, { not: true } as const);
  const ip = fc.integer({ min: -0x80000000, max: 0x7fffffff });
  const cidr = fc.tuple(ip, fc.nat(32), not).map(([address, prefixLength, inverted]) => ({
    ip: address & maskOf(prefixLength),
    prefixLength,
    ...inverted,
  }));
  const device = fc
    .tuple(fc.constantFrom("eth0", "docker_gwbridge", "veth+"), not)
    .map(([name, inverted]) => ({ name, ...inverted }));
  const range = fc
    .tuple(fc.nat(65535), fc.nat(65535))
    .map(([a, b]) => (a === b ? { port: a } : { port: Math.min(a, b), lastPort: Math.max(a, b) }));
  const port = fc.tuple(range, not).map(([ports, inverted]) => ({ ...ports, ...inverted }));
  const states = fc.subarray<CtState>(["INVALID", "NEW", "RELATED", "ESTABLISHED"], { minLength: 1 });
  const match: fc.Arbitrary<Match> = fc.record(
    {
      srcIp: cidr,
      dstIp: cidr,
      inDevice: device,
      outDevice: device,
      protocol: fc.constantFrom("tcp", "udp"),
      ctState: states,
      dstType: fc.tuple(not).map(([inverted]) => ({ type: "LOCAL" as const, ...inverted })),
      mark: fc.record({ value: fc.nat(0xffffffff), mask: fc.nat(0xfffffffe) }),
    },
    { requiredKeys: [] },
  );
  const ports: fc.Arbitrary<Match> = fc.record({ srcPort: port, dstPort: port }, { requiredKeys: [] });
  const target: fc.Arbitrary<Target> = fc.oneof(
    fc.constantFrom<Target>(
      { kind: "accept" },
      { kind: "drop" },
      { kind: "none" },
      { kind: "jump", chain: "DOCKER-USER" },
    ),
    fc
      .tuple(fc.constantFrom("dnat" as const, "snat" as const), ip, range)
      .map(([kind, address, to]) => ({ kind, ip: address, ...to })),
    fc.tuple(fc.constantFrom("masquerade" as const, "redirect" as const), range).map(([kind, to]) => ({ kind, ...to })),
  );

  test("a rule that is printed and read is the same rule", () => {
    fc.assert(
      fc.property(match, ports, target, (basic, extra, then) => {
        const rule: Rule = { match: basic.protocol === undefined ? basic : { ...basic, ...extra }, target: then };
        expect(parseRule(wordsOf(formatRule(rule)))).toEqual(rule);
      }),
    );
  });

  test("any words give a rule or an error in words", () => {
    const word = fc.oneof(
      fc.constantFrom(
        "-s",
        "-d",
        "-i",
        "-p",
        "tcp",
        "--dport",
        "80",
        "!",
        "-m",
        "conntrack",
        "--ctstate",
        "NEW",
        "-j",
        "DNAT",
        "--to-destination",
      ),
      ip.map(formatIpv4),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        try {
          expect(typeof formatRule(parseRule(argv))).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(RuleError);
        }
      }),
    );
  });
});
