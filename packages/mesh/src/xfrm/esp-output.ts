/**
 * The way out of what is to be encrypted (Linux net/ipv4/xfrm4_output.c; net/xfrm/xfrm_output.c, xfrm_output and
 * xfrm_output_one; net/ipv4/esp4.c, esp_output): after the postrouting hooks have seen the packet as it is, ESP comes
 * between its IPv4 header and its payload, and as a packet of protocol 50 it goes through the output hooks again. A
 * super-frame is cut first: each segment is a packet of its own. The IPv4 header stays but for protocol and length, so
 * that only what is outside is ever cut into fragments.
 *
 * Not modelled: offload to a device, tunnel mode, padding against traffic analysis.
 */
import { IpProtocol } from "@hopscope/codec/code-points";
import * as esp from "@hopscope/codec/esp";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { Checksum, type Frame } from "../frame.ts";
import { checksumHelp } from "../host/checksum-help.ts";
import { segment } from "../host/gso.ts";
import { localOut, SendError } from "../host/ip-output.ts";
import type { Netns } from "../netns.ts";
import { DropReason } from "../trace/drop-reason.ts";
import { StepKind } from "../trace/step.ts";
import type { XfrmState } from "./state.ts";
import { type XfrmBundle, xfrmOf } from "./xfrm.ts";

const MAX_LENGTH = 0xffff;
/** ESP's header and the IV stand between the IPv4 header and the data. */
const IN_FRONT: number = esp.HEADER_LENGTH + esp.IV_LENGTH;

/** Linux xfrm_output. Takes the frame. */
export function xfrmOutput(netns: Netns, frame: Frame, bundle: XfrmBundle): SendError {
  if (frame.gsoSize === 0) return transform(netns, frame, bundle);
  let error: SendError = SendError.none;
  segment(netns, frame, (part) => {
    const result = transform(netns, part, bundle);
    if (result !== SendError.none) error = result;
  });
  return error;
}

/** Linux xfrm_output_one and xfrm_output_resume. */
function transform(netns: Netns, frame: Frame, { state, child }: XfrmBundle): SendError {
  const reason = espOutput(netns, frame, state);
  if (reason !== undefined) {
    xfrmOf(netns).drop(frame, reason);
    return SendError.noBufferSpace;
  }
  frame.ct = undefined;
  frame.ctInfo = 0;
  return localOut(netns, frame, child);
}

/** Linux esp_output: the packet as it leaves, in the frame itself. Answers why that cannot be. */
export function espOutput(netns: Netns, frame: Frame, state: XfrmState): DropReason | undefined {
  const { frames, recorder, softnet } = netns.node;
  const { view, bytes } = frames;
  if (state.isDead) return DropReason.XfrmOutStateInvalid;
  const before = frame.start + ethernet.HEADER_LENGTH;
  const headerLength = ipv4.headerLength(view, before);
  const dataLength = ipv4.totalLength(view, before) - headerLength;
  const padding = esp.paddingFor(dataLength);
  const length = headerLength + esp.encapsulatedLength(dataLength, esp.IV_LENGTH, state.icvLength);
  if (length > MAX_LENGTH || !frames.expand(frame, ethernet.HEADER_LENGTH + length)) return DropReason.XfrmOutError;
  // The checksum inside is nobody's any more once it is encrypted (skb_checksum_help).
  if (frame.csum === Checksum.partial) checksumHelp(frames, frame);
  const sequence = state.nextSequence();
  if (sequence === 0) return DropReason.XfrmOutStateSeqError;
  const protocol = ipv4.protocol(view, frame.start + ethernet.HEADER_LENGTH);
  const { start } = frame;
  if (!frames.push(frame, IN_FRONT)) return DropReason.XfrmOutError;
  bytes.copyWithin(frame.start, start, start + ethernet.HEADER_LENGTH + headerLength);
  const ipAt = frame.start + ethernet.HEADER_LENGTH;
  const at = ipAt + headerLength;
  const dataAt = at + IN_FRONT;
  esp.setSpi(view, at, state.spi);
  esp.setSequence(view, at, sequence);
  esp.setIv(view, at, state.ivHigh, (state.ivLow ^ sequence) >>> 0);
  const icvAt = esp.setTrailer(view, dataAt + dataLength, padding, protocol);
  frames.resize(frame, icvAt + state.icvLength - frame.start);
  esp.setNonce(state.nonceView, state.salt, view, at);
  state.aead.seal(bytes, at, dataAt, icvAt, state.nonce);
  ipv4.setTotalLength(view, ipAt, length);
  ipv4.setProtocol(view, ipAt, IpProtocol.esp);
  ipv4.fillChecksum(view, ipAt);
  frame.innerOffset = 0;
  state.count(dataLength, softnet.now);
  recorder.step(frame, StepKind.espEncrypt, state.spi, sequence);
  return undefined;
}
