/**
 * The iptables rules of bridge networks as libnetwork writes them, in the order in which it inserts and appends: up to
 * 27 straight into FORWARD (drivers/bridge/setup_ip_tables.go, iptables/iptables.go ProgramChain, isolateNetwork), from
 * 28 on in chains of their own (drivers/bridge/internal/iptabler). Rules are made once and shared by all nodes.
 *
 * Not modelled: ip6tables, firewalld, --iptables=false, gateway modes. Layouts other than those of 20.10 and 28 were not
 * observed.
 */
import type { Match, Rule, Target } from "../netfilter/rule.ts";
import type { Cidr } from "../scenario/scenario.ts";
import { IngressRules } from "./ingress-rules.ts";
import type { RuleChange, Table } from "./request.ts";
import type { Version } from "./version.ts";

/** What of a bridge network its rules depend on. */
export interface BridgeTraits {
  readonly device: string;
  readonly subnet: Cidr;
  /** Containers may talk to each other. */
  readonly icc: boolean;
  readonly isInternal: boolean;
}

/** A port of the node that leads to a container. */
export interface PortMapping {
  readonly protocol: "tcp" | "udp" | "sctp";
  /** Of the node, int32; absent or 0: all of its addresses. */
  readonly hostIp?: number;
  readonly hostPort: number;
  readonly containerIp: number;
  readonly containerPort: number;
}

/** Takes what is to be changed. */
export type Program = (table: Table, chain: string, change: RuleChange) => void;

const STAGE_1 = "DOCKER-ISOLATION-STAGE-1";
const STAGE_2 = "DOCKER-ISOLATION-STAGE-2";
/** First octet of addresses that only the machine itself can use. */
const LOOPBACK = 127;
const ACCEPT: Target = { kind: "accept" };
const DROP: Target = { kind: "drop" };
const RETURN: Target = { kind: "return" };

function rule(match: Match, target: Target): Rule {
  return { match, target };
}

function jump(chain: string, match: Match = {}): Rule {
  return rule(match, { kind: "jump", chain });
}

const JUMP_USER = jump("DOCKER-USER");
const JUMP_FORWARD = jump("DOCKER-FORWARD");
const JUMP_STAGE_1 = jump(STAGE_1);
const ONLY_RETURN = rule({}, RETURN);
const DNAT_LOCAL = jump("DOCKER", { dstType: { type: "LOCAL" } });
const DNAT_OWN = jump("DOCKER", { dstIp: { ip: 127 << 24, prefixLength: 8, not: true }, dstType: { type: "LOCAL" } });

/** The rules of one bridge, made when first asked for. */
class BridgeRules {
  readonly established: Rule;
  readonly toContainers: Rule;
  readonly outward: Rule;
  readonly within: Rule;
  readonly withinDrop: Rule;
  readonly from: Rule;
  readonly isolateFrom: Rule;
  readonly isolateTo: Rule;
  readonly dropInbound: Rule;
  readonly masquerade: Rule;
  readonly skipDnat: Rule;
  readonly internalOut: Rule;
  readonly internalIn: Rule;

  constructor({ device, subnet }: BridgeTraits) {
    const inDevice = { name: device };
    const outDevice = { name: device };
    const notIn = { name: device, not: true } as const;
    const notOut = { name: device, not: true } as const;
    const inside = { ip: subnet.address, prefixLength: subnet.prefixLength };
    const outside = { ...inside, not: true } as const;
    this.established = rule({ outDevice, ctState: ["RELATED", "ESTABLISHED"] }, ACCEPT);
    this.toContainers = jump("DOCKER", { outDevice });
    this.outward = rule({ inDevice, outDevice: notOut }, ACCEPT);
    this.within = rule({ inDevice, outDevice }, ACCEPT);
    this.withinDrop = rule({ inDevice, outDevice }, DROP);
    this.from = rule({ inDevice }, ACCEPT);
    this.isolateFrom = jump(STAGE_2, { inDevice, outDevice: notOut });
    this.isolateTo = rule({ outDevice }, DROP);
    this.dropInbound = rule({ inDevice: notIn, outDevice }, DROP);
    this.masquerade = rule({ srcIp: inside, outDevice: notOut }, { kind: "masquerade" });
    this.skipDnat = rule({ inDevice }, RETURN);
    this.internalOut = rule({ dstIp: outside, inDevice }, DROP);
    this.internalIn = rule({ srcIp: outside, outDevice }, DROP);
  }
}

export class Firewall {
  readonly #version: Version;
  /** Of the routing mesh. */
  readonly ingress: IngressRules;
  readonly #bridges = new Map<string, BridgeRules>();
  readonly #guards = new Map<string, Rule>();

  constructor(version: Version) {
    this.#version = version;
    this.ingress = new IngressRules(version);
  }

  /** What an engine makes when it starts (drivers/bridge/setup_ip_tables.go, setupIPChains; arrangeUserFilterRule). */
  start(program: Program): void {
    const { filter, returns } = this.#version;
    const chain = (name: string): void => program("filter", name, { change: "new-chain" });
    program("nat", "DOCKER", { change: "new-chain" });
    program("nat", "PREROUTING", { change: "append", rule: DNAT_LOCAL });
    program("nat", "OUTPUT", { change: "append", rule: DNAT_OWN });
    program("filter", "FORWARD", { change: "policy", policy: "DROP" });
    chain("DOCKER");
    if (filter === "forward") {
      chain(STAGE_1);
      chain(STAGE_2);
      if (returns) {
        program("filter", STAGE_1, { change: "append", rule: ONLY_RETURN });
        program("filter", STAGE_2, { change: "append", rule: ONLY_RETURN });
      }
      program("filter", "FORWARD", { change: "insert", rule: JUMP_STAGE_1 });
    } else {
      const inner =
        filter === "docker-forward"
          ? ["DOCKER-CT", STAGE_1, "DOCKER-BRIDGE"]
          : ["DOCKER-CT", "DOCKER-INTERNAL", "DOCKER-BRIDGE"];
      chain("DOCKER-FORWARD");
      for (const name of inner) chain(name);
      if (filter === "docker-forward") chain(STAGE_2);
      for (const name of inner) program("filter", "DOCKER-FORWARD", { change: "append", rule: jump(name) });
      program("filter", "FORWARD", { change: "insert", rule: JUMP_FORWARD });
    }
    chain("DOCKER-USER");
    if (returns) program("filter", "DOCKER-USER", { change: "append", rule: ONLY_RETURN });
    program("filter", "FORWARD", { change: "insert", rule: JUMP_USER });
  }

  addBridge(traits: BridgeTraits, program: Program): void {
    const rules = this.#rulesOf(traits);
    if (this.#version.filter === "forward") this.#addToForward(traits, rules, program);
    else this.#addToChains(traits, rules, program);
  }

  #addToForward(traits: BridgeTraits, rules: BridgeRules, program: Program): void {
    const insert = (table: Table, chain: string, what: Rule): void =>
      program(table, chain, { change: "insert", rule: what });
    if (traits.isInternal) {
      insert("filter", STAGE_1, rules.internalOut);
      insert("filter", STAGE_1, rules.internalIn);
      this.#setIcc(traits, rules, program);
    } else {
      insert("nat", "POSTROUTING", rules.masquerade);
      insert("nat", "DOCKER", rules.skipDnat);
      this.#setIcc(traits, rules, program);
      insert("filter", "FORWARD", rules.outward);
      insert("filter", "FORWARD", rules.toContainers);
      insert("filter", "FORWARD", rules.established);
      insert("filter", STAGE_1, rules.isolateFrom);
      insert("filter", STAGE_2, rules.isolateTo);
    }
    // EnsureJumpRule, arrangeUserFilterRule: both on top again, DOCKER-USER first.
    for (const top of [JUMP_STAGE_1, JUMP_USER]) {
      program("filter", "FORWARD", { change: "delete", rule: top });
      insert("filter", "FORWARD", top);
    }
  }

  /** setIcc: what lets containers talk to each other is put on top, what forbids it at the end. */
  #setIcc({ icc }: BridgeTraits, rules: BridgeRules, program: Program): void {
    if (icc) program("filter", "FORWARD", { change: "insert", rule: rules.within });
    else program("filter", "FORWARD", { change: "append", rule: rules.withinDrop });
  }

  #addToChains(traits: BridgeTraits, rules: BridgeRules, program: Program): void {
    const append = (chain: string, what: Rule): void => program("filter", chain, { change: "append", rule: what });
    const isolates = this.#version.filter === "docker-forward";
    append("DOCKER-CT", rules.established);
    append("DOCKER-BRIDGE", rules.toContainers);
    append("DOCKER", rules.dropInbound);
    if (traits.isInternal) {
      append(isolates ? STAGE_1 : "DOCKER-INTERNAL", rules.internalOut);
      append(isolates ? STAGE_1 : "DOCKER-INTERNAL", rules.internalIn);
      append("DOCKER-FORWARD", traits.icc ? rules.within : rules.withinDrop);
      return;
    }
    program("nat", "POSTROUTING", { change: "insert", rule: rules.masquerade });
    program("nat", "DOCKER", { change: "insert", rule: rules.skipDnat });
    if (traits.icc) append("DOCKER-FORWARD", rules.from);
    else {
      append("DOCKER-FORWARD", rules.withinDrop);
      append("DOCKER-FORWARD", rules.outward);
    }
    if (!isolates) return;
    append(STAGE_1, rules.isolateFrom);
    program("filter", STAGE_2, { change: "insert", rule: rules.isolateTo });
  }

  removeBridge(traits: BridgeTraits, program: Program): void {
    const undo: [Table, string, Rule][] = [];
    this.addBridge(traits, (table, chain, change) => {
      // What was only moved to the top stays.
      if ("rule" in change && change.change !== "delete" && change.rule !== JUMP_USER && change.rule !== JUMP_STAGE_1)
        undo.push([table, chain, change.rule]);
    });
    for (const [table, chain, made] of undo) program(table, chain, { change: "delete", rule: made });
    this.#bridges.delete(keyOf(traits));
  }

  /** An endpoint has joined the bridge, or left it: from 28 on nobody else's packets for it pass. */
  guard(device: string, ip: number, change: "append" | "delete", program: Program): void {
    if (!this.#version.guardsContainers) return;
    const key = `${device} ${ip}`;
    let guard = this.#guards.get(key);
    if (guard === undefined) {
      guard = rule({ dstIp: { ip, prefixLength: 32 }, inDevice: { name: device, not: true } }, DROP);
      this.#guards.set(key, guard);
    }
    program("raw", "PREROUTING", { change, rule: guard });
  }

  /** A port of the node leads to a container (iptables.go ChainInfo.Forward), or no longer does. */
  mapPort(device: string, port: PortMapping, isAdded: boolean, program: Program): void {
    const { protocol, hostIp = 0, hostPort, containerIp, containerPort } = port;
    const container = { ip: containerIp, prefixLength: 32 };
    const notIn = { name: device, not: true } as const;
    const dstPort = { port: containerPort };
    const dstIp = { ip: hostIp, prefixLength: 32 };
    const dnat = rule(
      { ...(hostIp === 0 ? {} : { dstIp }), inDevice: notIn, protocol, dstPort: { port: hostPort } },
      { kind: "dnat", ip: containerIp, port: containerPort },
    );
    const accept = rule({ dstIp: container, inDevice: notIn, outDevice: { name: device }, protocol, dstPort }, ACCEPT);
    const onTop = isAdded && this.#version.filter !== "forward";
    const end = isAdded ? "append" : "delete";
    program("nat", "DOCKER", { change: end, rule: dnat });
    program("filter", "DOCKER", { change: onTop ? "insert" : end, rule: accept });
    if (this.#version.guardsContainers && hostIp >>> 24 === LOOPBACK) {
      const remote = rule({ dstIp, inDevice: { name: "lo", not: true }, protocol, dstPort: { port: hostPort } }, DROP);
      program("raw", "PREROUTING", { change: end, rule: remote });
    }
    if (this.#version.masqueradesHairpin) {
      const hairpin = rule({ srcIp: container, dstIp: container, protocol, dstPort }, { kind: "masquerade" });
      program("nat", "POSTROUTING", { change: end, rule: hairpin });
    }
    if (protocol !== "sctp" || !this.#version.fillsSctpChecksum) return;
    program("mangle", "POSTROUTING", { change: end, rule: rule({ protocol, srcPort: dstPort }, { kind: "checksum" }) });
  }

  #rulesOf(traits: BridgeTraits): BridgeRules {
    const key = keyOf(traits);
    let rules = this.#bridges.get(key);
    if (rules === undefined) {
      rules = new BridgeRules(traits);
      this.#bridges.set(key, rules);
    }
    return rules;
  }
}

function keyOf({ device, subnet }: BridgeTraits): string {
  return `${device} ${subnet.address}/${subnet.prefixLength}`;
}
