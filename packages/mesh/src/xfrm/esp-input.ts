/**
 * The way in of ESP (Linux net/xfrm/xfrm_input.c, xfrm_input; net/ipv4/esp4.c, esp_input; net/ipv4/xfrm4_input.c,
 * xfrm4_transport_finish): decrypted in place, then it is a packet with the payload's own protocol that begins anew at
 * the prerouting hooks, and remembers what it came by (skb's security path, `-m policy --pol ipsec`).
 *
 * Sequence numbers are not looked at: Docker asks for no replay window. Not modelled: NAT traversal, tunnel mode; that the
 * kernel goes on with a packet only after all that have arrived with it are decrypted (xfrm_trans_queue).
 */
import * as esp from "@hopscope/codec/esp";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Status } from "@hopscope/codec/status";
import { Checksum, type Frame } from "../frame.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { XfrmState } from "./state.ts";
import { xfrmOf } from "./xfrm.ts";

const IN_FRONT: number = esp.HEADER_LENGTH + esp.IV_LENGTH;
/** "No next header": a dummy packet (RFC 4303 §2.6). */
const NO_NEXT_HEADER = 59;

/** Linux xfrm_input. True if the frame is now the packet that was inside; else it was dropped. */
export function xfrmInput(netns: Netns, frame: Frame, ipAt: number): boolean {
  const { frames, recorder, softnet } = netns.node;
  const { view } = frames;
  const xfrm = xfrmOf(netns);
  const at = ipv4.payloadStart(view, ipAt);
  const fail = (reason: DropReason): false => {
    xfrm.drop(frame, reason);
    return false;
  };
  if (esp.check(view, at, frame.end) !== Status.ok) return fail(DropReason.XfrmInHdrError);
  const spi = esp.spi(view, at);
  const state = xfrm.states.find(ipv4.dstIp(view, ipAt), spi);
  if (state === undefined) {
    recorder.step(frame, StepKind.espUnknown, spi, 0);
    return fail(DropReason.XfrmInNoStates);
  }
  const sequence = esp.sequence(view, at);
  if (!frames.own(frame)) return fail(DropReason.NOMEM);
  const length = espInput(netns, frame, state);
  if (length < 0) return fail(DropReason.XfrmInStateProtoError);
  state.count(length, softnet.now);
  frame.secpath = state;
  frame.ct = undefined;
  frame.ctInfo = 0;
  frame.fragMaxSize = 0;
  frame.pieces = undefined;
  frame.csum = Checksum.complete;
  recorder.step(frame, StepKind.espDecrypt, spi, sequence);
  return true;
}

/** Linux esp_input: the packet inside, in the frame itself, which is the caller's own. Its payload's length, or -1. */
export function espInput(netns: Netns, frame: Frame, state: XfrmState): number {
  const { frames } = netns.node;
  const { view, bytes } = frames;
  const { start, end } = frame;
  const ipAt = start + ethernet.HEADER_LENGTH;
  const headerLength = ipv4.headerLength(view, ipAt);
  const at = ipAt + headerLength;
  const dataAt = at + IN_FRONT;
  const icvAt = esp.icvStart(end, state.icvLength);
  if (icvAt <= dataAt) return -1;
  esp.setNonce(state.nonceView, state.salt, view, at);
  if (!state.aead.open(bytes, at, dataAt, icvAt, state.nonce)) {
    state.integrityFailed++;
    return -1;
  }
  if (esp.checkTrailer(view, at, end, esp.IV_LENGTH, state.icvLength) !== Status.ok) return -1;
  const protocol = esp.nextHeader(view, end, state.icvLength);
  if (protocol === NO_NEXT_HEADER) return -1;
  const dataEnd = esp.dataEnd(view, end, state.icvLength);
  bytes.copyWithin(start + IN_FRONT, start, at);
  frames.pull(frame, IN_FRONT);
  frames.resize(frame, dataEnd - frame.start);
  const innerAt = frame.start + ethernet.HEADER_LENGTH;
  ipv4.setProtocol(view, innerAt, protocol);
  ipv4.setTotalLength(view, innerAt, dataEnd - innerAt);
  ipv4.fillChecksum(view, innerAt);
  return dataEnd - dataAt;
}
