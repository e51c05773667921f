/** Nodes: `docker node ls`, `update`, `ps`, `inspect`. */
import { DockerCost } from "../costs.ts";
import { UsageError } from "../program/program.ts";
import { Refusal } from "../swarm/docker-error.ts";
import { rejectUnfit } from "../swarm/constraint-enforcer.ts";
import { reconcileNode, setAvailability } from "../swarm/orchestrator.ts";
import type { SwarmNode } from "../swarm/swarm.ts";
import type { Call, Command } from "./cli-call.ts";
import { printInspected } from "./cli-containers.ts";
import { nodeJson } from "./cli-inspect.ts";
import { type FilterKeys, filtered, hasLabel } from "./cli-filter.ts";
import { flags } from "./cli-options.ts";
import { prettyNode, printPretty, refusesPretty } from "./cli-pretty.ts";
import { printTasks } from "./cli-tasks.ts";
import { printListing } from "./cli-format.ts";

function find(call: Call, name: string): SwarmNode {
  const { nodes } = call.swarm;
  const wanted = name === "self" ? call.engine.name : name;
  const found = nodes.find((node) => node.name === wanted) ?? nodes.find((node) => node.id.startsWith(wanted));
  if (found === undefined) throw Refusal.nodeNotFound(name);
  return found;
}

function list(call: Call): number {
  const { swarm, words } = call;
  const all = [...swarm.nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
  const nodes = filtered(words, all, NODE_FILTERS);
  if (words.has("quiet")) {
    call.printAll(nodes.map(({ id }) => id));
    return 0;
  }
  const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
  const rows = nodes.map((node) => {
    const { availability, status, version } = swarm.engine(node.name);
    const isSelf = node === call.engine.node;
    return {
      // The table alone marks the node that answers.
      ID: isSelf && ["table", undefined].includes(words.value("format")) ? `${node.id} *` : node.id,
      Hostname: node.name,
      Status: capital(status),
      Availability: capital(availability),
      ManagerStatus: node.role === "manager" ? managerStatus(call, node) : "",
      EngineVersion: version.engine,
      TLSStatus: "Ready",
      Self: isSelf,
    };
  });
  const columns = ["ID", "Hostname", "Status", "Availability", "ManagerStatus", "EngineVersion"];
  printListing(call, { type: "node.nodeContext", headings: HEADINGS, columns, rows });
  return 0;
}

const HEADINGS = {
  ID: "ID",
  Hostname: "HOSTNAME",
  Status: "STATUS",
  Availability: "AVAILABILITY",
  ManagerStatus: "MANAGER STATUS",
  EngineVersion: "ENGINE VERSION",
  TLSStatus: "TLS STATUS",
  Self: "SELF",
};

const NODE_FILTERS: FilterKeys<SwarmNode> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ name }, value) => name.startsWith(value),
  role: { values: ["manager", "worker"], fits: ({ role }, value) => role === value },
  membership: { values: ["accepted", "pending"], fits: (_, value) => value === "accepted" },
  // Of engines, which have none here.
  label: () => false,
  "node.label": ({ labels }, value) => hasLabel(labels, value),
};

function managerStatus({ swarm }: Call, node: SwarmNode): string {
  const leader = swarm.dispatcher.leaderOf(swarm.engine(node.name));
  if (leader === undefined) return "Unreachable";
  return leader.node === node ? "Leader" : "Reachable";
}

function* update(call: Call): Generator<void, number, boolean> {
  const [name = ""] = call.words.rest;
  const availability = call.words.value("availability");
  const node = find(call, name);
  if (availability !== undefined) {
    if (availability !== "active" && availability !== "pause" && availability !== "drain")
      throw new UsageError(`invalid availability ${availability}, only active, pause and drain are supported`);
    yield* call.wait(setAvailability(call.swarm, node, availability));
  }
  if (labelNode(call, node)) {
    yield* call.context.process.sleep(DockerCost.orchestrate);
    rejectUnfit(call.swarm, node);
    const { availability: current, status } = call.swarm.engine(node.name);
    if (current === "active" && status === "ready") reconcileNode(call.swarm, node);
  }
  call.print(name);
  return 0;
}

/** True if its labels are others now. */
function labelNode({ words }: Call, node: SwarmNode): boolean {
  const removed = words.all("label-rm");
  const added = words.all("label-add");
  for (const key of removed) node.labels.delete(key);
  for (const text of added) {
    const [key = "", ...value] = text.split("=");
    node.labels.set(key, value.join("="));
  }
  return removed.length + added.length > 0;
}

function ps(call: Call): number {
  const names = call.words.rest.length === 0 ? ["self"] : call.words.rest;
  const nodes = names.map((name) => find(call, name));
  printTasks(
    call,
    [...call.swarm.tasks].filter((task) => task.node !== undefined && nodes.includes(task.node)),
  );
  return 0;
}

function inspect(call: Call): number {
  if (refusesPretty(call)) return 1;
  if (call.words.has("pretty")) return printPretty(call, "No such node", (name) => find(call, name), prettyNode);
  printInspected(
    call,
    call.words.rest.map((name) => nodeJson(call, find(call, name))),
  );
  return 0;
}

const MANY = Number.POSITIVE_INFINITY;
const LIST = flags("quiet,q", "filter,f=", "format=", "no-trunc", "no-resolve");

export const NODE_COMMANDS: Readonly<Record<string, Command>> = {
  ls: { flags: LIST, least: 0, most: 0, needsManager: true, run: list },
  update: {
    flags: flags("availability=", "label-add=", "label-rm="),
    least: 1,
    most: 1,
    needsManager: true,
    run: update,
  },
  ps: { flags: LIST, least: 0, most: MANY, needsManager: true, run: ps },
  inspect: { flags: flags("format,f=", "pretty"), least: 1, most: MANY, needsManager: true, run: inspect },
};
