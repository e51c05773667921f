/**
 * Files of a place as a program reads them: those that Docker or a scenario put there, and what the kernel shows under
 * /proc.
 */
import { formatConntrack } from "../netfilter/conntrack-format.ts";
import type { Environment } from "../program/program.ts";
import { Xfrm } from "../xfrm/xfrm.ts";
import { readSysctl, sysctlOfPath } from "./sysctls.ts";

/** The text of a file; undefined: there is none. */
export function fileText(environment: Environment, path: string): string | undefined {
  const { netns } = environment;
  if (path.startsWith("/proc/sys/")) {
    const value = readSysctl(netns, sysctlOfPath(path));
    return value === undefined ? undefined : `${value}\n`;
  }
  if (path === "/proc/net/nf_conntrack") {
    const { now } = netns.node.softnet;
    const entries = netns.netfilter?.conntrack.list(now) ?? [];
    return entries.map((entry) => `${formatConntrack(entry, now)}\n`).join("");
  }
  if (path === "/proc/net/xfrm_stat") return (netns.xfrm ?? new Xfrm(netns)).statistics();
  const text = environment.files.get(path);
  if (text !== undefined) return text;
  if (path === "/etc/hostname") return `${environment.hostname}\n`;
  return undefined;
}
