// How long a frame takes from one device to the next: setups of the peers (a bridge, a chain of routers, a tunnel), and
// two ways through a swarm. Each answers { run, items }: `run` sends `items` / links frames and lets them arrive; `items`
// counts links, so that a figure is the time of one packet-hop, as the peers count it.
import { Bridge } from "../../packages/mesh/dist/devices/bridge.js";
import { Loopback } from "../../packages/mesh/dist/devices/loopback.js";
import { Veth } from "../../packages/mesh/dist/devices/veth.js";
import { FramePool } from "../../packages/mesh/dist/frame.js";
import { ipvsOf } from "../../packages/mesh/dist/ipvs/ip-vs.js";
import { netfilterOf } from "../../packages/mesh/dist/netfilter/netfilter.js";
import { parseRule } from "../../packages/mesh/dist/netfilter/rule-parse.js";
import { Netns } from "../../packages/mesh/dist/netns.js";
import { Node } from "../../packages/mesh/dist/node.js";
import { deploy } from "../../packages/mesh/dist/build.js";
import { loadScenario } from "../../packages/mesh/dist/scenario/load.js";
import { Random } from "../../packages/mesh/dist/sim/random.js";
import { Simulator } from "../../packages/mesh/dist/sim/simulator.js";
import { Recorder } from "../../packages/mesh/dist/trace/recorder.js";

/** Frames of a burst: all are on their way before the first is looked at. */
const BURST = 32;
const BURSTS = 64;
const PAYLOAD = new Uint8Array(22).fill(0x68);
const PORT = 9000;

const ip = (text) => text.split(".").reduce((sum, part) => (sum << 8) | Number(part), 0);

function machine() {
  const frames = new FramePool();
  const recorder = new Recorder(frames);
  const simulator = new Simulator();
  const node = new Node("bench", simulator, frames, recorder, new Random(1, "bench"));
  let veths = 0;
  const namespace = (name) => {
    const netns = new Netns(node, name);
    netns.addAddress(new Loopback(netns, { name: "lo", mtu: 65_536, mac: 0 }), ip("127.0.0.1"), 8);
    return netns;
  };
  const veth = (a, nameA, b, nameB) => {
    const make = (netns, name) => new Veth(netns, { name, mtu: 1500, mac: 0x0242_0000_0000 + ++veths });
    const ends = [make(a, nameA), make(b, nameB)];
    ends[0].connect(ends[1]);
    return ends;
  };
  return { node, simulator, frames, recorder, namespace, veth };
}

/** A socket that throws away what comes: its buffer is full after the first datagrams. */
function sink(netns) {
  const socket = netns.udp.socket();
  socket.bind(0, PORT);
}

/**
 * Sends the same datagram again and again, as its sender's kernel made it the first time, and counts what arrives on the
 * device `last`.
 */
function sender(simulator, frames, from, device, to, last, links) {
  const socket = from.udp.socket();
  let bytes;
  const transmit = device.transmit;
  // Twice: the first asks for the neighbor.
  socket.sendTo(PAYLOAD, to, PORT);
  settle(simulator, from.node, 2e9);
  device.transmit = function (frame) {
    bytes = frames.bytes.slice(frames.start(frame), frames.end(frame));
    transmit.call(device, frame);
  };
  socket.sendTo(PAYLOAD, to, PORT);
  delete device.transmit;
  settle(simulator, from.node, 2e9);
  if (bytes === undefined) throw new Error(`nothing left by ${device.name}`);
  const { softnet } = from.node;
  let left = 0;
  const burst = {
    softnet,
    wake() {
      for (let count = 0; count < BURST; count++) {
        const frame = frames.allocate(bytes.length);
        copy(frames.view, frames.start(frame));
        device.transmit(frame);
      }
      if (--left > 0) simulator.scheduleAfter(softnet, 1e6, burst, 0);
      else simulator.scheduleAfter(softnet, 2e6, end, 0);
    },
  };
  const words = new DataView(bytes.buffer);
  const copy = (view, start) => {
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) view.setInt32(start + at, words.getInt32(at));
    for (; at < bytes.length; at++) view.setUint8(start + at, words.getUint8(at));
  };
  const end = { softnet, wake: () => simulator.release() };
  return {
    items: BURST * BURSTS * links,
    run() {
      const before = last.statistics.rxPackets;
      left = BURSTS;
      simulator.hold();
      simulator.schedule(softnet.now, burst, 0);
      simulator.run();
      const arrived = last.statistics.rxPackets - before;
      if (arrived < BURST * BURSTS) throw new Error(`${arrived} of ${BURST * BURSTS} frames arrived`);
      return BURSTS;
    },
  };
}

function settle(simulator, { softnet }, ns) {
  simulator.hold();
  simulator.schedule(simulator.now + ns, { softnet, wake: () => simulator.release() }, 0);
  simulator.run();
}

/** Two namespaces on one bridge: 2 links. */
function bridge() {
  const { simulator, frames, namespace, veth } = machine();
  const [a, b, middle] = ["a", "b", "middle"].map(namespace);
  const [left, leftPort] = veth(a, "eth0", middle, "veth0");
  const [right, rightPort] = veth(b, "eth0", middle, "veth1");
  const br0 = new Bridge(middle, { name: "br0", mtu: 1500, mac: undefined });
  br0.addPort(leftPort);
  br0.addPort(rightPort);
  a.addAddress(left, ip("10.9.0.1"), 24);
  b.addAddress(right, ip("10.9.0.2"), 24);
  sink(b);
  return sender(simulator, frames, a, left, ip("10.9.0.2"), right, 2);
}

/** Ten namespaces in a row, eight of them routers: 9 links. */
function routers() {
  const { simulator, frames, namespace, veth } = machine();
  const chain = Array.from({ length: 10 }, (_, index) => namespace(`c${index}`));
  let first;
  for (let index = 0; index < 9; index++) {
    const [here, there] = [chain[index], chain[index + 1]];
    const [out, into] = veth(here, "right", there, "left");
    first ??= out;
    here.addAddress(out, ip(`10.20.${index}.1`), 24);
    there.addAddress(into, ip(`10.20.${index}.2`), 24);
    there.forwarding = true;
  }
  for (let index = 0; index < 10; index++) {
    const netns = chain[index];
    for (let other = 0; other < 9; other++) {
      if (other === index || other === index - 1) continue;
      const isRight = other > index;
      const device = netns.deviceNamed(isRight ? "right" : "left");
      const via = isRight ? ip(`10.20.${index}.2`) : ip(`10.20.${index - 1}.1`);
      const source = netns.sourceFor(device, via);
      netns.routes.add({
        type: 0,
        destination: ip(`10.20.${other}.0`),
        prefixLength: 24,
        via,
        device: device.index,
        source,
      });
    }
  }
  sink(chain[9]);
  return sender(simulator, frames, chain[0], first, ip("10.20.8.2"), chain[9].deviceNamed("left"), 9);
}

/** A client, a load balancer with the rules and the parameter of an `ingress_sbox`, a real server behind it: 2 links. */
function ipvs() {
  const { simulator, frames, namespace, veth } = machine();
  const [client, lb, server] = ["client", "lb", "server"].map(namespace);
  const [left, outside] = veth(client, "eth0", lb, "eth1");
  const [inside, right] = veth(lb, "eth0", server, "eth0");
  lb.forwarding = true;
  client.addAddress(left, ip("10.1.0.2"), 24);
  lb.addAddress(outside, ip("10.1.0.1"), 24);
  lb.addAddress(inside, ip("10.2.0.1"), 24);
  server.addAddress(right, ip("10.2.0.2"), 24);
  const { iptables } = netfilterOf(lb);
  const rule = (table, chain, text) => iptables.append(table, chain, parseRule(text.split(" ")));
  rule("mangle", "PREROUTING", `-p udp -m udp --dport ${PORT} -j MARK --set-xmark 0x100/0xffffffff`);
  rule("nat", "POSTROUTING", "-d 10.2.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.2.0.1");
  const balancer = ipvsOf(lb);
  balancer.sysctls.set("conntrack", 1);
  balancer.addService({ fwmark: 0x100 }, "rr");
  balancer.addDestination({ fwmark: 0x100 }, { ip: ip("10.2.0.2"), port: 0, weight: 1, forwarding: "masq" });
  sink(server);
  return sender(simulator, frames, client, left, ip("10.1.0.1"), right, 2);
}

const SWARM = `
cluster:
  nodes: [left, right]
  hosts: [{ name: ext }]
compose:
  services: { web: { image: busybox, deploy: { replicas: 2 } } }
placement: { web.1: left, web.2: right }
`;

/** From a task's device to a device of another place, which has an address of its own. */
function swarm(from, deviceName, placeOf, links) {
  const loaded = loadScenario(SWARM, { file: "swarm.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map((each) => each.message).join("\n"));
  const mesh = deploy(loaded.scenario);
  const { simulator, frames } = mesh;
  const { netns } = mesh.docker.find(from);
  const place = placeOf(mesh).netns;
  const last = place.deviceNamed("eth0");
  sink(place);
  settle(simulator, netns.node, 5e9);
  const to = place.addresses.find((each) => each.device === last).ip;
  return { mesh, ...sender(simulator, frames, netns, netns.deviceNamed(deviceName), to, last, links) };
}

/** From a task on one node to one on the other: two veth pairs, two cables to the switch; two bridges, one tunnel. */
export const overlay = () => swarm("web.1", "eth0", ({ docker }) => docker.find("web.2"), 4);

/** From a task to a machine outside, through docker_gwbridge, Docker's rules and masquerading. */
const masquerade = () => swarm("web.1", "eth1", ({ machines }) => machines.get("ext"), 3);

export const cases = { bridge, routers, overlay, masquerade, ipvs };
