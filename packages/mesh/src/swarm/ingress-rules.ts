/**
 * Rules of the routing mesh on a node, made once for all nodes of a release (libnetwork service_linux.go: programIngress up
 * to 27, initIngressConfiguration and generateIngressRules from 28 on).
 *
 * Not modelled: ip6tables, which libnetwork leaves alone here. Layouts between 20.10 and 28 were not observed; that of 28
 * is its source's, as the recorded kernel had no IPVS, without which libnetwork writes none of it.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { Match, Rule, Target } from "../netfilter/rule.ts";
import type { Program } from "./bridge-rules.ts";
import type { IngressPort } from "./task-rules.ts";
import type { Version } from "./version.ts";

const CHAIN = "DOCKER-INGRESS";
const ACCEPT: Target = { kind: "accept" };
const ESTABLISHED = ["RELATED", "ESTABLISHED"] as const;
const ONLY_RETURN: Rule = { match: {}, target: { kind: "return" } };
const JUMP: Rule = { match: {}, target: { kind: "jump", chain: CHAIN } };
const JUMP_USER: Rule = { match: {}, target: { kind: "jump", chain: "DOCKER-USER" } };
const JUMP_LOCAL: Rule = { match: { dstType: { type: "LOCAL" } }, target: { kind: "jump", chain: CHAIN } };

interface PortRules {
  readonly dnat: Rule;
  readonly established: Rule;
  readonly accept: Rule;
}

export class IngressRules {
  readonly #isForward: boolean;
  /** Of a port and the address that it leads to. */
  readonly #ports = new Map<string, PortRules>();
  readonly #masquerades = new Map<string, Rule>();

  constructor(version: Version) {
    this.#isForward = version.filter === "forward";
  }

  /** The chains and what leads there; `device` is the bridge behind which ingress_sbox is. What is there already stays. */
  start(device: string, program: Program): void {
    for (const table of ["nat", "filter"] as const) {
      program(table, CHAIN, { change: "ensure-chain" });
      program(table, CHAIN, { change: "ensure", at: "end", rule: ONLY_RETURN });
    }
    for (const chain of ["OUTPUT", "PREROUTING"])
      program("nat", chain, { change: "ensure", at: "top", rule: JUMP_LOCAL });
    if (this.#isForward) {
      program("filter", "FORWARD", { change: "ensure", at: "top", rule: JUMP });
      // arrangeUserFilterRule
      program("filter", "FORWARD", { change: "delete", rule: JUMP_USER });
      program("filter", "FORWARD", { change: "insert", rule: JUMP_USER });
    } else program("filter", "DOCKER-FORWARD", { change: "ensure", at: "top", rule: JUMP });
    program("nat", "POSTROUTING", { change: "ensure", at: "top", rule: this.#masquerade(device) });
  }

  /** A published port leads to `gateway`, the address of ingress_sbox on its bridge, or no longer does. */
  program(port: IngressPort, gateway: number, isAdded: boolean, program: Program): void {
    const { dnat, established, accept } = this.#rules(port, gateway);
    const change = isAdded ? "insert" : "delete";
    program("nat", CHAIN, { change, rule: dnat });
    program("filter", CHAIN, { change, rule: established });
    program("filter", CHAIN, { change, rule: accept });
  }

  #rules({ protocol, published }: IngressPort, gateway: number): PortRules {
    const key = `${protocol}/${published} ${formatIpv4(gateway)}`;
    let rules = this.#ports.get(key);
    if (rules === undefined) {
      const dstPort = { port: published };
      const srcPort = { port: published };
      const reply: Match = this.#isForward
        ? { protocol, state: ESTABLISHED, srcPort }
        : { protocol, srcPort, ctState: ESTABLISHED };
      rules = {
        dnat: { match: { protocol, dstPort }, target: { kind: "dnat", ip: gateway, port: published } },
        established: { match: reply, target: ACCEPT },
        accept: { match: { protocol, dstPort }, target: ACCEPT },
      };
      this.#ports.set(key, rules);
    }
    return rules;
  }

  /** What the node itself sends to a published port comes from the bridge's address. */
  #masquerade(device: string): Rule {
    let rule = this.#masquerades.get(device);
    if (rule === undefined) {
      rule = { match: { outDevice: { name: device }, srcType: { type: "LOCAL" } }, target: { kind: "masquerade" } };
      this.#masquerades.set(device, rule);
    }
    return rule;
  }
}
