/**
 * The routing mesh on a node itself (libnetwork service_linux.go: programIngress, addIngressPorts, filterPortConfigs,
 * plumbProxy): each published port leads to ingress_sbox, and dockerd keeps the port with a socket that nobody reads.
 *
 * Not modelled: the socket of an SCTP port.
 */
import type { Engine } from "./engine.ts";
import type { BridgeNetwork } from "./network.ts";
import type { Sandbox } from "./sandbox.ts";
import type { IngressPort } from "./task-rules.ts";

const HOST = "host";

export class Ingress {
  readonly #engine: Engine;
  /** How many load balancers need the port. */
  readonly #users = new Map<string, number>();
  #isStarted = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A service with these ports is balanced in `sandbox`, which is ingress_sbox. */
  add(sandbox: Sandbox, ports: readonly IngressPort[]): void {
    const engine = this.#engine;
    const gateway = sandbox.endpoints.find(({ isGateway }) => isGateway);
    if (gateway === undefined) return;
    const program = engine.program(HOST);
    const { ingress } = engine.firewall;
    if ("device" in gateway.network && (!this.#isStarted || !engine.host.isImmediate)) this.#start(gateway.network);
    for (const port of ports) {
      const users = this.#users.get(keyOf(port)) ?? 0;
      this.#users.set(keyOf(port), users + 1);
      if (users > 0) continue;
      ingress.program(port, gateway.ip, true, program);
      this.#listen("listener-add", port);
    }
  }

  remove(sandbox: Sandbox, ports: readonly IngressPort[]): void {
    const engine = this.#engine;
    const gateway = sandbox.endpoints.find(({ isGateway }) => isGateway);
    if (gateway === undefined) return;
    for (const port of ports) {
      const users = this.#users.get(keyOf(port)) ?? 0;
      if (users > 1) this.#users.set(keyOf(port), users - 1);
      if (users !== 1) continue;
      this.#users.delete(keyOf(port));
      engine.firewall.ingress.program(port, gateway.ip, false, engine.program(HOST));
      this.#listen("listener-delete", port);
    }
  }

  /** True if dockerd holds the port with a socket of its own. */
  holds(protocol: string, published: number): boolean {
    for (const key of this.#users.keys()) if (key.startsWith(`${protocol}/${published}/`)) return true;
    return false;
  }

  #start({ device }: BridgeNetwork): void {
    const engine = this.#engine;
    this.#isStarted = true;
    engine.firewall.ingress.start(device, engine.program(HOST));
    const key = `net.ipv4.conf.${device}.route_localnet` as const;
    engine.ask({ kind: "sysctl", node: engine.name, netns: HOST, key, value: 1 });
  }

  #listen(kind: "listener-add" | "listener-delete", { protocol, published }: IngressPort): void {
    if (protocol === "sctp") return;
    this.#engine.ask({ kind, node: this.#engine.name, protocol, port: published });
  }
}

function keyOf({ protocol, published, target }: IngressPort): string {
  return `${protocol}/${published}/${target}`;
}
