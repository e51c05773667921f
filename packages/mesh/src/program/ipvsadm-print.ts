/** What ipvsadm 1.31 prints, space for space (ipvsadm.c). */
import { formatIpv4 } from "@hopscope/codec/address";
import { IpProtocol } from "@hopscope/codec/code-points";
import type { IpVsConn } from "../ipvs/conn.ts";
import type { Forwarding, IpVsDest } from "../ipvs/dest.ts";
import type { IpVs } from "../ipvs/ip-vs.ts";
import { tcpStateName } from "../ipvs/proto-tcp.ts";
import { UDP_STATE_NAME } from "../ipvs/proto-udp.ts";
import type { IpVsService, VirtualAddress } from "../ipvs/service.ts";
import type { IpVsStats } from "../ipvs/stats.ts";
import type { ListFormat } from "./ipvsadm-options.ts";

const SECOND = 1_000_000_000;
const VERSION = "IP Virtual Server version 1.2.1 (size=4096)";
const FORWARD: Readonly<Record<Forwarding, string>> = { masq: "Masq", droute: "Route", local: "Local" };
const FORWARD_SWITCH: Readonly<Record<Forwarding, string>> = { masq: "-m", droute: "-g", local: "" };

/** `ipvsadm -L`, also of one service. */
export function listing(services: readonly IpVsService[], format: ListFormat): readonly string[] {
  const lines = [VERSION];
  if (format.stats) {
    const columns = ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"].map((name) => ` ${name.padStart(8)}`);
    lines.push(`${"Prot LocalAddress:Port".padEnd(33)}${columns.join("")}`, "  -> RemoteAddress:Port");
  } else {
    lines.push(
      "Prot LocalAddress:Port Scheduler Flags",
      "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    );
  }
  for (const service of services) lines.push(...serviceLines(service, format));
  return lines;
}

function serviceLines(service: IpVsService, format: ListFormat): readonly string[] {
  const name = nameOf(service.at);
  const own = format.stats
    ? `${name.padEnd(33)}${numbers(service.stats, format.exact)}`
    : `${name} ${service.scheduler}`;
  return [own, ...sortedDestinations(service, format.sorted).map((dest) => destinationLine(dest, format))];
}

function destinationLine(dest: IpVsDest, { stats, exact }: ListFormat): string {
  const name = `  -> ${endpoint(dest.ip, dest.port).slice(0, 28).padEnd(28)}`;
  if (stats) return `${name}${numbers(dest.stats, exact)}`;
  const { forwarding, weight, activeConnections, inactiveConnections } = dest;
  const counts = [activeConnections, inactiveConnections].map((count) => String(count).padEnd(10));
  return `${name} ${FORWARD[forwarding].padEnd(7)} ${String(weight).padEnd(6)} ${counts.join(" ")}`;
}

/** `ipvsadm -S`: commands that make it again. */
export function saved(services: readonly IpVsService[]): readonly string[] {
  return services.flatMap((service) => {
    const name = optionOf(service.at);
    return [
      `-A ${name} -s ${service.scheduler}`,
      ...sortedDestinations(service, true).map(
        ({ ip, port, forwarding, weight }) =>
          `-a ${name} -r ${endpoint(ip, port)} ${FORWARD_SWITCH[forwarding]} -w ${weight}`,
      ),
    ];
  });
}

/** `ipvsadm -Lc`. */
export function connectionListing(connections: readonly IpVsConn[], now: number): readonly string[] {
  const lines = ["IPVS connection entries", "pro expire state       source             virtual            destination"];
  for (const conn of connections) {
    const seconds = Math.floor((conn.expiresAt - now) / SECOND);
    const expire = `${twoDigits(Math.floor(seconds / 60))}:${twoDigits(seconds % 60)}`;
    const isTcp = conn.protocol === IpProtocol.tcp;
    const state = isTcp ? tcpStateName(conn.state) : UDP_STATE_NAME;
    const source = endpoint(conn.clientIp, conn.clientPort).padEnd(18);
    const virtual = endpoint(conn.virtualIp, conn.virtualPort).padEnd(18);
    const destination = endpoint(conn.destIp, conn.destPort);
    lines.push(`${isTcp ? "TCP" : "UDP"} ${expire.padEnd(6)} ${state.padEnd(11)} ${source} ${virtual} ${destination}`);
  }
  return lines;
}

/** `ipvsadm -L --timeout` */
export function timeoutLine(ipvs: IpVs | undefined): string {
  const values = ipvs === undefined ? [900, 120, 300] : ipvs.timeouts;
  return `Timeout (tcp tcpfin udp): ${values.join(" ")}`;
}

/** As ipvsadm sorts them (ipvs_cmp_services): by mark, those without one first; then protocol, address, port. */
export function sortedServices(services: Iterable<IpVsService>): readonly IpVsService[] {
  return [...services].sort((a, b) => compare(keyOf(a.at), keyOf(b.at)));
}

function sortedDestinations({ destinations }: IpVsService, isSorted: boolean): readonly IpVsDest[] {
  if (!isSorted) return destinations;
  return destinations.toSorted((a, b) => compare([a.ip >>> 0, a.port], [b.ip >>> 0, b.port]));
}

function keyOf(at: VirtualAddress): readonly number[] {
  if ("fwmark" in at) return [at.fwmark >>> 0];
  return [0, at.protocol === "tcp" ? IpProtocol.tcp : IpProtocol.udp, at.ip >>> 0, at.port];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length && index < b.length; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!;
  }
  return 0;
}

function nameOf(at: VirtualAddress): string {
  return "fwmark" in at
    ? `FWM  ${at.fwmark}`
    : `${at.protocol.toUpperCase().padEnd(4)} ${endpoint(at.ip, at.port)}`.slice(0, 33);
}

function optionOf(at: VirtualAddress): string {
  return "fwmark" in at ? `-f ${at.fwmark}` : `${at.protocol === "tcp" ? "-t" : "-u"} ${endpoint(at.ip, at.port)}`;
}

function endpoint(ip: number, port: number): string {
  return `${formatIpv4(ip)}:${port}`;
}

function numbers(stats: IpVsStats, isExact: boolean): string {
  const { connections, inPackets, outPackets, inBytes, outBytes } = stats;
  return [connections, inPackets, outPackets, inBytes, outBytes].map((value) => largeNumber(value, isExact)).join("");
}

/** print_largenum */
function largeNumber(value: number, isExact: boolean): string {
  const text = String(value);
  if (isExact) return text.padStart(text.length <= 8 ? 9 : text.length + 1);
  if (value < 1e8) return text.padStart(9);
  const [unit, letter] = value < 1e9 ? [1e3, "K"] : value < 1e11 ? [1e6, "M"] : value < 1e14 ? [1e9, "G"] : [1e12, "T"];
  return `${String(Math.floor(value / (unit as number))).padStart(8)}${letter}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
