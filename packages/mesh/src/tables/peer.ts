/**
 * The endpoints of one overlay network as gossip spreads them (libnetwork drivers/overlay/peerdb.go): address, MAC and
 * the VTEP of the node that holds each. Every node reads the same table, leaving out its own endpoints, instead of
 * keeping a copy: a thousand nodes with fifty tasks each would be fifty million entries.
 */
export class PeerTable {
  readonly #macs: number[] = [];
  readonly #vteps: number[] = [];
  readonly #byIp: Map<number, number> = new Map();
  readonly #byMac: Map<number, number> = new Map();

  add(ip: number, mac: number, vtep: number): void {
    const index = this.#macs.push(mac) - 1;
    this.#vteps.push(vtep);
    this.#byIp.set(ip, index);
    this.#byMac.set(mac, index);
  }

  /** Remote endpoints of a node with `ownVtep`, in the order in which they were added. */
  *entries(ownVtep: number): IterableIterator<{ readonly ip: number; readonly mac: number; readonly vtep: number }> {
    for (const [ip, index] of this.#byIp) {
      const vtep = this.#vteps[index]!;
      if (vtep !== ownVtep) yield { ip, mac: this.#macs[index]!, vtep };
    }
  }

  /** MAC of a remote endpoint's address: the permanent neighbor entry on `vxlan0` of a node with `ownVtep`. */
  macOf(ip: number, ownVtep: number): number | undefined {
    const index = this.#byIp.get(ip);
    return index === undefined || this.#vteps[index] === ownVtep ? undefined : this.#macs[index]!;
  }

  /** VTEP of a remote endpoint's MAC: the permanent FDB entry on `vxlan0` of a node with `ownVtep`. */
  vtepOf(mac: number, ownVtep: number): number | undefined {
    const index = this.#byMac.get(mac);
    if (index === undefined) return undefined;
    const vtep = this.#vteps[index]!;
    return vtep === ownVtep ? undefined : vtep;
  }
}
