/** One machine: a kernel with its CPU and its network namespaces. What all its parts need is found here. */
import type { FramePool } from "./frame.ts";
import { IpIdentification } from "./host/ip-identification.ts";
import type { IptablesRelease } from "./netfilter/iptables.ts";
import type { Netns } from "./netns.ts";
import type { Process } from "./program/process.ts";
import { Pace } from "./sim/pace.ts";
import { Random } from "./sim/random.ts";
import type { Simulator } from "./sim/simulator.ts";
import { Softnet } from "./sim/softnet.ts";
import type { Recorder } from "./trace/recorder.ts";
import type { AeadMaker } from "./xfrm/aead.ts";

export class Node {
  readonly name: string;
  readonly simulator: Simulator;
  readonly frames: FramePool;
  readonly recorder: Recorder;
  /** What this kernel draws by chance: identifications, reachable times. */
  readonly random: Random;
  /** This kernel's secret for hashing flows into VXLAN source ports. */
  readonly hashSeed: number;
  /** What its sockets draw by chance: ports, sequence numbers. */
  readonly socketRandom: Random;
  /** The iptables that its rules are written with. */
  iptables: IptablesRelease = "1.8.9";
  /** The cipher of its security associations; undefined: it was given none. */
  aead: AeadMaker | undefined = undefined;
  /** Its kernel has IPVS (CONFIG_IP_VS). */
  hasIpvs = true;
  readonly identification: IpIdentification;
  readonly softnet: Softnet;
  readonly namespaces: Map<string, Netns> = new Map();
  /** Those that have not ended. */
  readonly processes: Set<Process> = new Set();
  /** What a run has set where chance would decide how long something takes. */
  pace: Pace = new Pace();

  /** `softnet`: the CPU, its own unless several nodes share one, as namespaces of one kernel do. */
  constructor(
    name: string,
    simulator: Simulator,
    frames: FramePool,
    recorder: Recorder,
    random: Random,
    softnet: Softnet = new Softnet(),
  ) {
    this.name = name;
    this.simulator = simulator;
    this.frames = frames;
    this.recorder = recorder;
    this.random = random;
    this.softnet = softnet;
    this.hashSeed = random.int32();
    this.socketRandom = new Random(this.hashSeed, "sockets");
    this.identification = new IpIdentification(random);
  }

  /** The namespace that the machine was born with. */
  get host(): Netns | undefined {
    return this.namespaces.get("host");
  }
}
