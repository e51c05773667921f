/** Requests as the commands that a person would type on the node: ip, bridge, iptables, sysctl, and docker's own words. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { formatRule } from "../netfilter/rule-format.ts";
import type { XfrmPolicy } from "../xfrm/policy.ts";
import { formatCidr } from "./cidr.ts";
import type { Request, RouteAdd } from "./request.ts";
import { ResolverRules } from "./task-rules.ts";

const HOST = "host";

/** One line a command; each begins with the node's name and, for another namespace than its own, with that. */
export function formatRequest(request: Request): readonly string[] {
  const isOfNode = /^(?:netns|container)-/.test(request.kind);
  const inNetns = "netns" in request && request.netns !== HOST && !isOfNode;
  const place = inNetns ? `${request.node}/${request.netns}` : request.node;
  return commandsOf(request).map((command) => `${place}# ${command}`);
}

function commandsOf(request: Request): readonly string[] {
  switch (request.kind) {
    case "netns-add":
      return [
        `ip netns add ${request.netns}`,
        `ip netns exec ${request.netns} sysctl -w net.ipv4.ip_forward=${request.forwarding ? 1 : 0}`,
        ...(request.disablesIpv6 ? [`ip netns exec ${request.netns} sysctl -w net.ipv6.conf.all.disable_ipv6=1`] : []),
      ];
    case "netns-delete":
      return [`ip netns delete ${request.netns}`];
    case "sysctl":
      return [`sysctl -w ${request.key}=${request.value}`];
    case "bridge-add": {
      const address = request.hasFixedMac ? ` address ${formatMac(request.mac)}` : "";
      return [`ip link add ${request.device}${address} mtu ${request.mtu} type bridge`];
    }
    case "vxlan-add": {
      const { device, mac, mtu, vni, port, netns } = request;
      const options = `id ${vni} dstport ${port} learning proxy l2miss l3miss`;
      return [`ip link add ${device} address ${formatMac(mac)} mtu ${mtu} netns ${netns} type vxlan ${options}`];
    }
    case "veth-add": {
      const { device, mac, mtu, peer } = request;
      const end = `name ${peer.device} address ${formatMac(peer.mac)} mtu ${mtu} netns ${peer.netns}`;
      return [`ip link add ${device} address ${formatMac(mac)} mtu ${mtu} type veth peer ${end}`];
    }
    case "link-try":
      return [`ip link add ${request.device} type vxlan id 1`, `ip link delete ${request.device}`];
    case "link-master":
      return [`ip link set ${request.device} master ${request.master}`];
    case "link-up":
      return [`ip link set ${request.device} up`];
    case "link-down":
      return [`ip link set ${request.device} down`];
    case "link-delete":
      return [`ip link delete ${request.device}`];
    case "address-add":
    case "address-delete": {
      const { kind, device, ip, prefixLength } = request;
      return [`ip address ${kind.slice("address-".length)} ${formatCidr({ address: ip, prefixLength })} dev ${device}`];
    }
    case "route-add":
    case "route-delete":
      return [`ip route ${request.kind.slice("route-".length)} ${routeText(request)}`];
    case "iptables": {
      const { table, chain } = request;
      if (request.change === "new-chain") return [`iptables -t ${table} -N ${chain}`];
      if (request.change === "ensure-chain")
        return [`iptables -t ${table} -n -L ${chain} || iptables -t ${table} -N ${chain}`];
      if (request.change === "policy") return [`iptables -t ${table} -P ${chain} ${request.policy}`];
      if (request.change === "ensure") {
        const rule = `${chain} ${formatRule(request.rule)}`.trimEnd();
        return [`iptables -t ${table} -C ${rule} || iptables -t ${table} -${request.at === "top" ? "I" : "A"} ${rule}`];
      }
      const letter = { append: "A", insert: "I", delete: "D" }[request.change];
      return [`iptables -t ${table} -${letter} ${chain} ${formatRule(request.rule)}`];
    }
    case "ipvs-service-add":
      return [`ipvsadm -A -f ${request.fwmark} -s rr`];
    case "ipvs-service-delete":
      return [`ipvsadm -D -f ${request.fwmark}`];
    case "ipvs-dest-add":
    case "ipvs-dest-update": {
      const { kind, fwmark, ip, weight, forwarding } = request;
      const letter = kind === "ipvs-dest-add" ? "a" : "e";
      return [
        `ipvsadm -${letter} -f ${fwmark} -r ${formatIpv4(ip)} -${forwarding === "masq" ? "m" : "g"} -w ${weight}`,
      ];
    }
    case "ipvs-dest-delete":
      return [`ipvsadm -d -f ${request.fwmark} -r ${formatIpv4(request.ip)}`];
    case "announce":
      return [`arping -U -c 1 -I ${request.device} ${formatIpv4(request.ip)}`];
    case "peers-forget":
      return [`ip neighbor and bridge fdb: all of ${request.lost} is deleted`];
    case "peer-add":
    case "peer-delete": {
      const change = request.kind === "peer-add" ? "replace" : "delete";
      const mac = formatMac(request.mac);
      const others = `(on the other nodes of ${request.network})`;
      return [
        `ip neighbor ${change} ${formatIpv4(request.ip)} lladdr ${mac} dev vxlan0 nud permanent ${others}`,
        `bridge fdb ${change} ${mac} dev vxlan0 dst ${formatIpv4(request.vtep)} self permanent ${others}`,
      ];
    }
    case "xfrm-state-add": {
      const { srcIp, dstIp, spi, reqid, key, icvLength } = request;
      const algorithm = `aead 'rfc4106(gcm(aes))' 0x${hexOf(key)} ${icvLength * 8}`;
      return [`ip xfrm state add ${idText(srcIp, dstIp, spi)} reqid ${reqid} mode transport ${algorithm}`];
    }
    case "xfrm-state-delete":
      return [`ip xfrm state delete ${idText(request.srcIp, request.dstIp, request.spi)}`];
    case "xfrm-policy-add":
    case "xfrm-policy-update":
    case "xfrm-policy-delete":
      return [policyCommand(request.kind.slice("xfrm-policy-".length), request.policy)];
    case "container-add":
      return [`runc create ${request.id} (${request.name}, ${request.image}, hostname ${request.hostname})`];
    case "container-start":
      return [`runc start ${request.id}${request.argv.length > 0 ? ` (${request.argv.join(" ")})` : ""}`];
    case "container-kill":
      return [`runc kill ${request.id} KILL`];
    case "container-delete":
      return [`runc delete ${request.id}`];
    case "file-write":
      return [`runc exec ${request.id} sh -c 'cat > ${request.path}'`];
    case "resolver-start": {
      const lines = [`dockerd listens on 127.0.0.11, UDP port ${request.udpPort} and TCP port ${request.tcpPort}`];
      new ResolverRules().program(request.udpPort, request.tcpPort, (table, chain, change) => {
        lines.push(
          ...commandsOf({ kind: "iptables", node: request.node, netns: request.netns, table, chain, ...change }),
        );
      });
      return lines;
    }
    case "resolver-stop":
      return ["dockerd no longer listens on 127.0.0.11"];
    case "listener-add":
      return [`dockerd listens on 0.0.0.0, ${request.protocol.toUpperCase()} port ${request.port}, and reads nothing`];
    case "listener-delete":
      return [`dockerd no longer listens on ${request.protocol.toUpperCase()} port ${request.port}`];
    case "process-start":
      return [`${request.argv.join(" ")} &`];
    case "process-kill":
      return [`kill ${request.key}`];
  }
}

function idText(srcIp: number, dstIp: number, spi: number): string {
  return `src ${formatIpv4(srcIp)} dst ${formatIpv4(dstIp)} proto esp spi 0x${spi.toString(16).padStart(8, "0")}`;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function policyCommand(verb: string, { srcIp, dstIp, dstPort, mark, template }: XfrmPolicy): string {
  const selector = `src ${formatIpv4(srcIp)}/32 dst ${formatIpv4(dstIp)}/32 proto udp dport ${dstPort} dir out`;
  const marked = `mark 0x${mark.value.toString(16)} mask 0x${mark.mask.toString(16)}`;
  const command = `ip xfrm policy ${verb} ${selector} ${marked}`;
  if (verb === "delete") return command;
  const { reqid } = template;
  return `${command} tmpl ${idText(template.srcIp, template.dstIp, template.spi)} reqid ${reqid} mode transport`;
}

function routeText({ destination, prefixLength, via, device }: RouteAdd): string {
  const to = prefixLength === 0 ? "default" : formatCidr({ address: destination, prefixLength });
  return `${to}${via === undefined ? "" : ` via ${formatIpv4(via)}`} dev ${device}`;
}
