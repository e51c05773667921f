/** Requests for IPVS, carried out in a namespace. A kernel without it is asked for nothing (../swarm/load-balancer.ts). */
import { ipvsOf } from "../ipvs/ip-vs.ts";
import type { Netns } from "../netns.ts";
import type { IpvsRequest } from "../swarm/request.ts";

/** What the kernel refuses, as a service that somebody has deleted by hand, dockerd writes into its log. */
export function changeIpvs(netns: Netns, request: IpvsRequest): void {
  netns.use();
  const ipvs = ipvsOf(netns);
  const { fwmark } = request;
  switch (request.kind) {
    case "ipvs-service-add":
      ipvs.addService({ fwmark }, "rr");
      return;
    case "ipvs-service-delete":
      ipvs.deleteService({ fwmark });
      return;
    case "ipvs-dest-add": {
      const { ip, weight, forwarding } = request;
      ipvs.addDestination({ fwmark }, { ip, port: 0, weight, forwarding });
      return;
    }
    case "ipvs-dest-update": {
      const { ip, weight, forwarding } = request;
      ipvs.updateDestination({ fwmark }, { ip, port: 0, weight, forwarding });
      return;
    }
    case "ipvs-dest-delete":
      ipvs.deleteDestination({ fwmark }, request.ip, 0);
      return;
  }
}
