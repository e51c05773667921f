/**
 * What differs between releases of Docker, as a table. 20.10 and 28 are what was recorded of 20.10.24 and 28.5.2; the
 * others are read from the source and were not observed. Where a release is not named its predecessor's line holds.
 */
export interface Version {
  /** As a scenario names it. */
  readonly name: string;
  /** As `docker node ls` prints it. */
  readonly engine: string;
  /** True if there are recordings of it. */
  readonly isObserved: boolean;
  /** Gratuitous ARPs of an interface that has come up, a second apart. */
  readonly announcements: 0 | 3;
  /** MAC addresses of endpoints on bridge networks: 02:42 and the IPv4 address, or random. Overlays always have the former. */
  readonly endpointMac: "from-address" | "random";
  /** MAC addresses of docker0, docker_gwbridge and `br-…` themselves: 02:42 and four random bytes, or six random ones. */
  readonly bridgeMac: "02:42" | "random";
  /** A container's interfaces: counted on, or the lowest free number. */
  readonly interfaceNumber: "next" | "lowest-free";
  /**
   * When the interfaces of a container come up: all together when its process is made, sorted, docker_gwbridge last; or
   * one after the other as they are joined, docker_gwbridge behind the first that needs it.
   */
  readonly interfaces: "together" | "one-by-one";
  /** Where the container's end of a veth pair of a bridge network is made. */
  readonly bridgeVeth: "node" | "container";
  /** Which of the pool's subnets a network without one gets: the one behind the last, or the lowest free one. */
  readonly subnet: "next" | "lowest-free";
  /** The first overlay network of an engine makes a vxlan device to see whether it can. */
  readonly triesVxlan: boolean;
  /** In which order the ports of a container are published. */
  readonly portOrder: "descending" | "ascending";
  /** Layout of the filter table. */
  readonly filter: "forward" | "docker-forward" | "docker-forward-29";
  /** In table raw: what comes for a container's address by another way than its bridge is dropped. */
  readonly guardsContainers: boolean;
  /** In table nat, for each published port: what a container sends to itself is masqueraded. */
  readonly masqueradesHairpin: boolean;
  /** In table mangle, for each published SCTP port: a checksum that the container's kernel left open is filled in. */
  readonly fillsSctpChecksum: boolean;
  /** DOCKER-USER and the isolation chains end with a RETURN. */
  readonly returns: boolean;
  /** /etc/resolv.conf says where its lines come from. */
  readonly commentsResolvConf: boolean;
  /** net.ipv6.conf.all.disable_ipv6 in its namespaces; 0 leaves ::1 on their loopback devices. */
  readonly disablesIpv6: boolean;
  /** The iptables that Docker was recorded with, which decides which policies are counted. */
  readonly iptables: "1.8.9" | "1.8.13";
  /** How rules find a VNI: with u32, which some kernels have not, or with a BPF program. */
  readonly vniMatch: "u32" | "bpf";
  /** What SPIs of encrypted overlays are made of; 28.2.2 and 29.0 to 29.2.0 took the addresses' four bytes alone. */
  readonly spiAddresses: "16-byte" | "4-byte";
  /** The UDP port that is encrypted: the data path's, or always 4789, whatever that is. */
  readonly policyPort: "data-path" | "4789";
  /** The embedded DNS says SERVFAIL if no server outside has answered; before, it was silent. */
  readonly failsAloud: boolean;
  /** The embedded DNS asks the next server outside about a "no such name" without authority. */
  readonly doubtsNameErrors: boolean;
  /** While a container starts it is checked more often: `start_interval` of a health check. */
  readonly hasStartInterval: boolean;
}

const V20_10: Version = {
  name: "20.10",
  engine: "20.10.24",
  isObserved: true,
  announcements: 0,
  endpointMac: "from-address",
  bridgeMac: "02:42",
  interfaceNumber: "next",
  interfaces: "together",
  bridgeVeth: "node",
  subnet: "next",
  triesVxlan: true,
  portOrder: "descending",
  filter: "forward",
  guardsContainers: false,
  masqueradesHairpin: true,
  fillsSctpChecksum: true,
  returns: true,
  commentsResolvConf: false,
  disablesIpv6: true,
  iptables: "1.8.9",
  vniMatch: "u32",
  spiAddresses: "16-byte",
  policyPort: "4789",
  failsAloud: false,
  doubtsNameErrors: true,
  hasStartInterval: false,
};
const V23: Version = { ...V20_10, name: "23.0", engine: "23.0.10", isObserved: false, policyPort: "data-path" };
// The test device went with the classic overlay networks.
const V24: Version = {
  ...V23,
  name: "24.0",
  engine: "24.0.9",
  triesVxlan: false,
  vniMatch: "bpf",
  failsAloud: true,
  doubtsNameErrors: false,
};
const V25: Version = { ...V24, name: "25.0", engine: "25.0.6", hasStartInterval: true };
// resolv.conf is written by a package of its own, which comments it.
const V26: Version = { ...V25, name: "26.1", engine: "26.1.4", commentsResolvConf: true };
const V27: Version = {
  ...V26,
  name: "27.5",
  engine: "27.5.1",
  interfaces: "one-by-one",
  bridgeVeth: "container",
  subnet: "lowest-free",
  portOrder: "ascending",
};
const V28: Version = {
  ...V27,
  name: "28",
  engine: "28.5.2",
  isObserved: true,
  announcements: 3,
  endpointMac: "random",
  bridgeMac: "random",
  interfaceNumber: "lowest-free",
  filter: "docker-forward",
  guardsContainers: true,
  masqueradesHairpin: false,
  // moby#48149
  fillsSctpChecksum: false,
  returns: false,
  disablesIpv6: false,
  iptables: "1.8.13",
};
// Isolation is left to the last rule of DOCKER and to table raw.
const V29: Version = {
  ...V28,
  name: "29",
  engine: "29.0.4",
  isObserved: false,
  filter: "docker-forward-29",
  spiAddresses: "4-byte",
};

/** Oldest first. */
const VERSIONS: readonly Version[] = [V20_10, V23, V24, V25, V26, V27, V28, V29];

/** The newest that was observed is the default. */
export const DEFAULT_VERSION: Version = V28;

export function versionOf(name: string): Version | undefined {
  return VERSIONS.find((version) => version.name === name);
}
