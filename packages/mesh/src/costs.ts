/**
 * How long a step of the data path takes, in nanoseconds. Rounded medians of the distances between neighboring taps in
 * recordings of a real swarm, on the way that a ping takes between two nodes. They make a trace's times plausible and
 * keep its order; they promise nothing about a machine.
 */
export const Cost = {
  /** From one end of a veth pair to the other. */
  veth: 3_000,
  /** To take the next frame from the backlog. */
  backlog: 1_000,
  /** From a neighbor's answer to the packet that waited for it. */
  release: 3_000,
  /** From a bridge port in to a port out, and from one flooded copy to the next. */
  bridge: 4_000,
  /** From vxlan0 out to the node's own interface out: FDB, route, headers. */
  encapsulate: 12_000,
  /** From the node's interface in to vxlan0 in: IP, UDP, headers off. */
  decapsulate: 19_000,
  /** From a frame in to the answer out in a host's stack. */
  stack: 12_000,
  /** From what a process waits for to its next system call. */
  wakeUp: 20_000,
  /** From `docker exec` to the first system call of the program. */
  exec: 80_000_000,
  /** From the end of the program to the end of `docker exec`. */
  execEnd: 15_000_000,
  /** The same of a command that a shell on the machine starts. */
  shell: 5_000_000,
} as const;

/**
 * How long a Docker engine takes for the steps of its operations, in nanoseconds: about what recordings show between a
 * command and what it makes. As plausible, and as little a promise, as the costs above.
 */
export const DockerCost = {
  /** From a request to the engine until it begins. */
  request: 10_000_000,
  /** `docker create`: files, layers, the container's record. */
  create: 130_000_000,
  /** A manager gives a container on a worker its place in an overlay. */
  attach: 225_000_000,
  /** From an overlay's bridge to its vxlan device. */
  vxlan: 30_000_000,
  /** From the vxlan device to the load balancer's endpoint. */
  loadBalancer: 100_000_000,
  /** From the making of a load balancer's namespace to its interface. */
  loadBalancerUp: 60_000_000,
  /** From the network's part to the first process, or the other way round. */
  start: 430_000_000,
  /** From a container's interface to its way out by docker_gwbridge. */
  gateway: 28_000_000,
  /** From the end of a container's process to the end of its interfaces. */
  release: 80_000_000,
  /** `docker rm`: what is left to do without the network. */
  remove: 60_000_000,
  /** From a change of a service to its tasks being placed. */
  orchestrate: 150_000_000,
  /** From there to the node's engine. */
  dispatch: 100_000_000,
  /** From one task that a node is given to the next. */
  stagger: 40_000_000,
  /** From the end of a task's container until the manager knows. */
  report: 900_000_000,
  /** A health check: a program that is started in a container, and ends. */
  check: 100_000_000,
  /** Between the end of a service's name in DNS and the signal to its task (a constant of the engine). */
  deactivate: 2_000_000_000,
  /** From SIGTERM to SIGKILL, unless the service says otherwise. */
  grace: 10_000_000_000,
  /** From power on until the engine runs. A machine takes as long as it takes. */
  boot: 10_000_000_000,
  /** Before a failed task is started again. */
  restart: 5_000_000_000,
} as const;
