/** Reads one network of a stack file (docker/cli convert.Networks, and what the daemon then says of it). */
import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import { contains, formatCidr, isNetwork, networkOf, parseCidr } from "../swarm/cidr.ts";
import { encryptedMtu } from "../swarm/network.ts";
import { MAX_VNI, OVERLAY_MTU, VXLAN_OVERHEAD } from "../swarm/networks.ts";
import { checkParts, type UnknownKey } from "./check.ts";
import {
  DSR_OPTION,
  ENCRYPTED_OPTION,
  MTU_OPTION,
  network as networkSchema,
  type NetworkFile,
  VNI_OPTION,
} from "./compose-schema.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import type { Cidr, OverlayNetwork } from "./scenario.ts";

export interface DeclaredNetwork {
  readonly fullName: string;
  /** That is its name, as far as is known. */
  readonly isNamed: boolean;
  /** Undefined if something is wrong with it, or if it is not modelled. */
  readonly overlay: OverlayNetwork | undefined;
  /** Nothing is wrong with it. */
  readonly sound: boolean;
  /** Why no service can join it. */
  readonly refused: string | undefined;
  readonly places: NetworkPlaces;
}

/** Where a network stands, and where what it asks for; the network itself if it does not ask. */
export interface NetworkPlaces {
  readonly name: Place;
  readonly subnets: readonly { readonly subnet: Place; readonly gateway: Place; readonly vni: Place }[];
}

/** Least MTU of an IPv4 interface (RFC 791 §3.2). */
const LEAST_MTU = 68;
const MOST_MTU = 65_535;

/** Networks that every node has by itself. */
const PREDEFINED = new Set(["host", "bridge", "none", "ingress"]);
/** Those of them that services can join (swarmkit networkallocator, PredefinedNetworks). */
const JOINABLE = new Set(["host", "bridge"]);

export function readNetwork(
  key: string,
  value: unknown,
  place: Place,
  scope: (name: string) => string,
  unknownProperty: UnknownKey,
  report: Report,
): DeclaredNetwork {
  const before = report.found;
  const accepted = checkParts(networkSchema, value ?? null, place, report, unknownProperty);
  const file: Partial<NetworkFile> = accepted.value ?? {};
  // A name that cannot be read is not made one that is wrong, too.
  const isNamed = accepted.refused.every(([key]) => key !== "name" && key !== "external");
  const external = typeof file.external === "object" || file.external === true;
  // Docker takes an empty name as none.
  const externalName = (typeof file.external === "object" ? file.external.name : undefined) || undefined;
  const ownName = file.name || undefined;
  if (externalName !== undefined && ownName !== undefined)
    report.error(place.at("external"), "network.external.name and network.name conflict; only use network.name");
  const fullName = ownName ?? externalName ?? (external ? key : scope(key));
  if (external && PREDEFINED.has(fullName)) {
    const places = { name: place, subnets: [] };
    const refused =
      fullName === "none"
        ? "could not find the corresponding predefined swarm network: network none not found"
        : 'Service cannot be explicitly attached to the ingress network "ingress"';
    const sound = report.found === before;
    return {
      fullName,
      isNamed,
      overlay: undefined,
      sound,
      refused: JOINABLE.has(fullName) ? undefined : refused,
      places,
    };
  }

  const namePlace = ownName === undefined ? place : place.at("name");
  if (isNamed && !/^[a-zA-Z0-9][\w.-]*$/.test(fullName))
    report.error(
      namePlace,
      `expected a name of letters, digits, and - _ . inside, found ${describe(fullName)}`,
      ownName === undefined ? "key" : "value",
    );
  if (isNamed && accepted.unknown.length === 0 && PREDEFINED.has(fullName))
    report.error(namePlace, `network with name ${fullName} already exists`, ownName === undefined ? "key" : "value");
  if (file.driver !== undefined && file.driver !== "" && file.driver !== "overlay")
    report.error(
      place.at("driver"),
      `The network ${fullName} cannot be used with services. Only networks scoped to the swarm can be used, such as those created with the overlay driver. Found ${describe(file.driver)}`,
    );
  if (external)
    report.warn(
      place.at("external"),
      `${fullName} is taken as an attachable overlay network that was made before the stack, with what is written here`,
    );
  const { vnis, mtu, ...modes } = readOptions(file.driver_opts ?? {}, place.at("driver_opts"), report);
  const configs = readIpam(file.ipam, place.at("ipam"), report);
  const asked = configs.length === 0 ? [{ subnet: undefined, gateway: undefined, at: undefined }] : configs;
  // The option has a number for each subnet; those that are left over mean nothing (ovmanager NetworkAllocate).
  const subnets = asked.map(({ subnet, gateway }, index) => ({ subnet, gateway, vni: vnis[index] }));
  const attachable = file.attachable ?? external;
  const internal = file.internal ?? false;
  const overlay: OverlayNetwork = { name: fullName, subnets, mtu, ...modes, attachable, internal };
  const places: NetworkPlaces = {
    name: place,
    subnets: asked.map(({ gateway, at }, index) => ({
      subnet: at?.at("subnet") ?? place,
      gateway: gateway === undefined ? place : (at?.at("gateway") ?? place),
      vni: vnis[index] === undefined ? place : place.at("driver_opts", VNI_OPTION),
    })),
  };
  const sound = report.found === before;
  return { fullName, isNamed, overlay: sound ? overlay : undefined, sound, refused: undefined, places };
}

function readOptions(
  options: Readonly<Record<string, string | number>>,
  place: Place,
  report: Report,
): { readonly vnis: readonly number[]; readonly mtu: number; readonly encrypted: boolean; readonly dsr?: true } {
  const vnis: number[] = [];
  let mtu = OVERLAY_MTU;
  for (const [option, value] of Object.entries(options)) {
    const at = place.at(option);
    const text = String(value);
    if (option === VNI_OPTION) {
      for (const word of text.split(",")) {
        const number = /^\d{1,10}$/.test(word) ? Number(word) : undefined;
        if (number === undefined) report.error(at, `invalid vxlan id value ${JSON.stringify(word)} passed`);
        else if (number > MAX_VNI)
          report.error(
            at,
            `could not assign vxlan id ${number}: bit does not belong to the sequence, expected at most ${MAX_VNI}`,
          );
        else vnis.push(number);
      }
    } else if (option === MTU_OPTION) {
      const base = /^\d{1,10}$/.test(text) ? Number(text) : undefined;
      // The driver takes 0 as not given.
      if (base === 0) continue;
      if (base === undefined || base - VXLAN_OVERHEAD < LEAST_MTU || base > MOST_MTU)
        report.error(
          at,
          `expected a size from ${LEAST_MTU + VXLAN_OVERHEAD} to ${MOST_MTU} bytes, found ${describe(value)}`,
        );
      else mtu = base - VXLAN_OVERHEAD;
    } else if (option === ENCRYPTED_OPTION) {
      // The driver looks whether it is there, not what it is.
      if (text === "false" || text === "0")
        report.warn(at, `the network is encrypted all the same: the driver does not look at the value`);
    } else if (option !== DSR_OPTION) report.warn(at, "not modelled yet, ignored", "key");
  }
  const encrypted = Object.hasOwn(options, ENCRYPTED_OPTION);
  if (encrypted && encryptedMtu(mtu) < LEAST_MTU)
    report.error(
      place.at(MTU_OPTION),
      `encryption leaves ${encryptedMtu(mtu)} bytes of it, expected at least ${LEAST_MTU}`,
    );
  // The driver looks whether it is there (network.go, loadBalancerModeDSR).
  return { vnis, mtu, encrypted, ...(Object.hasOwn(options, DSR_OPTION) ? { dsr: true } : {}) };
}

/** A subnet of the network, and where it stands. */
interface IpamConfig {
  readonly subnet: Cidr | undefined;
  readonly gateway: number | undefined;
  readonly at: Place | undefined;
}

function readIpam(ipam: NetworkFile["ipam"], place: Place, report: Report): readonly IpamConfig[] {
  if (ipam?.driver !== undefined && ipam.driver !== "" && ipam.driver !== "default")
    report.warn(
      place.at("driver"),
      `the address driver ${ipam.driver} is not modelled: addresses come from the default one`,
    );
  const configs: IpamConfig[] = [];
  for (const [index, config] of (ipam?.config ?? []).entries()) {
    if (config === undefined) continue;
    const at = place.at("config", index);
    if (config.gateway !== undefined)
      report.warn(
        at.at("gateway"),
        "docker stack deploy refuses this (Additional property gateway is not allowed); taken as docker network create --gateway",
        "key",
      );
    if (config.subnet === undefined) {
      report.error(at, 'ipam configuration: invalid subnet: missing key "subnet"');
      continue;
    }
    if (config.subnet.includes(":")) {
      report.warn(at.at("subnet"), "IPv6 is not modelled yet, ignored");
      continue;
    }
    const subnet = readSubnet(config.subnet, at.at("subnet"), report);
    const gateway = config.gateway === undefined ? undefined : readGateway(config.gateway, subnet, at, report);
    configs.push({ subnet, gateway, at });
  }
  return configs;
}

function readGateway(text: string, subnet: Cidr | undefined, at: Place, report: Report): number | undefined {
  const gateway = parseIpv4(text);
  if (gateway === undefined) report.error(at.at("gateway"), `ipam configuration: invalid gateway ${text}`);
  else if (subnet !== undefined && !contains(subnet, gateway))
    report.error(
      at.at("gateway"),
      `ipam configuration: subnet ${formatCidr(subnet)} does not contain gateway ${formatIpv4(gateway)}`,
    );
  return gateway;
}

function readSubnet(text: string, place: Place, report: Report): Cidr | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined)
    report.error(place, `ipam configuration: invalid subnet ${text}, expected an IPv4 network such as 10.0.9.0/24`);
  else if (!isNetwork(cidr)) report.error(place, `invalid subnet ${text}: it should be ${formatCidr(networkOf(cidr))}`);
  else if (cidr.prefixLength < 1 || cidr.prefixLength > 30)
    report.error(place, `expected a prefix length from 1 to 30, found ${cidr.prefixLength}`);
  else return cidr;
  return undefined;
}
