/**
 * Names as one container sees them: what the embedded DNS answers from (libnetwork sandbox.go, ResolveName and
 * resolveName; network.go, ResolveName and ResolveIP).
 *
 * Not modelled: SRV records, the names of legacy links (`--link`).
 */

/** The names of one network: service names, aliases, containers, short ids, `tasks.SERVICE`. */
export interface NetworkNames {
  /** As a person calls the network. */
  readonly name: string;
  /** IPv4 addresses (int32) of a name in lower case, in the order in which they were added; undefined: unknown. */
  addresses(name: string): readonly number[] | undefined;
  /** The container that has an address, undefined: unknown. Services have no reverse entry. */
  containerAt(ip: number): string | undefined;
}

/**
 * What the names of a container are looked up in: its networks, user overlays first, then ingress, then local ones
 * (sandbox.go, ResolveName: getDynamicNwEndpoints, getIngressNwEndpoint, getLocalNwEndpoints).
 */
export interface ContainerNames {
  readonly networks: readonly NetworkNames[];
}

/** Addresses of `name`, with or without the dot at its end; undefined: nobody here has that name. */
export function resolveName(names: ContainerNames, name: string): readonly number[] | undefined {
  const wanted = name.replace(/\.$/, "").toLowerCase();
  // a.b.c: as a name of every network; then a.b in network c; then a in network b.c.
  for (let end = wanted.length; end > 0; end = wanted.lastIndexOf(".", end - 1)) {
    const host = wanted.slice(0, end);
    const network = wanted.slice(end + 1);
    for (const candidate of names.networks) {
      if (network !== "" && candidate.name.toLowerCase() !== network) continue;
      const addresses = candidate.addresses(host);
      if (addresses !== undefined && addresses.length > 0) return addresses;
    }
  }
  return undefined;
}

/** `NAME.NETWORK` of the container that has `ip`. */
export function resolveAddress(names: ContainerNames, ip: number): string | undefined {
  for (const network of names.networks) {
    const container = network.containerAt(ip);
    if (container !== undefined) return `${container}.${network.name}`;
  }
  return undefined;
}
