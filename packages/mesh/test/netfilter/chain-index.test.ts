/** A long chain, whose rules are found by port and address, against looking at each of them. */
import * as ethernet from "@hopscope/codec/ethernet";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Chain, ChainRule } from "../../src/netfilter/chain.ts";
import { Packet } from "../../src/netfilter/packet.ts";
import { parseRule } from "../../src/netfilter/rule-parse.ts";
import type { Netns } from "../../src/netns.ts";
import { machine } from "../engine/machine.ts";
import { tcpPacket, udpPacket } from "./firewall.ts";

const port = fc.integer({ min: 1, max: 4 });
const host = fc.integer({ min: 1, max: 3 });
const protocol = fc.constantFrom("tcp", "udp");
const not = fc.constantFrom("", "! ");
const match = fc.oneof(
  fc.tuple(protocol, not, port).map(([name, bang, number]) => `-p ${name} -m ${name} ${bang}--dport ${number}`),
  fc.tuple(protocol, not, port).map(([name, bang, number]) => `-p ${name} -m ${name} ${bang}--sport ${number}`),
  fc.tuple(protocol, port).map(([name, number]) => `-p ${name} -m ${name} --dport ${number}:${number + 1}`),
  fc.tuple(not, host).map(([bang, last]) => `${bang}-d 10.0.0.${last}/32`),
  fc.tuple(host, port).map(([last, number]) => `-d 10.0.0.${last}/32 -p tcp -m tcp --sport ${number}`),
  fc.constantFrom("-d 10.0.0.0/24", "-s 10.0.0.1/32", "-m mark --mark 0x1", "-p udp -m limit --limit 1/hour"),
  fc.tuple(port).map(([number]) => `-m limit --limit 1/hour -p tcp -m tcp --dport ${number}`),
);
const target = fc.constantFrom("-j ACCEPT", "-j DROP", "-j RETURN", "-j MARK --set-xmark 0x1/0xffffffff", "");
const rules = fc.array(
  fc.tuple(match, target).map((words) => words.join(" ").trim()),
  { minLength: 16, maxLength: 60 },
);
const packets = fc.array(fc.tuple(protocol, host, port, host, port), { maxLength: 20 });

function chainOf(texts: readonly string[]): Chain {
  const chain = new Chain("FORWARD", undefined);
  for (const text of texts) {
    chain.insert(chain.rules.length, new ChainRule(parseRule(text.split(" ")), chain, undefined));
  }
  return chain;
}

/** What the first rule that decides is, rule after rule. */
function walk(chain: Chain, packet: Packet, netns: Netns): ChainRule | undefined {
  for (const rule of chain.rules) {
    const decided = rule.apply(packet, netns);
    if (decided !== undefined) return decided instanceof ChainRule ? decided : undefined;
  }
  return undefined;
}

test("decides, marks and counts as it would rule after rule, also after changes", () => {
  const netns = machine();
  const { frames } = netns.node;
  fc.assert(
    fc.property(rules, packets, fc.nat(15), (texts, list, changed) => {
      const [indexed, plain] = [chainOf(texts), chainOf(texts)];
      for (const [turn, [name, from, srcPort, to, dstPort]] of list.entries()) {
        if (turn === 10) {
          for (const chain of [indexed, plain]) {
            chain.delete(changed);
            chain.insert(0, new ChainRule(parseRule(["-d", "10.0.0.2/32", "-j", "DROP"]), chain, undefined));
          }
        }
        const init = { from: `10.0.0.${from}:${srcPort}`, to: `10.0.0.${to}:${dstPort}` };
        const bytes = name === "tcp" ? tcpPacket({ ...init, flags: 2 }) : udpPacket(init);
        const decisions = [indexed, plain].map((chain) => {
          const frame = frames.allocate(ethernet.HEADER_LENGTH + bytes.length)!;
          frames.bytes.set(bytes, frame.start + ethernet.HEADER_LENGTH);
          const packet = new Packet(frames.view);
          packet.wrap(frame, undefined, undefined);
          const rule = chain === indexed ? chain.traverse(packet, netns) : walk(chain, packet, netns);
          const { mark } = frame;
          frames.free(frame);
          return [rule === undefined ? -1 : chain.rules.indexOf(rule), mark];
        });
        expect(decisions[0]).toEqual(decisions[1]);
      }
      const counted = (chain: Chain): number[] => chain.rules.map(({ packets: count }) => count);
      expect(counted(indexed)).toEqual(counted(plain));
    }),
    { numRuns: 300 },
  );
});
