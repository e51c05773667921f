// How cost grows with a swarm: nodes with fifty tasks each on one overlay, built, and a ping between the first and the
// last node.
//   node scale.mjs NODES      prints milliseconds to load and build, MiB of memory, and microseconds for a ping
import { deploy } from "../../packages/mesh/dist/build.js";
import { Runner } from "../../packages/mesh/dist/runner.js";
import { loadScenario } from "../../packages/mesh/dist/scenario/load.js";

const TASKS_A_NODE = 50;
const PINGS = 2000;
const nodes = Number(process.argv[2]);
const text = (pings) => `
cluster: { nodes: ${nodes}, underlay: { subnet: 198.18.0.0/16 } }
compose:
  services: { web: { image: busybox, deploy: { replicas: ${nodes * TASKS_A_NODE} }, networks: [net] } }
  networks: { net: { ipam: { config: [{ subnet: 10.128.0.0/9 }] } } }
addresses: { web.1: 10.128.200.1, web.2: 10.128.200.2 }
run: { steps: [exec web.1 ping -q -i 0.01 -c ${pings} 10.128.200.2] }
`;

function load(pings) {
  const loaded = loadScenario(text(pings), { file: "scale.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map((each) => each.message).join("\n"));
  return loaded.scenario;
}

const began = performance.now();
const scenario = load(1);
const loadedAt = performance.now();
const mesh = deploy(scenario);
const builtAt = performance.now();
const memory = process.memoryUsage().rss / 2 ** 20;
const devices = [...mesh.nodes.values()].reduce(
  (sum, node) => sum + [...node.namespaces.values()].reduce((count, netns) => count + netns.devices.length, 0),
  0,
);

/** On the swarm that has been built; the first pings let V8 optimize. */
const runner = new Runner(mesh);
const { steps } = load(PINGS).run;
const ping = () => {
  const start = performance.now();
  const [result] = runner.take(steps);
  if (result.status !== 0) throw new Error(result.output.join("\n"));
  return ((performance.now() - start) * 1000) / PINGS;
};
ping();
const pingUs = Math.min(ping(), ping(), ping());
console.log(
  JSON.stringify({
    nodes,
    tasks: nodes * TASKS_A_NODE,
    devices,
    loadMs: loadedAt - began,
    buildMs: builtAt - loadedAt,
    memoryMiB: memory,
    pingUs,
  }),
);
