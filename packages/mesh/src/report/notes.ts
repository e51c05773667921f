/** What a ping that failed does not say by itself: what is at the addresses it names, as the plan has it. */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import type { Step } from "../scenario/scenario.ts";
import type { NetworkPlan, SwarmPlan } from "../swarm/plan.ts";
import { maskOf } from "../tables/route.ts";

export function notesOn(step: Step, plan: SwarmPlan): string[] {
  if (step.kind !== "exec" || !["ping", "iping"].includes(step.argv[0] ?? "")) return [];
  const addresses = new Set(step.argv.map(parseIpv4).filter((ip) => ip !== undefined));
  const notes = Array.from(addresses, (ip) => noteOn(ip, step.container, plan));
  return notes.filter((note) => note !== undefined).map((note) => `hopscope: ${note}`);
}

function noteOn(ip: number, task: string, plan: SwarmPlan): string | undefined {
  const text = formatIpv4(ip);
  const network = plan.networks.find((each) => isIn(ip, each));
  const joined = plan.tasks.find((each) => each.name === task)?.addresses ?? [];
  if (network === undefined) return undefined;
  if (!joined.some((address) => address.network === network.name)) {
    return `${text} is on ${network.name}, and ${task} is not`;
  }
  if (ip === network.gateway || network.peers.some((peer) => peer.ip === ip)) return undefined;
  if (ip === (network.subnet.address | ~maskOf(network.subnet.prefixLength))) {
    return `${text} is everybody on ${network.name}; Linux answers no ping to everybody (icmp_echo_ignore_broadcasts)`;
  }
  return `nobody has ${text} on ${network.name}`;
}

function isIn(ip: number, { subnet }: NetworkPlan): boolean {
  return ((ip ^ subnet.address) & maskOf(subnet.prefixLength)) === 0;
}
