/** What the printers need to know of a packet. The reader's packets have it; so may packets from anywhere else. */

/** The interface that saw a frame. */
export interface PrintedInterface {
  /** Counts from 0 in the whole file. */
  readonly index: number;
  /** Number of the tcpdump.org registry. */
  readonly linkType: number;
  readonly name: string | undefined;
  /** if_tsresol: 6 is microseconds, 9 nanoseconds, 128 + n is 2^-n seconds. */
  readonly timestampResolution: number;
  /** Bytes of frame check sequence at the end of each frame, if the file says. */
  readonly fcsLength?: number | undefined;
}

/** What was done with a packet. Kind 0: hardware (bytes); 1: Linux TC_ACT_*; 2: Linux xdp_action. */
export interface PrintedVerdict {
  readonly kind: number;
  readonly value: number | bigint | Uint8Array;
}

/** What a pcapng file may say of a packet besides its time, direction and comments. */
export interface PrintedOptions {
  /** epb_flags. */
  readonly flags?: number;
  readonly packetId?: number | bigint;
  /** Packets lost between this one and its interface's last. */
  readonly dropCount?: number | bigint;
  readonly queue?: number;
  readonly verdicts?: readonly PrintedVerdict[];
  /** The end of the options from one on that runs past its block. */
  readonly malformed?: Uint8Array;
}

/** A frame in memory. */
export interface PrintedFrame {
  /** Long-lived view that holds the frame in [start, end). */
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  /** Bytes on the wire: more than `end - start` if the capture cut the frame. */
  readonly wireLength: number;
  readonly interface: PrintedInterface;
  readonly options?: PrintedOptions | undefined;
}

/** A frame with the circumstances of its capture. */
export interface PrintedPacket extends PrintedFrame {
  /** Counts from 1, in the order of the file. */
  readonly number: number;
  /** False if the file gives this packet no time. */
  readonly hasTime: boolean;
  /** Since 1970-01-01 00:00:00 UTC. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
  /** `in` arrives at the interface, `out` leaves it; undefined if the file does not say. */
  readonly direction: "in" | "out" | undefined;
  readonly comments: readonly string[];
}
