/** Requests for IPVS, carried out in a namespace. A kernel without it is asked for nothing (../swarm/load-balancer.ts). */
import type { Netns } from "../netns.ts";
import type { IpvsRequest } from "../swarm/request.ts";

export function changeIpvs(_netns: Netns, _request: IpvsRequest): void {
  // Packets are not balanced yet.
}
