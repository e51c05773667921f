/** Published ports as `docker service create` and `update` are told them (docker/cli opts/port.go, service/update.go). */
import { UsageError } from "../program/program.ts";
import { toPortConfigs } from "../scenario/compose-port.ts";
import { parsePortRange, parsePortSpec, PORT_PROTOCOLS, PortSpecError } from "../scenario/port-spec.ts";
import type { PublishedPort } from "../scenario/scenario.ts";
import type { Words } from "./cli-options.ts";

/** `8080-8081:80-81[/udp]`, or `published=8080,target=80,protocol=tcp,mode=host`: PortOpt.Set. */
export function readServicePorts(text: string, flag = "-p, --publish"): readonly PublishedPort[] {
  try {
    return /\w+=\w+/.test(text) ? [readLong(text)] : readShort(text);
  } catch (error) {
    if (!(error instanceof PortSpecError)) throw error;
    throw new UsageError(`invalid argument "${text}" for "${flag}" flag: ${error.message}`);
  }
}

function readShort(text: string): readonly PublishedPort[] {
  const specs = parsePortSpec(text);
  if (specs.some(({ hostAddress }) => hostAddress !== undefined)) throw new PortSpecError("hostip is not supported");
  return specs.flatMap(toPortConfigs);
}

function readLong(text: string): PublishedPort {
  const port: { -readonly [Key in keyof PublishedPort]: PublishedPort[Key] } = {
    mode: "ingress",
    protocol: "tcp",
    target: 0,
    published: 0,
  };
  for (const field of text.split(",")) {
    const [key = "", value] = field.toLowerCase().split("=", 2);
    if (value === undefined) throw new PortSpecError(`invalid field: ${field}`);
    switch (key) {
      case "protocol":
        port.protocol = PORT_PROTOCOLS.find((known) => known === value) ?? refuse(`invalid protocol value '${value}'`);
        break;
      case "mode":
        if (value !== "ingress" && value !== "host")
          refuse(`invalid publish mode value (${value}): must be either 'ingress' or 'host'`);
        port.mode = value as PublishedPort["mode"];
        break;
      case "target":
      case "published":
        port[key] = readNumber(key, value);
        break;
      default:
        refuse(`invalid field key: ${key}`);
    }
  }
  if (port.target === 0) refuse("missing mandatory field 'target'");
  return port;
}

/** strconv.ParseUint, sixteen bits: a range is no number. */
function readNumber(key: string, value: string): number {
  const range = /^\d+$/.test(value) ? parsePortRange(value) : undefined;
  if (range !== undefined) return range.first;
  const reason = /^\d+$/.test(value) ? "value out of range" : "invalid syntax";
  return refuse(`invalid ${key} port (${value}): value must be an integer: ${reason}`);
}

function refuse(message: string): never {
  throw new PortSpecError(message);
}

/** updatePorts: what is taken away is known by its target, protocol and mode. */
export function updatedPorts(ports: readonly PublishedPort[], words: Words): readonly PublishedPort[] {
  const removed = words.all("publish-rm").flatMap((text) => readServicePorts(text, "--publish-rm"));
  const added = words.all("publish-add").flatMap((text) => readServicePorts(text, "--publish-add"));
  if (removed.length + added.length === 0) return ports;
  const isRemoved = ({ mode, protocol, target }: PublishedPort): boolean =>
    removed.some((each) => each.mode === mode && each.protocol === protocol && each.target === target);
  const before = new Set(ports.map(textOf));
  const changed = [...ports.filter((port) => !isRemoved(port)), ...added.filter((port) => !before.has(textOf(port)))];
  return changed.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}

/** portConfigToString */
function textOf({ mode, protocol, target, published }: PublishedPort): string {
  return `${published}:${target}/${protocol}/${mode}`;
}
