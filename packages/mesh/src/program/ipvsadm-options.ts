/** The command line of ipvsadm 1.31. Errors are its own words. */
import { parseIpv4 } from "@hopscope/codec/address";
import type { Forwarding, RealServer } from "../ipvs/dest.ts";
import type { Scheduler, VirtualAddress } from "../ipvs/service.ts";
import { getopt, type OptionWords } from "./getopt.ts";
import { UsageError } from "./program.ts";

export interface ListFormat {
  readonly stats: boolean;
  readonly exact: boolean;
  readonly sorted: boolean;
}

export type IpvsadmCommand =
  | { readonly kind: "addService" | "editService"; readonly at: VirtualAddress; readonly scheduler: Scheduler }
  | { readonly kind: "deleteService"; readonly at: VirtualAddress }
  | { readonly kind: "addServer" | "editServer"; readonly at: VirtualAddress; readonly server: RealServer }
  | { readonly kind: "deleteServer"; readonly at: VirtualAddress; readonly ip: number; readonly port: number }
  | { readonly kind: "list"; readonly at: VirtualAddress | undefined; readonly format: ListFormat }
  | { readonly kind: "zero"; readonly at: VirtualAddress | undefined }
  | { readonly kind: "set"; readonly tcp: number; readonly tcpFin: number; readonly udp: number }
  | { readonly kind: "clear" | "restore" | "save" | "connections" | "timeouts" };

const LONG: Readonly<Record<string, string>> = {
  "add-service": "A",
  "edit-service": "E",
  "delete-service": "D",
  clear: "C",
  restore: "R",
  save: "S",
  "add-server": "a",
  "edit-server": "e",
  "delete-server": "d",
  list: "L",
  zero: "Z",
  "tcp-service": "t",
  "udp-service": "u",
  "fwmark-service": "f",
  scheduler: "s",
  "real-server": "r",
  gatewaying: "g",
  masquerading: "m",
  weight: "w",
  connection: "c",
  numeric: "n",
  // Those without a letter stand for themselves.
  set: "set",
  timeout: "timeout",
  stats: "stats",
  exact: "exact",
  sort: "sort",
  nosort: "nosort",
};
const COMMANDS: readonly string[] = ["A", "E", "D", "C", "R", "S", "a", "e", "d", "L", "l", "Z", "set"];

/** Throws a {@link UsageError}. */
export function parseIpvsadm(argv: readonly string[]): IpvsadmCommand {
  const options = getopt(argv, { switches: "AEDCRSaedLlZgmcn", values: "tufsrw", long: LONG });
  const { given, rest } = options;
  const commands = COMMANDS.filter((name) => given.has(name));
  if (commands.length > 1) throw new UsageError("ipvsadm: multiple commands specified");
  const [command = "L"] = commands;
  if (command === "set") return timeouts(rest);
  if (rest.length > 0) throw new UsageError(`unexpected argument ${rest[0]}`);
  switch (command) {
    case "A":
    case "E":
      return {
        kind: command === "A" ? "addService" : "editService",
        at: service(options),
        scheduler: scheduler(given),
      };
    case "D":
      return { kind: "deleteService", at: service(options) };
    case "a":
    case "e": {
      const at = service(options);
      const server = { ...realServer(options, at), weight: weight(given), forwarding: forwarding(given) };
      return { kind: command === "a" ? "addServer" : "editServer", at, server };
    }
    case "d": {
      const at = service(options);
      return { kind: "deleteServer", at, ...realServer(options, at) };
    }
    case "C":
      return { kind: "clear" };
    case "R":
      return { kind: "restore" };
    case "S":
      return { kind: "save" };
    case "Z":
      return { kind: "zero", at: optionalService(options) };
    default:
      return list(options);
  }
}

function list(options: OptionWords): IpvsadmCommand {
  const { given } = options;
  if (given.has("c")) return { kind: "connections" };
  if (given.has("timeout")) return { kind: "timeouts" };
  const format = { stats: given.has("stats"), exact: given.has("exact"), sorted: !given.has("nosort") };
  return { kind: "list", at: optionalService(options), format };
}

function timeouts(words: readonly string[]): IpvsadmCommand {
  if (words.length !== 3) throw new UsageError("--set option requires 3 timeout values");
  const [tcp = 0, tcpFin = 0, udp = 0] = words.map((word) => {
    const value = /^\d+$/.test(word) ? Number(word) : Number.NaN;
    if (value <= 31 * 86_400) return value;
    throw new UsageError(`invalid timeout value \`${word}' specified`);
  });
  return { kind: "set", tcp, tcpFin, udp };
}

function service(options: OptionWords): VirtualAddress {
  const at = optionalService(options);
  if (at !== undefined) return at;
  throw new UsageError("ipvsadm: say which service: -f MARK, -t ADDRESS:PORT or -u ADDRESS:PORT");
}

function optionalService({ given }: OptionWords): VirtualAddress | undefined {
  const mark = given.get("f");
  if (mark !== undefined) {
    const fwmark = /^(?:0x[\da-f]+|\d+)$/i.test(mark) ? Number(mark) : 0;
    if (fwmark === 0 || fwmark > 0xffffffff) throw new UsageError(`invalid fwmark value \`${mark}' specified`);
    return { fwmark: fwmark | 0 };
  }
  const protocol = given.has("t") ? "tcp" : "udp";
  const text = given.get("t") ?? given.get("u");
  if (text === undefined) return undefined;
  const { ip, port } = addressOf(text, "illegal virtual server address[:port] specified");
  if (port === 0) throw new UsageError("Zero port specified for non-persistent service");
  return { protocol, ip, port };
}

/** Without a port it is the service's. */
function realServer({ given }: OptionWords, at: VirtualAddress): { readonly ip: number; readonly port: number } {
  const text = given.get("r");
  if (text === undefined) throw new UsageError("ipvsadm: say which real server: -r ADDRESS");
  const { ip, port } = addressOf(text, "illegal real server address[:port] specified");
  return { ip, port: port === 0 && !("fwmark" in at) ? at.port : port };
}

function addressOf(text: string, error: string): { readonly ip: number; readonly port: number } {
  const [host = "", port = "0"] = text.split(":");
  const ip = parseIpv4(host);
  if (ip === undefined || !/^\d+$/.test(port) || Number(port) > 0xffff) throw new UsageError(error);
  return { ip, port: Number(port) };
}

function scheduler(given: ReadonlyMap<string, string>): Scheduler {
  // ipvsadm's own default is wlc.
  const name = given.get("s") ?? "wlc";
  if (name === "rr") return name;
  throw new UsageError(`ipvsadm: scheduler ${name} is not modelled; there is rr (-s rr)`);
}

function weight(given: ReadonlyMap<string, string>): number {
  const text = given.get("w") ?? "1";
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value <= 65_535) return value;
  throw new UsageError("illegal weight specified");
}

function forwarding(given: ReadonlyMap<string, string>): Forwarding {
  return given.has("m") ? "masq" : "droute";
}
