/** What a line of `run.setup` or `run.steps` says. */
import type { Position } from "./scenario.ts";

interface StepBase {
  readonly position: Position;
  /** As it is written. */
  readonly text: string;
  /** `&` at the end: the next step does not wait for it. */
  readonly background: boolean;
}

/** A command line, and where it runs. */
export type CommandStep = StepBase &
  (
    | { readonly kind: "exec" /** Task or container. */; readonly container: string; readonly argv: readonly string[] }
    /** A shell on a machine: a node of the swarm or one beside it. */
    | { readonly kind: "on"; readonly machine: string; readonly argv: readonly string[] }
    | { readonly kind: "netns"; readonly node: string; readonly namespace: string; readonly argv: readonly string[] }
  );

export type Step =
  | CommandStep
  /** Prints what a command would print, but takes no time and changes nothing. */
  | (StepBase & {
      readonly kind: "inspect";
      readonly node: string;
      readonly namespace: string;
      readonly argv: readonly string[];
    })
  | (StepBase & { readonly kind: "sleep"; readonly durationNs: number })
  /** How long programs pause from now on where they do what the name tells (sim/pace.ts). */
  | (StepBase & { readonly kind: "pace"; readonly name: string; readonly durationNs: number })
  /** From now on programs pause as long as they usually do. */
  | (StepBase & { readonly kind: "pace-usual" })
  /** Until everything in the background has ended. */
  | (StepBase & { readonly kind: "wait" })
  | (StepBase & ReplayStep)
  | (StepBase & FaultStep);

/** A device in a namespace of a node. */
export interface DevicePlace {
  readonly node: string;
  readonly namespace: string;
  readonly device: string;
}

export interface ReplayStep {
  readonly kind: "replay";
  /** Path of a pcap or pcapng file, from where the scenario file's own path begins. */
  readonly file: string;
  /** Interface name in a pcapng file whose frames are meant; undefined: all. */
  readonly from: string | undefined;
  /** Frames of that direction only, as the file says it; undefined: all. */
  readonly only: "in" | "out" | undefined;
  readonly at: DevicePlace;
  /** `out`: as if the namespace had sent them; `in`: as if they arrived. */
  readonly as: "in" | "out";
  /** 2: twice as fast as recorded. Infinity: at once. */
  readonly speed: number;
}

export interface FaultStep {
  readonly kind: "fault";
  readonly fault: Fault;
}

/** Something goes wrong on purpose. */
export type Fault =
  | {
      readonly kind: "link";
      readonly machine: string;
      readonly change: LinkChange;
      /** What the machine gets, or sends; undefined: both. */
      readonly direction: "in" | "out" | undefined;
      /** The cable is pulled out (false) or put back in; undefined: neither. */
      readonly up: boolean | undefined;
    }
  | { readonly kind: "node"; readonly node: string; readonly lost: boolean }
  | { readonly kind: "block"; readonly machine: string; readonly filter: PacketFilter }
  | { readonly kind: "fdb"; readonly place: NamespacePlace; readonly mac: number; readonly vtep: number | undefined }
  | { readonly kind: "neighbor"; readonly place: NamespacePlace; readonly ip: number; readonly mac: number | undefined }
  | { readonly kind: "checksum"; readonly machine: string; readonly which: "inner" | "outer" }
  /** The node's encrypted overlays: their packets are not marked, or its SPIs are another release's. */
  | { readonly kind: "encryption"; readonly node: string; readonly what: "unmarked" | "spi" }
  /** All faults end, or those of one machine. */
  | { readonly kind: "clear"; readonly machine: string | undefined };

export interface NamespacePlace {
  readonly node: string;
  readonly namespace: string;
}

/** What is not here stays as it is. */
export interface LinkChange {
  readonly latencyNs?: number;
  readonly rate?: number;
  readonly loss?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  /** The cable carries no longer IP packets, and tells nobody: an MTU lowered somewhere on the way. */
  readonly mtu?: number;
  /** Which of the frames from now on get lost: 1 is the next one of that direction. */
  readonly drop?: readonly number[];
}

/** Frames of a machine's interface, by what is in the outermost IPv4 packet. What is not given is anything. */
export interface PacketFilter {
  readonly direction?: "in" | "out";
  readonly protocol?: number;
  readonly srcIp?: AddressRange;
  readonly dstIp?: AddressRange;
  readonly srcPort?: PortRange;
  readonly dstPort?: PortRange;
}

export interface AddressRange {
  readonly address: number;
  readonly prefixLength: number;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}
