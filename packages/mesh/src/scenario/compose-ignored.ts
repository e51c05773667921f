/**
 * Keys of a stack file that have no effect here: not modelled yet, without effect on packets, or ignored by docker
 * stack deploy itself. Their values are checked all the same, as it checks them.
 */
import * as v from "valibot";
import { either, type Entries, isMap, isText, list, map, record, type Schema } from "./check.ts";
import { isNumber, key, listOfText, listOrMap, orNothing, plain, scalar, someMap, textOrList } from "./compose-key.ts";
import { integer, text, truth } from "./values.ts";

const number: Schema<number> = v.number("a number");
const whole: Schema<number> = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, "a whole number");
const options: Schema = record(scalar, "OPTION");

export const resources: Schema = plain({
  limits: plain({ cpus: text(), memory: text(), pids: whole }),
  reservations: plain({
    cpus: text(),
    memory: text(),
    generic_resources: list(plain({ discrete_resource_spec: plain({ kind: text(), value: number }) })),
  }),
});

const external: Schema = either(isMap, plain({ name: text() }), truth);

export const volume: Schema = withExtensions({
  name: text(),
  driver: text(),
  driver_opts: options,
  external,
  labels: listOrMap,
});

const file: Entries = {
  name: text(),
  file: text(),
  external: either(isMap, someMap, truth),
  labels: listOrMap,
  template_driver: text(),
};

export const config: Schema = withExtensions(file);
export const secret: Schema = withExtensions({ ...file, driver: text(), driver_opts: options });

/** Keys that begin with `x-` are anybody's. */
function withExtensions(entries: Entries): Schema {
  const own = (found: unknown): unknown =>
    isMap(found) ? Object.fromEntries(Object.entries(found).filter(([name]) => !name.startsWith("x-"))) : found;
  return v.pipe(v.unknown(), v.transform(own), plain(entries));
}

const logging: Schema = plain({
  driver: text(),
  options: record(orNothing(scalar), "OPTION"),
});

/** A config or secret in a service: its name, or where to put it. Further keys are let pass, as docker does. */
const mountedFile: Schema = either(isText, text(), someMap);

const mount: Schema = either(
  isText,
  text("text or a map"),
  v.pipe(
    plain({
      type: text(),
      source: text(),
      target: text(),
      read_only: truth,
      consistency: text(),
      bind: someMap,
      volume: someMap,
      tmpfs: someMap,
    }),
    v.check((found) => !isMap(found) || found["type"] !== undefined, 'a map with the key "type"'),
  ),
);

const ulimit: Schema = either(isMap, map({ soft: whole, hard: whole }), whole);

export const ignoredServiceKeys: Entries = {
  dns_search: key(textOrList, "later", "DNS search domains."),
  extra_hosts: key(listOrMap, "later", "Entries of `/etc/hosts`."),
  sysctls: key(listOrMap, "later", "Kernel parameters of the tasks' namespaces."),

  cap_add: key(listOfText, "quiet", "Capabilities."),
  cap_drop: key(listOfText, "quiet", "Capabilities."),
  configs: key(list(mountedFile), "quiet", "Configuration files."),
  credential_spec: key(plain({ config: text(), file: text(), registry: text() }), "quiet", "Windows credentials."),
  depends_on: key(listOfText, "quiet", "Ignored in a swarm: all services start at once."),
  env_file: key(textOrList, "quiet", "Environment of the tasks. The file is not read."),
  environment: key(listOrMap, "quiet", "Environment of the tasks."),
  group_add: key(list(scalar), "quiet", "Groups of the user."),
  init: key(truth, "quiet", "An init process in the tasks."),
  isolation: key(text(), "quiet", "Windows isolation."),
  labels: key(listOrMap, "quiet", "Labels of the containers."),
  logging: key(logging, "quiet", "Log driver."),
  oom_score_adj: key(whole, "quiet", "Order of kills when memory is short."),
  read_only: key(truth, "quiet", "Read-only root file system."),
  secrets: key(list(mountedFile), "quiet", "Secret files."),
  stdin_open: key(truth, "quiet", "Standard input."),
  stop_signal: key(text(), "quiet", "Signal that stops a task."),
  tmpfs: key(textOrList, "quiet", "File systems in memory."),
  tty: key(truth, "quiet", "Terminal."),
  ulimits: key(record(ulimit, "LIMIT"), "quiet", "Process limits."),
  user: key(text(), "quiet", "User of the tasks."),
  volumes: key(list(mount), "quiet", "Mounts."),
  working_dir: key(text(), "quiet", "Directory of the command."),

  build: key(
    either(isMap, someMap, text("text or a map")),
    "unsupported",
    "Images are built before they are deployed.",
  ),
  cgroup_parent: key(text(), "unsupported", "Parent control group."),
  cgroupns_mode: key(text(), "unsupported", "Control group namespace."),
  devices: key(listOfText, "unsupported", "Devices."),
  domainname: key(text(), "unsupported", "Domain name."),
  external_links: key(listOfText, "unsupported", "Links of `docker run`."),
  ipc: key(text(), "unsupported", "IPC namespace."),
  links: key(listOfText, "unsupported", "Links of `docker run`."),
  mac_address: key(text(), "unsupported", "A swarm makes the MAC address of the IP address."),
  network_mode: key(text(), "unsupported", "Network of `docker run`."),
  pid: key(orNothing(text()), "unsupported", "PID namespace."),
  privileged: key(truth, "unsupported", "All capabilities."),
  restart: key(text(), "unsupported", "Restart policy of `docker run`."),
  security_opt: key(listOfText, "unsupported", "Security options."),
  shm_size: key(text(), "unsupported", "Shared memory."),
  userns_mode: key(text(), "unsupported", "User namespace."),

  container_name: key(text(), "deprecated", "Setting the container name is not supported."),
  expose: key(
    list(either(isNumber, number, text("text or a number"))),
    "deprecated",
    "Exposing ports is unnecessary - services on the same network can access each other's containers on any port.",
  ),
};
