/** A plan as text for people. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { formatDuration } from "../scenario/units.ts";
import { formatCidr } from "./cidr.ts";
import type { DevicePlan, NamespacePlan, NetworkPlan, SwarmPlan } from "./plan.ts";

export function formatPlan(plan: SwarmPlan): string {
  const lines = [`switch  mtu ${plan.switch.mtu}, ${formatDuration(plan.switch.latencyNs)} to each node`];
  for (const network of plan.networks) lines.push("", ...networkLines(network));
  for (const node of plan.nodes) {
    lines.push("", `node ${node.name}`);
    for (const namespace of node.namespaces) lines.push(...namespaceLines(namespace));
  }
  return `${lines.join("\n")}\n`;
}

function networkLines({ name, vni, subnet, gateway, mtu, peers }: NetworkPlan): readonly string[] {
  const lines = [`network ${name}  ${formatCidr(subnet)} gateway ${formatIpv4(gateway)} vni ${vni} mtu ${mtu}`];
  for (const peer of peers)
    lines.push(`  ${formatIpv4(peer.ip)} ${formatMac(peer.mac)} at ${formatIpv4(peer.vtep)}  ${peer.endpoint}`);
  return lines;
}

function namespaceLines({ name, devices, routes, forwarding }: NamespacePlan): readonly string[] {
  const lines = [`  ${name}${forwarding ? "  forwards" : ""}`];
  for (const device of devices) lines.push(`    ${deviceLine(device)}`);
  for (const { destination, prefixLength, via, device } of routes) {
    const hop = via === undefined ? "" : ` via ${formatIpv4(via)}`;
    lines.push(`    route ${formatCidr({ address: destination, prefixLength })}${hop} dev ${device}`);
  }
  return lines;
}

function deviceLine(device: DevicePlan): string {
  const number = device.index === undefined ? [] : [`${device.index}:`];
  const parts: string[] = [...number, device.name.padEnd(6)];
  for (const { ip, prefixLength } of device.addresses) parts.push(formatCidr({ address: ip, prefixLength }));
  parts.push(`mtu ${device.mtu}`);
  switch (device.kind) {
    case "loopback":
      break;
    case "nic":
      parts.push(`mac ${formatMac(device.mac)}`);
      break;
    case "bridge":
      parts.push(`mac ${device.mac === undefined ? "of its lowest port" : formatMac(device.mac)}`);
      break;
    case "vxlan":
      parts.push(`mac ${formatMac(device.mac)} vni ${device.vni} port ${device.port} in ${device.master}`);
      break;
    case "veth":
      parts.push(`mac ${formatMac(device.mac)} peer ${device.peer.namespace}/${device.peer.device}`);
      if (device.master !== undefined) parts.push(`in ${device.master}`);
      break;
  }
  return parts.join(" ");
}
