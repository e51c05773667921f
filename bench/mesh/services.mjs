// How cost grows with published services: every one of them asked at every node in turn, each connection a whole one (TCP
// from a machine outside, through the routing mesh to a task on some node, closed by the client as soon as it stands).
//   node services.mjs SERVICES NODES CONNECTIONS [PER_SECOND]
// prints what was built, in what time and memory, and the microseconds of a connection, early and late, with the sizes of
// the tables behind it: connections of IPVS and of connection tracking that are remembered then.
import { deploy } from "../../packages/mesh/dist/build.js";
import { loadScenario } from "../../packages/mesh/dist/scenario/load.js";

const REPLICAS = 10;
const FIRST_PORT = 10_000;
/** After so many connections the client uses a port again, for another node or service. */
const CLIENT_PORTS = 60_000;
const [services, nodes, connections, perSecond = 4000] = process.argv.slice(2).map(Number);

const SCENARIO = `
cluster:
  docker: "20.10"
  nodes: ${nodes}
  hosts: [{ name: ext }]
  underlay: { subnet: 198.18.0.0/16 }
  default_addr_pool: 10.0.0.0/8
  default_addr_pool_mask_length: 16
compose:
  services:
${Array.from({ length: services }, (_, index) => `    s${index}: { image: nginx, ports: ["${FIRST_PORT + index}:80"], deploy: { replicas: ${REPLICAS} } }`).join("\n")}
`;

const mebibytes = () => process.memoryUsage().rss / 2 ** 20;
const began = performance.now();
const loaded = loadScenario(SCENARIO, { file: "services.yml", readFile: () => "" });
if (!loaded.ok) throw new Error(loaded.diagnostics.map((each) => each.message).join("\n"));
const loadedAt = performance.now();
const mesh = deploy(loaded.scenario);
const builtAt = performance.now();
const built = mebibytes();

const { simulator } = mesh;
const { netns: ext } = mesh.machines.get("ext");
const machines = loaded.scenario.cluster.nodes;

/** Connects and closes; `started` and `closed` count. */
class Client {
  softnet = ext.node.softnet;
  started = 0;
  closed = 0;
  #until = 0;

  run(count) {
    this.#until = this.started + count;
    simulator.hold();
    simulator.schedule(simulator.now, this, 0);
    simulator.run();
  }

  wake() {
    const number = this.started++;
    // A task takes nine connections at a time, and every node begins with the same one of a service.
    const round = Math.floor(number / CLIENT_PORTS);
    const port = FIRST_PORT + ((number + Math.floor(round / nodes)) % services);
    const node = machines[(number + Math.floor(number / services) + round) % nodes];
    const socket = ext.tcp.connect(node.ip, port, { localPort: 1024 + (number % CLIENT_PORTS) });
    if (socket.error !== 0) throw new Error(`connection ${number}: errno ${socket.error}`);
    socket.waiter = {
      wakeUp: () => {
        if (socket.error !== 0) throw new Error(`connection ${number}: errno ${socket.error}`);
        if (!socket.isConnected) return;
        socket.waiter = undefined;
        socket.close();
        this.closed++;
      },
    };
    if (this.started < this.#until) simulator.scheduleAfter(this.softnet, 1e9 / perSecond, this, 0);
    else simulator.scheduleAfter(this.softnet, 1e9, { softnet: this.softnet, wake: () => simulator.release() }, 0);
  }
}

const client = new Client();
// Every node knows every task, and every container's process has begun, by then.
simulator.runUntil(60e9);
/** Microseconds of CPU time. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Packets that devices have received, all together: most are ARP requests, of which every task of a node has a copy. */
function received() {
  let sum = 0;
  for (const { namespaces } of mesh.nodes.values()) {
    for (const { devices } of namespaces.values()) for (const { statistics } of devices) sum += statistics.rxPackets;
  }
  return sum;
}

/** Microseconds a connection. */
function measure(count) {
  const start = cpu();
  const before = client.closed;
  client.run(count);
  if (client.closed - before !== count) throw new Error(`${client.closed - before} of ${count} connections were made`);
  return (cpu() - start) / count;
}

// What was put off until somebody looks is done now, and V8 optimizes.
const firstUs = measure(10 * services);
const tenth = Math.ceil(connections / 10);
const earlyUs = measure(tenth);
const between = connections - 2 * tenth;
if (between > 0) measure(between);
const hopsBefore = received();
const lateUs = measure(tenth);
const hops = (received() - hopsBefore) / tenth;

let ipvs = 0;
let tracked = 0;
for (const { namespaces } of mesh.nodes.values()) {
  for (const netns of namespaces.values()) {
    ipvs += netns.ipvs?.connectionTable.size ?? 0;
    tracked += netns.netfilter?.conntrack.size ?? 0;
  }
}
console.log(
  JSON.stringify({
    services,
    nodes,
    tasks: services * REPLICAS,
    loadMs: loadedAt - began,
    buildMs: builtAt - loadedAt,
    builtMiB: built,
    connections: client.closed,
    firstUs,
    earlyUs,
    lateUs,
    hops,
    totalS: cpu() / 1e6,
    memoryMiB: mebibytes(),
    ipvs,
    tracked,
  }),
);
