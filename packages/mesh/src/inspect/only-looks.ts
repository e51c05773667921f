/** Which commands look at a namespace and change nothing in it, so that they can be asked at any moment. */

/** In words, for who has written something else. */
export const LOOKS: string =
  "ip … show or get, bridge fdb show, ifconfig, route, arp, iptables -S or -L, iptables-save, conntrack -L, ipvsadm -L or -S, sysctl NAME, " +
  "ethtool -k, ss, netstat, hostname, cat, docker ps, … ls and … inspect";

const SHOW: ReadonlySet<string> = new Set(["show", "list", "lst", "ls", "get", "count"]);
const DOCKER_LOOKS: ReadonlySet<string> = new Set(["ps", "ls", "inspect"]);
const IPTABLES_LOOKS: ReadonlySet<string> = new Set(["-S", "--list-rules", "-L", "--list", "-C", "--check"]);
const CONNTRACK_CHANGES: ReadonlySet<string> = new Set(["-D", "--delete", "-F", "--flush"]);
/** A command of ipvsadm that does more than list. */
const IPVSADM_CHANGES = /^(?:-[a-zA-Z]*[AEDCRaedZ]|--(?:add|edit|delete|clear|restore|zero|set))/;
const ALWAYS: ReadonlySet<string> = new Set([
  "ifconfig",
  "route",
  "arp",
  "hostname",
  "cat",
  "iptables-save",
  "ss",
  "netstat",
]);

export function onlyLooks([program = "", ...words]: readonly string[]): boolean {
  switch (program) {
    case "ip":
    case "bridge": {
      const [object, ...rest] = words.filter((word) => !word.startsWith("-"));
      // `ip xfrm state list`: one word more.
      return SHOW.has(rest[object === "xfrm" ? 1 : 0] ?? "show");
    }
    case "sysctl":
      return !words.some((word) => word === "-w" || word.includes("="));
    case "iptables":
      return words.some((word) => IPTABLES_LOOKS.has(word));
    case "conntrack":
      return !words.some((word) => CONNTRACK_CHANGES.has(word));
    case "ipvsadm":
      return !words.some((word) => IPVSADM_CHANGES.test(word));
    case "ethtool":
      return words[0] === "-k" || words[0] === "--show-features" || words[0] === "--show-offload";
    case "docker":
      return words.slice(0, 2).some((word) => DOCKER_LOOKS.has(word));
    default:
      return ALWAYS.has(program);
  }
}
