/**
 * Encrypted overlays on one node (libnetwork drivers/overlay/encryption.go): for each other node that has endpoints in
 * such a network, while this one has some, a security association for each key to receive with, one to send with, and a
 * policy that what Docker's mark is on be sent with that; for each network the rules that mark its packets, and that
 * drop what comes for it in the clear.
 *
 * Associations are counted by network and go with the last, as from 29.0 on; older releases leave some behind. Which
 * rules a firewall other than iptables would have is not modelled.
 */
import type { Match, Rule, Target } from "../netfilter/rule.ts";
import type { XfrmPolicy } from "../xfrm/policy.ts";
import type { Engine } from "./engine.ts";
import type { OverlayKey } from "./key-manager.ts";
import type { OverlayNetwork } from "./network.ts";

/** On packets that are to be encrypted; associations carry it as their reqid. */
const ENCRYPTION_MARK = 0xd0c4e3;
const ALL_BITS = 0xffffffff;
/** Bytes of the integrity check value. */
export const ICV_LENGTH = 8;
/** What policies name in releases that have forgotten that there are others. */
const FORGOTTEN_PORT = 4789;

/** How an address goes into an SPI: as IPv6 has it, or, by mistake, its four bytes alone. */
export type SpiAddresses = "16-byte" | "4-byte";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function hashBytes(hash: number, value: number): number {
  let next = hash;
  for (let shift = 24; shift >= 0; shift -= 8) next = Math.imul(next ^ ((value >>> shift) & 0xff), FNV_PRIME);
  return next;
}

function hashAddress(hash: number, ip: number, addresses: SpiAddresses): number {
  let next = hash;
  // ::ffff:0:0/96 (RFC 4291 §2.5.5.2)
  if (addresses === "16-byte") for (const word of [0, 0, 0xffff]) next = hashBytes(next, word);
  return hashBytes(next, ip);
}

/** buildSPI: FNV-1a of source, key tag and destination. uint32. */
export function spiOf(srcIp: number, dstIp: number, tag: number, addresses: SpiAddresses = "16-byte"): number {
  const source = hashAddress(FNV_OFFSET, srcIp, addresses);
  return hashAddress(hashBytes(source, tag), dstIp, addresses) >>> 0;
}

/** The key and the salt, which is the SPI (buildAeadAlgo). */
function saltedKey(key: OverlayKey, spi: number): Uint8Array {
  const salted = new Uint8Array(key.value.length + 4);
  salted.set(key.value);
  new DataView(salted.buffer).setUint32(key.value.length, spi);
  return salted;
}

/** matchVXLAN: a VXLAN packet of that VNI. */
function vniMatch(vni: number, by: "u32" | "bpf"): Match {
  if (by === "u32") return { u32: { tests: `0x0>>0x16&0x3c@0xc&0xffffff00=0x${(vni * 0x100).toString(16)}` } };
  const program = `6,177 0 0 0,64 0 0 12,84 0 0 4294967040,21 1 0 ${vni * 0x100},6 0 0 0,6 0 0 4294967295`;
  return { bpf: { bytecode: program } };
}

interface Spis {
  readonly tag: number;
  readonly forward: number;
  readonly reverse: number;
}

/** A node that packets are encrypted for. */
interface Remote {
  readonly ip: number;
  /** In the order of {@link Encryption.keys}: the first is the one to send with. */
  spis: Spis[];
  /** Names of the networks for which it is needed. */
  readonly networks: Set<string>;
}

export class Encryption {
  /** How the node computes SPIs. */
  addresses: SpiAddresses;
  readonly #engine: Engine;
  #leaks = false;
  /** The first is the one to send with (getKeys). */
  #keys: OverlayKey[];
  readonly #remotes: Map<number, Remote> = new Map();
  /** Networks that have their rules here, by name. */
  readonly #secured: Map<string, OverlayNetwork> = new Map();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.addresses = engine.version.spiAddresses;
    const [oldest, primary, newest] = engine.swarm.keys.keys;
    this.#keys = [primary!, oldest!, newest!];
  }

  /** The network gets its part on this node: its rules come first (CreateNetwork). */
  secure(network: OverlayNetwork): void {
    if (!network.isEncrypted || this.#secured.has(network.name)) return;
    this.#secured.set(network.name, network);
    for (const { vni } of network.subnets) {
      this.#mark(vni, "append");
      this.#filter(vni, "ipsec", "accept", "append");
      // On top, so that no rule of somebody else's lets it in before.
      this.#filter(vni, "none", "drop", "insert");
    }
  }

  /** The network's part on this node goes (DeleteNetwork). */
  release(network: OverlayNetwork): void {
    if (!this.#secured.delete(network.name)) return;
    for (const { vni } of network.subnets) {
      this.#mark(vni, "delete");
      this.#filter(vni, "ipsec", "accept", "delete");
      this.#filter(vni, "none", "drop", "delete");
    }
    for (const remote of [...this.#remotes.values()]) this.removePeer(network, remote.ip);
  }

  /** A node has its first endpoint in the network, or this one, where that has some (setupEncryption). */
  addPeer(network: OverlayNetwork, ip: number): void {
    if (!this.#secured.has(network.name)) return;
    let remote = this.#remotes.get(ip);
    if (remote === undefined) {
      remote = { ip, spis: [], networks: new Set() };
      this.#remotes.set(ip, remote);
      this.#setUp(remote);
    }
    remote.networks.add(network.name);
  }

  /** A node's last endpoint in the network is gone (removeEncryption). */
  removePeer(network: OverlayNetwork, ip: number): void {
    const remote = this.#remotes.get(ip);
    if (remote === undefined || !remote.networks.delete(network.name) || remote.networks.size > 0) return;
    this.#remotes.delete(ip);
    this.#tearDown(remote);
  }

  /** The manager has sent other keys: a new one, another to send with, one that is no longer used (updateKeys). */
  updateKeys(): void {
    const { keys, primary } = this.#engine.swarm.keys;
    const has = (list: readonly OverlayKey[], tag: number): boolean => list.some((key) => key.tag === tag);
    const isLater = keys.some(({ tag }) => !has(this.#keys, tag));
    if (!isLater) return;
    const all = [...this.#keys, ...keys.filter(({ tag }) => !has(this.#keys, tag))];
    for (const remote of this.#remotes.values()) this.#updateRemote(remote, all, keys, primary);
    this.#keys = this.#inOrder(all, keys, primary);
  }

  /** As the driver swaps and cuts its list: the primary in front, the others where they were. */
  #inOrder<T extends { readonly tag: number }>(
    all: readonly T[],
    keys: readonly OverlayKey[],
    primary: OverlayKey,
  ): T[] {
    const list = [...all];
    const at = list.findIndex(({ tag }) => tag === primary.tag);
    [list[0], list[at]] = [list[at]!, list[0]!];
    return list.filter(({ tag }) => keys.some((key) => key.tag === tag));
  }

  /** updateNodeKey: what is received with comes before what is sent with changes. */
  #updateRemote(remote: Remote, all: readonly OverlayKey[], keys: readonly OverlayKey[], primary: OverlayKey): void {
    const before = remote.spis[0]!;
    const spis = all.map((key) => remote.spis.find(({ tag }) => tag === key.tag) ?? this.#spisOf(remote.ip, key));
    for (const each of spis) if (!keys.some(({ tag }) => tag === each.tag)) this.#delete("in", remote.ip, each);
    for (const [index, key] of all.entries())
      if (!remote.spis.includes(spis[index]!)) this.#add("in", remote.ip, spis[index]!, key);
    const next = spis.find(({ tag }) => tag === primary.tag)!;
    if (next !== before) {
      this.#add("out", remote.ip, next, primary);
      this.#policy("xfrm-policy-update", remote.ip, next);
      this.#delete("out", remote.ip, before);
    }
    remote.spis = this.#inOrder(spis, keys, primary);
  }

  /** The form of addresses in SPIs changes, as when another release is started: all is made anew. */
  changeAddresses(addresses: SpiAddresses): void {
    if (addresses === this.addresses) return;
    for (const remote of this.#remotes.values()) this.#tearDown(remote);
    this.addresses = addresses;
    for (const remote of this.#remotes.values()) this.#setUp(remote);
  }

  /** The rules that put the mark on are gone: packets leave in the clear. */
  leak(): void {
    if (this.#leaks) return;
    this.#changeMarks("delete");
    this.#leaks = true;
  }

  /** Nothing is wrong any more. */
  correct(): void {
    this.changeAddresses(this.#engine.version.spiAddresses);
    if (!this.#leaks) return;
    this.#leaks = false;
    this.#changeMarks("append");
  }

  #changeMarks(change: "append" | "delete"): void {
    for (const network of this.#secured.values()) for (const { vni } of network.subnets) this.#mark(vni, change);
  }

  #setUp(remote: Remote): void {
    remote.spis = this.#keys.map((key) => this.#spisOf(remote.ip, key));
    for (const [index, spis] of remote.spis.entries()) {
      const key = this.#keys[index]!;
      this.#add("in", remote.ip, spis, key);
      if (index > 0) continue;
      this.#add("out", remote.ip, spis, key);
      this.#policy("xfrm-policy-add", remote.ip, spis);
    }
  }

  #tearDown(remote: Remote): void {
    for (const [index, spis] of remote.spis.entries()) {
      this.#delete("in", remote.ip, spis);
      if (index > 0) continue;
      this.#delete("out", remote.ip, spis);
      this.#policy("xfrm-policy-delete", remote.ip, spis);
    }
  }

  #spisOf(remote: number, { tag }: OverlayKey): Spis {
    const own = this.#engine.node.ip;
    const { addresses } = this;
    return { tag, forward: spiOf(own, remote, tag, addresses), reverse: spiOf(remote, own, tag, addresses) };
  }

  /** programSA. */
  #add(direction: "in" | "out", remote: number, spis: Spis, key: OverlayKey): void {
    const id = this.#id(direction, remote, spis);
    const { node } = this.#engine;
    this.#engine.ask({
      kind: "xfrm-state-add",
      node: node.name,
      netns: "host",
      ...id,
      reqid: ENCRYPTION_MARK,
      key: saltedKey(key, id.spi),
      icvLength: ICV_LENGTH,
    });
  }

  #delete(direction: "in" | "out", remote: number, spis: Spis): void {
    const { node } = this.#engine;
    this.#engine.ask({
      kind: "xfrm-state-delete",
      node: node.name,
      netns: "host",
      ...this.#id(direction, remote, spis),
    });
  }

  #id(
    direction: "in" | "out",
    remote: number,
    { forward, reverse }: Spis,
  ): { readonly srcIp: number; readonly dstIp: number; readonly spi: number } {
    const own = this.#engine.node.ip;
    return direction === "out"
      ? { srcIp: own, dstIp: remote, spi: forward }
      : { srcIp: remote, dstIp: own, spi: reverse };
  }

  /** programSP. */
  #policy(
    kind: "xfrm-policy-add" | "xfrm-policy-update" | "xfrm-policy-delete",
    remote: number,
    { forward }: Spis,
  ): void {
    const { node, swarm, version } = this.#engine;
    const policy: XfrmPolicy = {
      srcIp: node.ip,
      dstIp: remote,
      dstPort: version.policyPort === "data-path" ? swarm.dataPathPort : FORGOTTEN_PORT,
      mark: { value: ENCRYPTION_MARK, mask: ALL_BITS },
      template: { srcIp: node.ip, dstIp: remote, spi: forward, reqid: ENCRYPTION_MARK },
    };
    this.#engine.ask({ kind, node: node.name, netns: "host", policy });
  }

  /** programMangle. */
  #mark(vni: number, change: "append" | "delete"): void {
    if (this.#leaks) return;
    const { swarm, version } = this.#engine;
    const match: Match = {
      protocol: "udp",
      dstPort: { port: swarm.dataPathPort },
      ...vniMatch(vni, version.vniMatch),
    };
    this.#rule("mangle", "OUTPUT", change, match, { kind: "mark", value: ENCRYPTION_MARK });
  }

  /** programInput. */
  #filter(vni: number, pol: "none" | "ipsec", kind: "accept" | "drop", change: "append" | "insert" | "delete"): void {
    const { swarm, version } = this.#engine;
    const match: Match = {
      protocol: "udp",
      policy: { dir: "in", pol },
      dstPort: { port: swarm.dataPathPort },
      ...vniMatch(vni, version.vniMatch),
    };
    this.#rule("filter", "INPUT", change, match, { kind });
  }

  #rule(
    table: "mangle" | "filter",
    chain: string,
    change: "append" | "insert" | "delete",
    match: Match,
    target: Target,
  ): void {
    const rule: Rule = { match, target };
    this.#engine.program("host")(table, chain, { change, rule });
  }
}
