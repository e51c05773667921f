/** A swarm as plain data for engine tests: one overlay, tasks spread by hand, addresses .3 on, as libnetwork gives them. */
import { parseIpv4, parseMac } from "@hopscope/codec/address";
import type { Step } from "../../src/scenario/scenario.ts";
import type { DevicePlan, NamespacePlan, NodePlan, PeerRecord, SwarmPlan, TaskPlan } from "../../src/swarm/plan.ts";

export const ip = (text: string): number => parseIpv4(text)!;
export const mac = (text: string): number => parseMac(text)!;

export function endpointMac(address: number): number {
  return 0x0242 * 0x100000000 + (address >>> 0);
}

const lo: DevicePlan = {
  kind: "loopback",
  name: "lo",
  mtu: 65_536,
  addresses: [{ ip: ip("127.0.0.1"), prefixLength: 8 }],
};

/** `tasks[n]` is the number of tasks on node n. Task t has 10.0.9.(2 + t), load balancers come behind the tasks. */
export function overlayPlan(tasksPerNode: readonly number[], latencyNs: number = 20_000): SwarmPlan {
  const total = tasksPerNode.reduce((sum, each) => sum + each, 0);
  const peers: PeerRecord[] = [];
  const tasks: TaskPlan[] = [];
  const nodes: NodePlan[] = [];
  let nextTask = 1;
  let nextLb = 3 + total;
  let nextMac = mac("0e:00:00:00:00:01");
  const address = (last: number): number => ip(`10.0.9.${last}`);
  const on = (last: number) => [{ ip: address(last), prefixLength: 24 }];
  for (const [index, count] of tasksPerNode.entries()) {
    const name = `node${index + 1}`;
    const vtep = ip(`192.168.77.${11 + index}`);
    const nic: DevicePlan = {
      kind: "nic",
      name: "eth0",
      mtu: 1500,
      mac: mac(`52:54:00:77:00:${(11 + index).toString(16).padStart(2, "0")}`),
      addresses: [{ ip: vtep, prefixLength: 24 }],
    };
    const namespaces: NamespacePlan[] = [{ name: "host", devices: [lo, nic], routes: [], forwarding: true }];
    if (count > 0) {
      const members = [{ name: "lb-net", last: nextLb++ }];
      for (let slot = 0; slot < count; slot++) members.push({ name: `svc.${nextTask}`, last: 2 + nextTask++ });
      const overlay: DevicePlan[] = [
        lo,
        { kind: "bridge", name: "br0", mtu: 1450, mac: undefined, addresses: on(1) },
        {
          kind: "vxlan",
          name: "vxlan0",
          mtu: 1450,
          mac: nextMac++,
          master: "br0",
          vni: 4097,
          port: 4789,
          network: "net",
          addresses: [],
        },
      ];
      for (const [number, member] of members.entries()) {
        const peer = { namespace: member.name, device: "eth0" };
        overlay.push({
          kind: "veth",
          name: `veth${number}`,
          mtu: 1450,
          mac: nextMac++,
          peer,
          master: "br0",
          addresses: [],
        });
        peers.push({ ip: address(member.last), mac: endpointMac(address(member.last)), vtep, endpoint: member.name });
      }
      namespaces.push({ name: "overlay-net", devices: overlay, routes: [], forwarding: false });
      for (const [number, member] of members.entries()) {
        const eth0: DevicePlan = {
          kind: "veth",
          name: "eth0",
          mtu: 1450,
          mac: endpointMac(address(member.last)),
          peer: { namespace: "overlay-net", device: `veth${number}` },
          master: undefined,
          addresses: on(member.last),
        };
        namespaces.push({ name: member.name, devices: [lo, eth0], routes: [], forwarding: false });
        if (number > 0) {
          const at = address(member.last);
          tasks.push({
            name: member.name,
            service: "svc",
            node: name,
            addresses: [{ network: "net", ip: at, mac: endpointMac(at) }],
          });
        }
      }
    }
    nodes.push({ name, vtep, namespaces });
  }
  const subnet = { address: ip("10.0.9.0"), prefixLength: 24 };
  return {
    nodes,
    tasks,
    switch: { mtu: 1500, latencyNs },
    networks: [{ name: "net", vni: 4097, subnet, gateway: address(1), mtu: 1450, peers }],
  };
}

const position = { file: "test", line: 1, column: 1 };

export function exec(task: string, command: string): Step {
  const argv = command.split(" ");
  return { kind: "exec", container: task, argv, position, text: `exec ${task} ${command}`, background: false };
}

export function sleep(seconds: number): Step {
  return { kind: "sleep", durationNs: seconds * 1e9, position, text: `sleep ${seconds}s`, background: false };
}
