/** Lists of tasks as `docker service ps` and `docker node ps` print them (docker/cli cli/command/task/print.go, formatter.go). */
import type { Task } from "../swarm/service.ts";
import type { Call } from "./cli-call.ts";
import { type FilterKeys, filtered } from "./cli-filter.ts";
import { printListing } from "./cli-format.ts";
import { ellipsis, naturalOrder } from "./cli-table.ts";

const SHORT_ID = 12;
/** maxErrLength */
const SHORT_ERROR = 30;

/** By name, then the newest first, those before it as its history. */
function taskRows(call: Call, tasks: readonly Task[]): readonly (readonly string[])[] {
  const { words } = call;
  const isWhole = words.has("no-trunc");
  const sorted = [...tasks].toReversed().sort((a, b) => naturalOrder(a.title, b.title) || b.createdAt - a.createdAt);
  const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
  return sorted.map((task, index) => {
    const { title, spec, node, message, state, stateSince } = task;
    const error = message === "" ? "" : `"${isWhole ? message : ellipsis(message, SHORT_ERROR)}"`;
    return [
      isWhole ? task.id : task.id.slice(0, SHORT_ID),
      sorted[index - 1]?.title === title ? ` \\_ ${title}` : title,
      spec.image,
      node?.name ?? "",
      capital(desiredOf(task)),
      `${capital(state)} ${call.ago(stateSince).toLowerCase()}`,
      error,
      hostPorts(task),
    ];
  });
}

/** As managers tell it. */
export function desiredOf(task: Task): string {
  const isOver = task.hasEnded && task.desired !== "remove" && task.desired !== "ready";
  return isOver ? "shutdown" : task.desired;
}

function hostPorts({ container, state }: Task): string {
  if (state !== "running") return "";
  return (container?.ports ?? []).map((port) => `*:${port.hostPort}->${port.containerPort}/${port.protocol}`).join(",");
}

const HEADINGS = {
  ID: "ID",
  Name: "NAME",
  Image: "IMAGE",
  Node: "NODE",
  DesiredState: "DESIRED STATE",
  CurrentState: "CURRENT STATE",
  Error: "ERROR",
  Ports: "PORTS",
};

const FILTERS: FilterKeys<Task> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ containerName }, value) => containerName.startsWith(value),
  node: ({ node }, value) => node !== undefined && (node.name === value || node.id.startsWith(value)),
  service: ({ service }, value) => service.spec.name === value || service.id.startsWith(value),
  "desired-state": {
    values: ["running", "shutdown", "accepted", "ready"],
    fits: (task, value) => desiredOf(task) === value,
  },
};

export function printTasks(call: Call, tasks: readonly Task[]): void {
  const rows = taskRows(call, filtered(call.words, tasks, FILTERS));
  if (call.words.has("quiet")) return call.printAll(rows.map(([id]) => id!));
  const columns = Object.keys(HEADINGS);
  const listed = rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
  printListing(call, { type: "task.taskContext", headings: HEADINGS, columns, rows: listed });
}
