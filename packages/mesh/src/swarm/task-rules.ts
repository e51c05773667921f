/**
 * Rules inside the namespaces of containers: the way to the embedded DNS server (libnetwork resolver_unix.go,
 * setupIPTable), and what a task with published ports lets in by its ingress address (service_linux.go,
 * programIngressPorts / redirectIngressPorts).
 */
import type { Rule } from "../netfilter/rule.ts";
import type { Program } from "./bridge-rules.ts";

const RESOLVER = (127 << 24) | 11;
const TO_RESOLVER = { ip: RESOLVER, prefixLength: 32 };
const DNS = 53;
const OUTPUT: Rule = { match: { dstIp: TO_RESOLVER }, target: { kind: "jump", chain: "DOCKER_OUTPUT" } };
const POSTROUTING: Rule = { match: { dstIp: TO_RESOLVER }, target: { kind: "jump", chain: "DOCKER_POSTROUTING" } };

/** The rules of the DNS server, of which there are as many as there are ports: all namespaces share them. */
export class ResolverRules {
  readonly #byPort = { tcp: new Map<number, readonly [Rule, Rule]>(), udp: new Map<number, readonly [Rule, Rule]>() };

  program(udpPort: number, tcpPort: number, program: Program): void {
    program("nat", "DOCKER_OUTPUT", { change: "new-chain" });
    program("nat", "DOCKER_POSTROUTING", { change: "new-chain" });
    program("nat", "OUTPUT", { change: "append", rule: OUTPUT });
    program("nat", "POSTROUTING", { change: "append", rule: POSTROUTING });
    const tcp = this.#rules("tcp", tcpPort);
    const udp = this.#rules("udp", udpPort);
    program("nat", "DOCKER_OUTPUT", { change: "append", rule: tcp[0] });
    program("nat", "DOCKER_OUTPUT", { change: "append", rule: udp[0] });
    program("nat", "DOCKER_POSTROUTING", { change: "append", rule: tcp[1] });
    program("nat", "DOCKER_POSTROUTING", { change: "append", rule: udp[1] });
  }

  #rules(protocol: "tcp" | "udp", port: number): readonly [Rule, Rule] {
    const byPort = this.#byPort[protocol];
    let rules = byPort.get(port);
    if (rules === undefined) {
      rules = [
        {
          match: { dstIp: TO_RESOLVER, protocol, dstPort: { port: DNS } },
          target: { kind: "dnat", ip: RESOLVER, port },
        },
        { match: { srcIp: TO_RESOLVER, protocol, srcPort: { port } }, target: { kind: "snat", port: DNS } },
      ];
      byPort.set(port, rules);
    }
    return rules;
  }
}

export interface IngressPort {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly published: number;
  readonly target: number;
}

/** `ip` is the task's address in the ingress network. */
export function programIngressPorts(ip: number, ports: readonly IngressPort[], program: Program): void {
  const here = { ip, prefixLength: 32 };
  for (const { protocol, published, target } of ports) {
    program("nat", "PREROUTING", {
      change: "append",
      rule: {
        match: { dstIp: here, protocol, dstPort: { port: published } },
        target: { kind: "redirect", port: target },
      },
    });
  }
  const accept = { kind: "accept" } as const;
  for (const { protocol, target } of ports) {
    const port = { port: target };
    program("filter", "INPUT", {
      change: "insert",
      rule: { match: { dstIp: here, protocol, dstPort: port, ctState: ["NEW", "ESTABLISHED"] }, target: accept },
    });
    program("filter", "OUTPUT", {
      change: "insert",
      rule: { match: { srcIp: here, protocol, srcPort: port, ctState: ["ESTABLISHED"] }, target: accept },
    });
  }
  for (const protocol of ["sctp", "udp", "tcp"] as const) {
    const drop = { kind: "drop" } as const;
    program("filter", "INPUT", { change: "append", rule: { match: { dstIp: here, protocol }, target: drop } });
    program("filter", "OUTPUT", { change: "append", rule: { match: { srcIp: here, protocol }, target: drop } });
  }
}
