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
  exec: 60_000_000,
  /** The same of a command that a shell on the machine starts. */
  shell: 5_000_000,
} as const;
