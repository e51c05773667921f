/** The keys of `pins`. */
import { either, type Entries, isText, list, map, optional, record, type Schema } from "./check.ts";
import { aesKey, integer, ipv4, mac, text } from "./values.ts";

const MOST_PORTS = 100_000;

export const identifier: Schema<string> = text("an identifier such as 09f7a6461c2c");
export const identifiers: Schema<string | string[]> = either(isText, identifier, list(identifier));
export const answers: Schema<number[][]> = list(list(ipv4, "the addresses in their order"));
export const networkList: Schema<string[]> = list(text("a network's name"));
export const namespaceName: Schema<string> = text("a name such as web.09f7a6461c2c");
export const taskOrder: Schema<string | string[]> = either(
  isText,
  text("a task such as web.1"),
  list(text("a task such as web.1")),
);
export const taskNodes: Schema<string | string[]> = either(isText, text("a node's name"), list(text("a node's name")));
export const portNumber: Schema<number> = integer(0, MOST_PORTS);

/** Keys of encrypted overlays. */
export interface EncryptionPinFile {
  readonly keys: readonly Uint8Array[] | undefined;
  readonly first_tag: number | undefined;
}
const encryptionEntries = {
  keys: optional(list(aesKey), "The first keys, the oldest first; the second is the one that packets are sent with.", {
    default: "drawn by the seed",
  }),
  first_tag: optional(
    integer(0, 0xffffffff),
    "Number of the first key (its Lamport time); the others follow. Key numbers make SPIs.",
    { default: "drawn by the seed" },
  ),
};
export const encryptionPin: Schema<EncryptionPinFile> = map(encryptionEntries);

export const pinEntries: Entries = {
  containers: optional(record(identifier, "NAME"), "Identifiers of containers, or their first digits.", {
    default: "drawn by the seed",
  }),
  tasks: optional(
    record(identifiers, "TASK"),
    "Identifier of a task, or a list: of the one that runs there first, of the one that replaces it, and so on.",
    { default: "drawn by the seed" },
  ),
  nodes: optional(
    record(taskNodes, "TASK"),
    "Node of a task, or a list: of the one that has the slot first, of the one that replaces it, and so on. Where it cannot be, others are asked.",
    { default: "as `placement` says" },
  ),
  networks: optional(
    record(identifier, "NETWORK"),
    "Identifiers of networks. The device of a bridge network is `br-` and the first twelve digits.",
    { default: "drawn by the seed" },
  ),
  dns: optional(
    record(answers, "DOMAIN"),
    "Orders of the addresses in the answers to a name, one list for each time it is asked for; then by the seed.",
    { default: "shuffled by the seed" },
  ),
  interfaces: optional(
    record(networkList, "NAME"),
    "Networks of a task or container in the order of its interfaces: the first is `eth0`.",
    { default: "as Docker sorts them" },
  ),
  namespaces: optional(
    record(namespaceName, "NAMESPACE"),
    "What captures call a namespace, such as a task, `overlay-NET` or `lb-NET`.",
    { default: "the same" },
  ),
  encryption: optional(encryptionPin, "Keys of encrypted overlays.", { default: "drawn by the seed" }),
  macs: optional(
    record(mac, "NODE/NETWORK"),
    "MAC addresses of bridges themselves (`manager/docker_gwbridge: 02:42:9d:1c:07:5e`).",
    { default: "drawn by the seed" },
  ),
  ports: optional(
    record(record(portNumber, "NAME"), "NODE/NAMESPACE"),
    "Numbers of the `vethN` of tasks, containers and `lb-NET` in an overlay's namespace (`manager/overlay-front: {web.1: 3}`).",
    { default: "in the order of creation" },
  ),
  balancing: optional(
    record(record(taskOrder, "SERVICE"), "NODE/SANDBOX"),
    "Tasks in the order in which a node gives them the connections of their service, as a list, or the one that gets the first (`manager/ingress_sbox: {web: [web.2, web.1]}`, `manager/lb-front: {web: web.2}`). It holds while all that are named run, also when others come: those that a list does not name follow it, the one that came last first.",
    { default: "the one that the node has heard of last is the first" },
  ),
  turns: optional(
    record(list(text("a task such as web.1")), "SERVICE"),
    "Slots in the order in which updates take them (`web: [web.3, web.1]`); the others come behind.",
    { default: "as they are numbered" },
  ),
};
