/**
 * The keys of a stack file, as `docker stack deploy` knows them (docker/cli cli/compose/schema, versions 3.0 to 3.13),
 * each with what becomes of it here.
 */
import * as v from "valibot";
import { either, type Entries, isMap, list, map, record, type Schema } from "./check.ts";
import { config, ignoredServiceKeys, resources, secret, volume } from "./compose-ignored.ts";
import { isList, isNumber, key, listOfText, listOrMap, orNothing, scalar, textOrList } from "./compose-key.ts";
import {
  healthcheck,
  type HealthCheckFile,
  restartPolicy,
  type RestartPolicyFile,
  updateConfig,
  type UpdateConfigFile,
} from "./compose-rollout.ts";
import { count, duration, integer, oneOf, text, truth } from "./values.ts";

/** Undefined if it is wrong: the others are read all the same. */
type Item<T> = T | undefined;

export interface PlacementFile {
  readonly constraints: readonly Item<string>[] | undefined;
  readonly preferences: readonly Item<{ readonly spread: string | undefined }>[] | undefined;
  readonly max_replicas_per_node: number | undefined;
}

export interface DeployFile {
  readonly mode: "replicated" | "global" | "replicated-job" | "global-job" | undefined;
  readonly replicas: number | undefined;
  readonly endpoint_mode: "vip" | "dnsrr" | undefined;
  readonly placement: PlacementFile | undefined;
  readonly restart_policy: RestartPolicyFile | undefined;
  readonly update_config: UpdateConfigFile | undefined;
  readonly rollback_config: UpdateConfigFile | undefined;
}

export interface ServiceFile {
  readonly image: string | undefined;
  readonly deploy: DeployFile | null | undefined;
  readonly networks: readonly Item<string>[] | Readonly<Record<string, object | null>> | undefined;
  readonly ports: readonly Item<string | number | PortFile>[] | undefined;
  readonly command: string | readonly Item<string>[] | undefined;
  readonly entrypoint: string | readonly Item<string>[] | undefined;
  readonly hostname: string | undefined;
  readonly dns: string | readonly Item<string>[] | undefined;
  readonly healthcheck: HealthCheckFile | undefined;
  readonly stop_grace_period: number | undefined;
}

export interface PortFile {
  readonly mode: "ingress" | "host" | undefined;
  readonly target: number | undefined;
  readonly published: number | undefined;
  readonly protocol: string | undefined;
}

export interface NetworkFile {
  readonly name: string | undefined;
  readonly driver: string | undefined;
  readonly driver_opts: Readonly<Record<string, string | number>> | undefined;
  readonly attachable: boolean | undefined;
  readonly internal: boolean | undefined;
  readonly external: boolean | { readonly name?: string | undefined } | undefined;
  readonly ipam:
    | {
        readonly driver: string | undefined;
        readonly config:
          | readonly Item<{ readonly subnet: string | undefined; readonly gateway: string | undefined }>[]
          | undefined;
      }
    | undefined;
}

/** More tasks than a /8 has addresses cannot run. */
const MAX_REPLICAS = 1_000_000;

const placementKeys = {
  constraints: key(
    listOfText,
    "used",
    "`node.role`, `node.hostname`, `node.ip`, `node.id`, `node.platform.os`, `node.platform.arch`, `node.labels.LABEL`, `engine.labels.LABEL`, each with `==` or `!=`.",
    { default: "none" },
  ),
  preferences: key(
    list(map({ spread: key(text(), "used", "Label over whose values tasks are spread.") })),
    "used",
    "Spreading over the values of labels, before nodes are compared.",
    { default: "none" },
  ),
  max_replicas_per_node: key(count(MAX_REPLICAS), "used", "Limit of tasks of the service on one node; 0: none.", {
    default: "`0`",
  }),
};

const deployKeys = {
  mode: key(
    oneOf("replicated", "global", "replicated-job", "global-job"),
    "used",
    "`global`: one task on each node that the constraints allow. Jobs are taken as the services they resemble.",
    { default: "`replicated`" },
  ),
  replicas: key(count(MAX_REPLICAS), "used", "Number of tasks: `SERVICE.1`, `SERVICE.2` and so on.", {
    default: "`1`",
  }),
  endpoint_mode: key(
    oneOf("vip", "dnsrr"),
    "used",
    "`vip`: the service has a virtual IP in each of its networks. `dnsrr`: it has none.",
    { default: "`vip`" },
  ),
  placement: key(map(placementKeys), "used", "Where tasks may run."),
  labels: key(listOrMap, "quiet", "Labels of the service."),
  resources: key(resources, "quiet", "CPU and memory. Nodes are taken as large enough."),
  restart_policy: key(restartPolicy, "used", "What happens when a task ends."),
  update_config: key(updateConfig, "used", "How updates replace tasks."),
  rollback_config: key(updateConfig, "used", "How rollbacks replace tasks."),
};

const attachmentKeys = {
  aliases: key(listOfText, "used", "Further DNS names of the service in this network."),
  driver_opts: key(record(scalar, "OPTION"), "later", "Options of the endpoint."),
  ipv4_address: key(
    text(),
    "unsupported",
    "Ignored by `docker stack deploy`; pin addresses with the scenario's `addresses`.",
  ),
  ipv6_address: key(text(), "unsupported", "Ignored by `docker stack deploy`."),
};

const portMap: Schema<PortFile> = map({
  mode: key(oneOf("ingress", "host"), "used", "Where the port is published: on every node or on the task's.", {
    default: "`ingress`",
  }),
  target: key(count(65_535), "used", "Port in the task."),
  published: key(count(65_535), "used", "Port on the node."),
  protocol: key(text(), "used", "Protocol of the port.", { default: "`tcp`" }),
});
const portText = "a port such as 80:80, or a map";
const shortPort: Schema<string | number> = either(isNumber, integer(0, 65_535, portText), v.string(portText));

const deploy: Schema<DeployFile | null> = orNothing(map(deployKeys));

const serviceKeys = {
  image: key(text(), "used", "Image of the tasks. None is pulled: `images` says what its containers run."),
  deploy: key(deploy, "used", "How many tasks, and where."),
  networks: key(
    either(isList, listOfText, record(orNothing(map(attachmentKeys)), "NETWORK", "a list of networks, or a map")),
    "used",
    "Networks that the tasks join, sorted by their full name as `docker stack deploy` sorts them: the first is `eth0`.",
    { default: "the network `default`" },
  ),
  ports: key(
    list(either(isMap, portMap, shortPort)),
    "used",
    "Published ports, `[PUBLISHED:]TARGET[/PROTOCOL]` or a map. Without `mode: host` a port is published on every node, through the ingress network.",
    { default: "none" },
  ),
  command: key(textOrList, "used", "What the tasks run, instead of the image's command.", {
    default: "what `images` says of the image",
  }),
  entrypoint: key(textOrList, "used", "Entry point, before the command.", { default: "none" }),
  hostname: key(text(), "used", "Host name inside the tasks.", { default: "the container's short id" }),
  dns: key(textOrList, "used", "DNS servers of the tasks.", { default: "`cluster.dns`" }),
  healthcheck: key(
    healthcheck,
    "used",
    "When a task counts as healthy: until then it has no name and gets no connections of its service.",
    { default: "none: as soon as it runs" },
  ),
  stop_grace_period: key(duration, "used", "From SIGTERM to SIGKILL.", { default: "`10s`" }),
  ...ignoredServiceKeys,
};

/** Refused by docker stack deploy, with its reasons (cli/compose/types, ForbiddenProperties). */
export const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ["extends", "Support for `extends` is not implemented yet."],
  ["volume_driver", "define a volume using the top-level `volumes` option and specify the driver there"],
  [
    "volumes_from",
    "define a volume using the top-level `volumes` option and reference it from each service that shares it",
  ],
  ...["cpu_quota", "cpu_shares", "cpuset", "mem_limit", "memswap_limit"].map(
    (name) => [name, "Set resource limits using deploy.resources"] as const,
  ),
]);

/** Driver options that mean something here; others are named in a warning. */
export const ENCRYPTED_OPTION = "encrypted";
export const DSR_OPTION = "dsr";
export const MTU_OPTION = "com.docker.network.driver.mtu";
export const VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list";

const networkKeys = {
  name: key(text(), "used", "The network's full name, instead of the one made from the stack's name."),
  driver: key(text(), "used", "Only networks of the swarm can be used by services, so `overlay`.", {
    default: "`overlay`",
  }),
  driver_opts: key(
    record(scalar, "OPTION"),
    "used",
    `\`${MTU_OPTION}\`: MTU of the underlay as the driver is to believe it, tasks get 50 bytes less; \`${VNI_OPTION}\`: the VNI, or one for each subnet (\`4097,4098\`); \`${ENCRYPTED_OPTION}\`: packets between nodes are encrypted (IPsec), tasks get 26 bytes less; \`${DSR_OPTION}\`: tasks answer by themselves what is balanced among them (direct server return). Others are not modelled yet.`,
    { default: "MTU `1500`, VNI the next free one from 4097 on" },
  ),
  attachable: key(truth, "used", "Plain containers may join.", { default: "`false`" }),
  internal: key(truth, "used", "No way out of the network.", { default: "`false`" }),
  external: key(
    either((value) => isMap(value), map({ name: key(text(), "used", "Its name.") }), truth),
    "used",
    "The network was made before the stack; it is taken as an attachable overlay, with what else is written here.",
    { default: "`false`" },
  ),
  ipam: key(
    map({
      driver: key(text(), "used", "`default` only.", { default: "`default`" }),
      config: key(
        list(
          map({
            subnet: key(text(), "used", "The network's subnet.", {
              default: "the next free /24 of 10.0.0.0/8 from 10.0.1.0/24 on",
            }),
            gateway: key(
              text(),
              "used",
              "Its gateway (`docker network create --gateway`; `docker stack deploy` refuses the key, so a warning says so).",
              { default: "the subnet's first address" },
            ),
          }),
        ),
        "used",
        "Subnets. Of several, each has a bridge and a VXLAN device of its own, and addresses come from the first with room.",
      ),
    }),
    "used",
    "Addresses.",
  ),
  labels: key(listOrMap, "quiet", "Labels of the network."),
};

export const service: Schema<ServiceFile> = map(serviceKeys);
export const network: Schema<NetworkFile | null> = orNothing(map(networkKeys));

export const version: Schema<string> = text('the version as text such as "3.8", in quotes', "text");

export const composeEntries: Entries = {
  version: key(version, "used", "Version of the format, 3.0 to 3.13, in quotes.", { default: '`"3.13"`' }),
  services: key(record(service, "SERVICE"), "used", "The services."),
  networks: key(record(network, "NETWORK"), "used", "The networks. One that no service uses is not made."),
  volumes: key(record(orNothing(volume), "VOLUME"), "quiet", "Volumes."),
  secrets: key(record(secret, "SECRET"), "quiet", "Secrets."),
  configs: key(record(config, "CONFIG"), "quiet", "Configurations."),
};
