/** What is unusual or wrong about a frame, in words: `; bad UDP checksum; cut to 96 of 1408 bytes`. */
import { ChecksumStatus, LayerKind, type Layers, Status } from "@hopscope/codec";
import * as ipv4 from "@hopscope/codec/ipv4";
import { errorOf, titleOf } from "@hopscope/codec/protocols";
import { checksumOf } from "@hopscope/codec/verify";
import { frameCheck } from "./fcs.ts";
import type { PrintedFrame } from "./printed.ts";
import type { Style } from "./style.ts";

/** "" for an ordinary frame. */
export function notes(packet: PrintedFrame, layers: Layers, style: Style): string {
  const view = packet.view;
  let text = "";
  let isOffloaded = false;
  for (let index = 0; index < layers.count; index++) {
    const status = checksumOf(view, layers, index);
    if (status === ChecksumStatus.partial) isOffloaded = true;
    else if (status === ChecksumStatus.invalid) {
      text += `; ${style.warning(`bad ${place(layers, index)}${titleOf(layers.kind(index))} checksum`)}`;
    }
  }
  if (isOffloaded) text += `; ${style.notice("checksum offloaded")}`;
  for (let index = 0; index < layers.count; index++) {
    if (layers.kind(index) === LayerKind.ipv4 && ipv4.totalLength(view, layers.start(index)) === 0) {
      text += `; ${style.notice("length offloaded (TSO)")}`;
    }
  }
  const captured = packet.end - packet.start;
  const isCut = captured < packet.wireLength;
  if (isCut) text += `; ${style.notice(`cut to ${captured} of ${packet.wireLength} bytes`)}`;
  if (frameCheck(packet)?.checksum === "invalid") text += `; ${style.warning("bad frame check sequence")}`;
  const malformed = packet.options?.malformed;
  if (malformed !== undefined) {
    text += `; ${style.warning(`malformed packet options: the one in the last ${malformed.length} bytes runs past the block`)}`;
  }
  // A cut capture explains why a layer is not all there; any other stop is the frame's own fault.
  if (layers.status === Status.ok || (isCut && layers.status === Status.truncated && layers.stopLimit === "capture")) {
    return text;
  }
  return `${text}; ${style.warning(errorOf(packet.view, packet.start, layers)!.message)}`;
}

/** `outer ` if the layer belongs to a tunnel, `quoted ` if to the packet inside an ICMP error. */
function place(layers: Layers, index: number): string {
  if (layers.quoteIndex >= 0 && index >= layers.quoteIndex) return "quoted ";
  const tunnel = layers.find(LayerKind.vxlan, index);
  return tunnel >= 0 && (layers.quoteIndex < 0 || tunnel < layers.quoteIndex) ? "outer " : "";
}
