/** The embedded DNS servers of the engines: one in each namespace that Docker has given names. */
import type { Mesh } from "../build.ts";
import type { Container } from "../swarm/container.ts";
import type { ResolverStart } from "../swarm/request.ts";
import type { Swarm } from "../swarm/swarm.ts";
import { namesOf } from "./container-names.ts";
import type { ContainerNames, NetworkNames } from "./names.ts";
import { Resolver } from "./resolver.ts";

export class Resolvers {
  readonly #mesh: Mesh;
  readonly #swarm: Swarm;
  readonly #now: () => number;
  /** By node and namespace. */
  readonly #resolvers = new Map<string, Resolver>();

  constructor(mesh: Mesh, swarm: Swarm, now: () => number) {
    this.#mesh = mesh;
    this.#swarm = swarm;
    this.#now = now;
  }

  start({ node, netns: name, udpPort }: ResolverStart): void {
    const mesh = this.#mesh;
    const netns = mesh.nodes.get(node)?.namespaces.get(name);
    if (netns === undefined) throw new Error(`docker: ${node} has no namespace ${name}`);
    const swarm = this.#swarm;
    const { version, containers } = swarm.engine(node);
    const owner = (): Container | undefined =>
      [...containers.values()].find((container) => container.sandbox.netns === name);
    const now = this.#now;
    const names: ContainerNames = {
      // A load balancer's namespace has a server, too, and nobody who asks it.
      get networks(): readonly NetworkNames[] {
        const container = owner();
        return container === undefined ? [] : namesOf(swarm, container, now).networks;
      },
    };
    const { failsAloud, doubtsNameErrors } = version;
    const environment = { netns, hostname: node, files: new Map<string, string>(), mesh };
    const resolver = new Resolver({
      environment,
      names,
      udpPort,
      failsAloud,
      doubtsNameErrors,
      servers: () => {
        const own = owner()?.options.dns ?? [];
        return own.length > 0 ? own : swarm.dns;
      },
    });
    const key = `${node} ${name}`;
    // One of that name may have gone with its namespace.
    this.#resolvers.get(key)?.stop();
    this.#resolvers.set(key, resolver);
  }

  stop({ node, netns }: ResolverStart): void {
    const key = `${node} ${netns}`;
    this.#resolvers.get(key)?.stop();
    this.#resolvers.delete(key);
  }
}
