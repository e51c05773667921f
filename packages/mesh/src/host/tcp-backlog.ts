/**
 * What arrives for a TCP socket while a process is in a call on it (sk_backlog; Linux net/ipv4/tcp_ipv4.c, tcp_add_backlog).
 * Acknowledgments behind each other become one, so that the socket learns the last of them at once.
 *
 * Not modelled: a limit to it; data behind data is not merged, which would be seen nowhere.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as tcp from "@hopscope/codec/tcp";
import type { Frame, FramePool } from "../frame.ts";
import type { Recorder } from "../trace/recorder.ts";
import { StepKind } from "../trace/step.ts";
import * as ip from "./ip.ts";
import { before } from "./tcp-sequence.ts";

const { TcpFlag } = tcp;
/** Segments with these stay by themselves. */
const ALONE = TcpFlag.syn | TcpFlag.rst | TcpFlag.urg;

export class TcpBacklog {
  /** Of the frame that was taken last: how many segments it stands for. */
  merged = 1;
  readonly #frames: FramePool;
  readonly #recorder: Recorder;
  readonly #waiting: Frame[] = [];
  /** How many segments each of these stands for. */
  readonly #counts: number[] = [];

  constructor(frames: FramePool, recorder: Recorder) {
    this.#frames = frames;
    this.#recorder = recorder;
  }

  add(frame: Frame): void {
    const tail = this.#waiting.at(-1);
    if (tail !== undefined && this.#merge(tail, frame)) {
      const count = this.#counts.at(-1)! + 1;
      this.#counts[this.#counts.length - 1] = count;
      this.#recorder.step(frame, StepKind.gro, count, 0);
      this.#frames.free(frame);
      return;
    }
    this.#waiting.push(frame);
    this.#counts.push(1);
  }

  take(): Frame | undefined {
    this.merged = this.#counts.shift() ?? 1;
    return this.#waiting.shift();
  }

  /** True if `tail` now says what `frame` says, too. */
  #merge(tail: Frame, frame: Frame): boolean {
    const { view, bytes } = this.#frames;
    const ipAt = frame.start + ethernet.HEADER_LENGTH;
    const at = ip.payloadStart(view, ipAt);
    const dataAt = tcp.payloadStart(view, at);
    if (dataAt !== ip.payloadEnd(view, ipAt, frame.end)) return false;
    const tailIpAt = tail.start + ethernet.HEADER_LENGTH;
    const tailAt = ip.payloadStart(view, tailIpAt);
    const tailDataAt = tcp.payloadStart(view, tailAt);
    const tailLength = ip.payloadEnd(view, tailIpAt, tail.end) - tailDataAt;
    const flags = tcp.flags(view, at);
    const tailFlags = tcp.flags(view, tailAt);
    const tailEnd = (tcp.sequenceInt32(view, tailAt) + tailLength + (tailFlags & TcpFlag.fin)) | 0;
    const isApart =
      tailEnd !== tcp.sequenceInt32(view, at) ||
      ((flags | tailFlags) & ALONE) !== 0 ||
      (flags & tailFlags & TcpFlag.ack) === 0 ||
      ip.tos(view, ipAt) !== ip.tos(view, tailIpAt) ||
      dataAt - at !== tailDataAt - tailAt;
    if (isApart) return false;
    // The same options, also the same millisecond.
    for (let option = tcp.HEADER_LENGTH; option < dataAt - at; option++) {
      if (bytes[at + option] !== bytes[tailAt + option]) return false;
    }
    if (!this.#frames.own(tail)) return false;
    const ownAt = ip.payloadStart(view, tail.start + ethernet.HEADER_LENGTH);
    if (!before(tcp.acknowledgmentInt32(view, at), tcp.acknowledgmentInt32(view, ownAt))) {
      tcp.setAcknowledgment(view, ownAt, tcp.acknowledgmentInt32(view, at));
      tcp.setWindow(view, ownAt, tcp.window(view, at));
    }
    tcp.setFlags(view, ownAt, tailFlags | flags);
    return true;
  }
}
