/** `ip neigh`, `arp -n` and `bridge fdb` as text, from iproute2's JSON. */
import type { FdbJson, NeighborJson } from "./iproute2.ts";

/** `ip neigh`: lines end with a space, as iproute2's do. With `ofDevice`, one was asked for: it goes without saying. */
export function neighborLines(neighbors: readonly NeighborJson[], ofDevice: boolean = false): string[] {
  return neighbors.map(({ dst, dev, lladdr, state }) => {
    const address = lladdr === undefined ? "" : `lladdr ${lladdr} `;
    return `${dst} ${ofDevice ? "" : `dev ${dev} `}${address}${state.join(" ")} `;
  });
}

/** busybox' `ip neigh`, which always has the statistics (libiproute/ipneigh.c, print_neigh). */
export function busyboxNeighborLines(neighbors: readonly NeighborJson[], ofDevice: boolean = false): string[] {
  return neighbors.map((neighbor) => {
    const { dst, dev, lladdr, refcnt, used = 0, confirmed = 0, updated = 0, probes = 0, state } = neighbor;
    const address = lladdr === undefined ? "" : `lladdr ${lladdr}`;
    const references = refcnt === undefined ? "" : ` ref ${refcnt}`;
    // It divides what is seconds already by a hundred.
    const times = [used, confirmed, updated].map((seconds) => Math.floor(seconds / 100)).join("/");
    return `${dst} ${ofDevice ? "" : `dev ${dev} `}${address}${references} used ${times} probes ${probes} ${state.join(" ")}`;
  });
}

/** net-tools' `arp -n`. */
export function arpLines(neighbors: readonly NeighborJson[]): string[] {
  if (neighbors.length === 0) return [];
  return [
    "Address                  HWtype  HWaddress           Flags Mask            Iface",
    ...neighbors.map(({ dst, dev, lladdr, state }) => {
      const name = dst.padEnd(23);
      if (lladdr === undefined) return `${name}          (incomplete)                              ${dev}`;
      const flags = state.includes("PERMANENT") ? "CM" : "C";
      return `${name}  ${"ether".padEnd(6)}  ${lladdr.padEnd(18)}  ${flags.padEnd(20)}  ${dev}`;
    }),
  ];
}

/** busybox' `arp -n`. */
export function busyboxArpLines(neighbors: readonly NeighborJson[]): string[] {
  return neighbors.map(({ dst, dev, lladdr, state }) => {
    if (lladdr === undefined) return `? (${dst}) at <incomplete>  on ${dev}`;
    return `? (${dst}) at ${lladdr} [ether] ${state.includes("PERMANENT") ? "PERM" : ""} on ${dev}`;
  });
}

/** `bridge fdb`; with `ofDevice`, one was asked for. */
export function fdbLines(entries: readonly FdbJson[], ofDevice: boolean = false): string[] {
  return entries.map(({ mac, ifname, dst, linkNetNsId, flags, master, state }) => {
    const words = ofDevice ? [mac] : [`${mac} dev ${ifname}`];
    if (dst !== undefined) words.push(`dst ${dst}`);
    if (linkNetNsId !== undefined) words.push(`link-netnsid ${linkNetNsId}`);
    words.push(...flags);
    if (master !== undefined) words.push(`master ${master}`);
    words.push(state);
    return words.join(" ");
  });
}
