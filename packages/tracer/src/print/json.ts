/**
 * A packet as one JSON object on one line; docs/decode-json.md describes it. The time is text, because a number cannot
 * hold nanoseconds since 1970; addresses are text; offsets count from the start of the frame.
 */
import { checksumStatusName, type DecodeError, layerName, type Layers } from "@hopscope/codec";
import { errorOf, protocolOf } from "@hopscope/codec/protocols";
import { checksumOf } from "@hopscope/codec/verify";
import { formatSeconds } from "../timestamp.ts";
import { type FrameCheck, frameCheck } from "./fcs.ts";
import type { PrintedOptions, PrintedPacket } from "./printed.ts";
import { hexBytes, type JsonValue, jsonObject, jsonValue } from "./value.ts";

export interface JsonLayer {
  readonly protocol: string;
  readonly start: number;
  readonly end: number;
  /** Present for protocols that have a checksum: `valid`, `invalid`, `absent`, `partial`, `notVerified`. */
  readonly checksum?: string;
  /** True from the first layer on that an ICMP error quotes. */
  readonly quoted?: true;
  /** The protocol's plain value. */
  readonly fields: { readonly [name: string]: JsonValue };
}

export interface JsonPacket {
  readonly number: number;
  /** Seconds since 1970 as an exact decimal, `"1795232715.795782355"`; null if the file gives this packet no time. */
  readonly time: string | null;
  readonly interfaceId: number;
  readonly interface?: string;
  readonly direction?: "in" | "out";
  readonly capturedLength: number;
  readonly wireLength: number;
  readonly linkType: number;
  /** pcapng's epb_packetid: the same for all packets of a file that are one packet; text if it is beyond 2^53. */
  readonly packetId?: JsonValue;
  /** pcapng's epb_dropcount: packets lost between this one and its interface's last; text if it is beyond 2^53. */
  readonly dropCount?: JsonValue;
  /** pcapng's epb_queue. */
  readonly queue?: number;
  /** pcapng's epb_verdict: objects of `kind` (0 hardware, 1 Linux TC, 2 Linux XDP) and `value`. */
  readonly verdicts?: JsonValue;
  /** Hexadecimal: the packet's options from one on that runs past their block. */
  readonly malformedOptions?: string;
  /** Several comments are joined by a line feed. */
  readonly comment?: string;
  readonly layers: readonly JsonLayer[];
  /** Bytes inside the innermost layer that nothing here reads; absent if there are none. */
  readonly payload?: { readonly start: number; readonly end: number };
  /** The frame check sequence behind the frame, if the file says that there is one. */
  readonly fcs?: FrameCheck;
  readonly error?: DecodeError;
}

/** The object of one packet; `layers` was filled from it. */
export function packetJson(packet: PrintedPacket, layers: Layers): JsonPacket {
  const error = errorOf(packet.view, packet.start, layers);
  const fcs = frameCheck(packet);
  return {
    number: packet.number,
    time: packet.hasTime ? formatSeconds(packet.seconds, packet.nanoseconds) : null,
    interfaceId: packet.interface.index,
    ...(packet.interface.name === undefined ? {} : { interface: packet.interface.name }),
    ...(packet.direction === undefined ? {} : { direction: packet.direction }),
    capturedLength: packet.end - packet.start,
    wireLength: packet.wireLength,
    linkType: packet.interface.linkType,
    ...optionsJson(packet.options),
    ...(packet.comments.length === 0 ? {} : { comment: packet.comments.join("\n") }),
    layers: Array.from({ length: layers.count }, (_, index) => layerJson(packet, layers, index)),
    ...(layers.payloadEnd > layers.payloadStart ? { payload: payloadJson(packet, layers) } : {}),
    ...(fcs === undefined ? {} : { fcs }),
    ...(error === undefined ? {} : { error }),
  };
}

type OptionsJson = Pick<JsonPacket, "packetId" | "dropCount" | "queue" | "verdicts" | "malformedOptions">;

function optionsJson(options: PrintedOptions | undefined): OptionsJson {
  if (options === undefined) return {};
  const { packetId, dropCount, queue, verdicts, malformed } = options;
  return {
    ...(packetId === undefined ? {} : { packetId: jsonValue("packetId", packetId) }),
    ...(dropCount === undefined ? {} : { dropCount: jsonValue("dropCount", dropCount) }),
    ...(queue === undefined ? {} : { queue }),
    ...(verdicts === undefined ? {} : { verdicts: jsonValue("verdicts", verdicts) }),
    ...(malformed === undefined ? {} : { malformedOptions: hexBytes(malformed) }),
  };
}

function payloadJson(packet: PrintedPacket, layers: Layers): { readonly start: number; readonly end: number } {
  return { start: layers.payloadStart - packet.start, end: layers.payloadEnd - packet.start };
}

function layerJson(packet: PrintedPacket, layers: Layers, index: number): JsonLayer {
  const { view, start } = packet;
  const kind = layers.kind(index);
  const at = layers.start(index);
  const end = layers.end(index);
  const checksum = checksumOf(view, layers, index);
  const plain = protocolOf(kind)?.plain(view, at, end) ?? {};
  return {
    protocol: layerName(kind),
    start: at - start,
    end: end - start,
    ...(checksum === undefined ? {} : { checksum: checksumStatusName(checksum) }),
    ...(layers.quoteIndex >= 0 && index >= layers.quoteIndex ? { quoted: true as const } : {}),
    fields: jsonObject(plain),
  };
}

/** {@link packetJson} as text without a line feed. */
export function jsonLine(packet: PrintedPacket, layers: Layers): string {
  return JSON.stringify(packetJson(packet, layers));
}
