// The engine's benchmark: npm run bench:mesh [-- --rounds N] [-- --short]
//
// Each path is measured on this Node in a process of its own, then the machine's own kernel on the same path, then ns-3;
// then the next path; then the next round. A figure is nanoseconds for one packet over one link. Then what a trace
// costs, and how cost grows with the swarm. Writes results/mesh.md and mesh.json unless the run is short.
//
// The kernel needs root, iproute2 and a C compiler; ns-3 Debian's libns3-dev and a C++ compiler. What is absent is left
// out with a note.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, "../.cache");
mkdirSync(cache, { recursive: true });
const { values } = parseArgs({ options: { rounds: { type: "string" }, short: { type: "boolean" } } });
const isShort = values.short === true;
const rounds = Number(values.rounds ?? (isShort ? 1 : 5));

/** `kernel` and `ns3`: the peer's path that does the same. Targets are the most nanoseconds of a packet-hop. */
const PATHS = [
  { name: "bridge", title: "bridged, 2 links", kernel: "bridge", ns3: "bridges", target: 250 },
  { name: "routers", title: "routed by 8 namespaces, 9 links", kernel: "routers", ns3: "routers", target: 250 },
  { name: "overlay", title: "task to task on two nodes, bridges and VXLAN, 4 links", kernel: "tunnel", target: 500 },
  { name: "masquerade", title: "task to the outside, Docker's rules and NAT, 3 links", target: 500 },
  { name: "ipvs", title: "through a load balancer: mark, IPVS, source NAT, 2 links", target: 500 },
];
const DATAGRAMS = { kernel: isShort ? 100_000 : 300_000, ns3: isShort ? 10_000 : 50_000 };
/** Services, nodes, connections. */
const SERVICES = isShort
  ? [[5, 3, 2000]]
  : [
      [5, 3, 100_000],
      [50, 10, 100_000],
      [500, 100, 1_000_000],
    ];
const SIZES = isShort ? [2, 100] : [2, 10, 100, 300, 1000];

const notes = [];
const udp = compile("udp", "gcc", ["-O2", join(here, "../native/udp.c")]);
const ns3 = existsSync("/usr/include/ns3")
  ? compile("ns3-chain", "g++", [
      "-O3",
      "-std=c++17",
      join(here, "../native/ns3-chain.cc"),
      ...["core", "network", "internet", "point-to-point", "csma", "bridge", "applications"].map(
        (lib) => `-lns3-${lib}`,
      ),
    ])
  : absent("ns-3 is not installed (libns3-dev)");

const samples = PATHS.map(() => ({ engine: [], allocated: 0, kernel: [], ns3: [] }));
for (let round = 1; round <= rounds; round++) {
  for (const [index, path] of PATHS.entries()) {
    const sample = samples[index];
    sample.engine.push(engine(path.name, "time").best);
    if (path.kernel !== undefined && udp !== undefined) push(sample.kernel, kernel(path.kernel));
    if (path.ns3 !== undefined && ns3 !== undefined) push(sample.ns3, perHop(ns3, [path.ns3, String(DATAGRAMS.ns3)]));
  }
}
for (const [index, path] of PATHS.entries()) samples[index].allocated = engine(path.name, "memory").allocated;
const trace = Array.from({ length: Math.min(rounds, 3) }, () =>
  script("trace.mjs", [existsSync("/dev/shm") ? "/dev/shm" : tmpdir()]),
);
const scale = SIZES.map((nodes) =>
  Array.from({ length: Math.min(rounds, 3) }, () => script("scale.mjs", [String(nodes)])).reduce((fastest, other) =>
    other.buildMs < fastest.buildMs ? other : fastest,
  ),
);
const services = SERVICES.map((size) => script("services.mjs", size.map(String)));

const page = report();
console.log(page);
if (!isShort) {
  const results = join(here, "../results");
  const paths = PATHS.map(({ name, title }, index) => ({ name, title, ...samples[index] }));
  writeFileSync(
    join(results, "mesh.json"),
    `${JSON.stringify({ node: process.version, paths, trace, scale, services }, undefined, 2)}\n`,
  );
  writeFileSync(join(results, "mesh.md"), page);
}

function compile(name, compiler, args) {
  const binary = join(cache, name);
  // Libraries come behind the source.
  const built = spawnSync(compiler, ["-o", binary, ...args], { encoding: "utf8" });
  return built.status === 0 ? binary : absent(`${name}: no ${compiler}, or it does not compile`);
}

function absent(note) {
  notes.push(note);
  return undefined;
}

function push(list, value) {
  if (value !== undefined) list.push(value);
}

function engine(name, mode) {
  const flags = mode === "memory" ? ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"] : [];
  const args = [...flags, join(here, "../harness.mjs"), join(here, "forward.mjs"), name, cache, cache, mode];
  return JSON.parse(output(process.execPath, args));
}

function script(name, args) {
  return JSON.parse(output(process.execPath, ["--max-old-space-size=12288", join(here, name), ...args]));
}

function kernel(path) {
  if (process.getuid?.() !== 0) return once("the kernel's paths need root");
  return perHop("bash", [join(here, "kernel.sh"), udp, path, String(DATAGRAMS.kernel)]);
}

function once(note) {
  if (!notes.includes(note)) notes.push(note);
  return undefined;
}

/** Nanoseconds of a packet-hop, of those that arrived. */
function perHop(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) return once(`${program} ${args[0]}: ${stderr.trim().split("\n").at(-1)}`);
  const [arrived, links, ns] = stdout.trim().split(" ").map(Number);
  return ns / (arrived * links);
}

function output(path, args) {
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", maxBuffer: 1 << 24 });
  if (status !== 0) throw new Error(`${path} ${args.join(" ")}\n${stderr}`);
  return stdout;
}

function best(list) {
  return list.length === 0 ? undefined : Math.min(...list);
}

function report() {
  const cell = (value, digits = 0) => (value === undefined ? "" : value.toFixed(digits));
  const times = (value, base) => (value === undefined ? "" : `${(value / base).toFixed(1)} ×`);
  const lines = [
    "# The engine",
    "",
    "Made by `npm run bench:mesh`; do not edit.",
    "",
    `${cpus()[0]?.model.trim()}, ${process.platform} ${release()}, load ${loadavg()[0].toFixed(1)}; Node ${process.version}; best of ${rounds} rounds, in each of them all peers one after the other.`,
    "",
    "## A packet over a link",
    "",
    "Nanoseconds without recording; `×` is a peer's time in the same run as a multiple of the engine's. The kernel carries real packets between",
    "its namespaces, one veth pair a link; its tunnel path has three links. ns-3 simulates chains of ten nodes.",
    "",
    "| path | engine | target | bytes allocated | kernel | | ns-3 | |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...PATHS.map(({ title, target }, index) => {
      const { engine: own, allocated, kernel: real, ns3: peer } = samples[index];
      const ns = best(own);
      const row = [
        cell(ns),
        `≤ ${target}`,
        cell(allocated, 2),
        cell(best(real)),
        times(best(real), ns),
        cell(best(peer)),
        times(best(peer), ns),
      ];
      return `| ${title} | ${row.join(" | ")} |`;
    }),
    "",
    "## A trace",
    "",
    "Frames seen at devices on the overlay path, simulated, recorded and written to a pcapng file in memory, with their comments.",
    "",
    "| sightings | run, ns each | write, ns each | sightings a second, all in all |",
    "| ---: | ---: | ---: | ---: |",
    ...trace.map(({ sightings, run, write }) => {
      const row = [run / sightings, write / sightings].map((ns) => ns.toFixed(0));
      return `| ${sightings} | ${row.join(" | ")} | ${Math.round((sightings * 1e9) / (run + write))} |`;
    }),
    "",
    "## A swarm of many nodes",
    "",
    "Fifty tasks a node, all on one overlay: from the stack file to a swarm that runs, and a ping from the first task to the",
    "second, on another node. Of a few runs that which built fastest.",
    "",
    "| nodes | tasks | devices | load, ms | build, ms | memory, MiB | a ping, µs |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...scale.map(({ nodes, tasks, devices, loadMs, buildMs, memoryMiB, pingUs }) => {
      const row = [tasks, devices, ...[loadMs, buildMs, memoryMiB, pingUs].map((value) => value.toFixed(0))];
      return `| ${nodes} | ${row.join(" | ")} |`;
    }),
    "",
    "## Published services",
    "",
    "Ten tasks each, asked at every node: TCP connections from a machine outside, 4000 in a second, each through the mesh to a",
    "task and closed. Microseconds of CPU time: a tenth of them at the beginning, and the last tenth, with the packets that all",
    "devices receive for one: most are ARP requests for a load balancer or a task, of which every task of a node has a copy.",
    "Memory, and what IPVS and connection tracking remember at the end, all nodes together.",
    "",
    "| services | tasks | nodes | build, ms | memory, MiB | connections | early, µs | late, µs | packets | memory, MiB | IPVS | connection tracking |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...services.map((size) => {
      const { buildMs, builtMiB, earlyUs, lateUs, hops, memoryMiB, ipvs, tracked } = size;
      const row = [buildMs, builtMiB, size.connections, earlyUs, lateUs, hops, memoryMiB, ipvs, tracked];
      return `| ${size.services} | ${size.tasks} | ${size.nodes} | ${row.map((value) => value.toFixed(0)).join(" | ")} |`;
    }),
    "",
    ...notes.map((note) => `- Left out: ${note}.`),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}
