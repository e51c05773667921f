/** Reads lists of machines, and gives each an address and a MAC address. */
import { formatIpv4, formatMac } from "@hopscope/codec/address";
import { addressAt, contains, formatCidr, isHost, sizeOf } from "../swarm/cidr.ts";
import { checkParts, type Schema } from "./check.ts";
import { describe, type Place, type Report } from "./diagnostic.ts";
import type { Cidr } from "./scenario.ts";

export interface MachineFile {
  readonly name: string;
  readonly ip: number | undefined;
  readonly mac: number | undefined;
}

export interface Given<F extends MachineFile> {
  readonly file: F;
  readonly place: Place;
}

/** Machines of a list. */
export interface MachinesReading<F extends MachineFile> {
  /** Those with a name, without what else is wrong with them. */
  readonly machines: readonly Given<F>[];
  /** Nothing is wrong with any. */
  readonly sound: boolean;
  /** All have a name. */
  readonly areNamed: boolean;
}

/** The switch's ports are named in captures as those of a machine called so. */
const RESERVED_NAME = "switch";

/** The machines of a list. Their names are put into the last of `names`; they must not be in any. */
export function readMachines<F extends MachineFile>(
  value: unknown,
  schema: Schema<F>,
  what: string,
  place: Place,
  report: Report,
  names: readonly Set<string>[],
): MachinesReading<F> | undefined {
  if (!Array.isArray(value)) {
    report.error(place, `expected a list of ${what}, found ${describe(value)}`);
    return undefined;
  }
  if (value.length === 0 && what === "nodes") {
    report.error(place, "expected at least one node, found an empty list");
    return undefined;
  }
  const given: Given<F>[] = [];
  let sound = true;
  let areNamed = true;
  for (const [index, item] of value.entries()) {
    const at = place.at(index);
    // A machine that is wrong otherwise still has a name, which must not then be unknown elsewhere.
    const claimed: unknown = typeof item === "object" && item !== null ? (item as { name?: unknown }).name : item;
    const { value: file, refused, unknown } = checkParts<Partial<F>>(schema, item, at, report);
    if (typeof claimed === "string") {
      const namePlace = typeof item === "string" ? at : at.at("name");
      if (names.some((some) => some.has(claimed)))
        report.error(namePlace, `two ${what === "nodes" ? "nodes" : "machines"} have the name ${claimed}`);
      if (claimed === RESERVED_NAME) report.error(namePlace, `the name ${RESERVED_NAME} is the physical switch's own`);
      names.at(-1)!.add(claimed);
    } else areNamed = false;
    if (refused.length > 0 || unknown.length > 0) sound = false;
    if (isNamed(file)) given.push({ file, place: at });
  }
  return { machines: given, sound, areNamed };
}

function isNamed<F extends MachineFile>(file: Partial<F> | undefined): file is F {
  return file?.name !== undefined;
}

/** Machines of one kind. */
interface Group {
  readonly machines: readonly Given<MachineFile>[];
  /** Number inside the subnet of the first address that is handed out. */
  readonly first: number;
  readonly what: string;
  readonly place: Place;
}

/** Name to address and MAC address; who finds no room is missing, and told. */
export function addressMachines(
  groups: readonly Group[],
  subnet: Cidr,
  report: Report,
): ReadonlyMap<string, { readonly ip: number; readonly mac: number }> {
  const taken = new Map<number, string>();
  for (const { machines, what } of groups)
    for (const { file, place } of machines) reserve(file, what, place, subnet, taken, report);
  const addresses = new Map<string, { readonly ip: number; readonly mac: number }>();
  const macs = new Map<number, { readonly name: string; readonly ip: number }>();
  for (const { machines, first, what, place: list } of groups) {
    let offset = first;
    for (const [index, { file, place }] of machines.entries()) {
      let { ip } = file;
      if (ip === undefined) {
        while (taken.has(addressAt(subnet, offset))) offset++;
        if (offset >= sizeOf(subnet) - 1) {
          report.error(
            list,
            `the underlay's subnet ${formatCidr(subnet)} is too small: no address from ${formatIpv4(addressAt(subnet, first))} on is left for ${file.name}, ${what} ${index + 1} of ${machines.length}`,
          );
          break;
        }
        ip = addressAt(subnet, offset++);
        taken.set(ip, file.name);
      }
      const mac = file.mac ?? 0x525400000000 + (ip & 0xffffff);
      const owner = macs.get(mac);
      // Two machines with one address have one made of it, too: that has been told.
      if (owner !== undefined && owner.ip !== ip)
        report.error(
          file.mac === undefined ? place : place.at("mac"),
          `${formatMac(mac)} is the MAC address of ${owner.name} already`,
        );
      macs.set(mac, { name: file.name, ip });
      addresses.set(file.name, { ip, mac });
    }
  }
  return addresses;
}

/** Sets a pinned address aside, so that nothing else gets it. */
function reserve(
  file: MachineFile,
  what: string,
  place: Place,
  subnet: Cidr,
  taken: Map<number, string>,
  report: Report,
): void {
  if (file.ip === undefined) return;
  const ip = formatIpv4(file.ip);
  const owner = taken.get(file.ip);
  const at = place.at("ip");
  if (!contains(subnet, file.ip)) report.error(at, `${ip} is not in the underlay's subnet ${formatCidr(subnet)}`);
  else if (!isHost(subnet, file.ip))
    report.error(
      at,
      `${ip} is no ${what}'s address: the first and the last of ${formatCidr(subnet)} are the network's own`,
    );
  else if (owner !== undefined) report.error(at, `${ip} is the address of ${owner} already`);
  taken.set(file.ip, owner ?? file.name);
}
