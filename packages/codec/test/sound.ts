/** What must hold of a dissected frame, whatever its bytes are. */
import { checksumStatusName } from "../src/checksum.ts";
import { readField } from "../src/field.ts";
import { layerName, type Layers } from "../src/layers.ts";
import { errorOf, nextProtocolOf, protocolOf } from "../src/protocols.ts";
import { Status } from "../src/status.ts";
import { checksumOf } from "../src/verify.ts";

/**
 * The first rule that the offsets break, or "". Allocates only to complain: it runs millions of times.
 */
export function unsound(layers: Layers, start: number, end: number): string {
  let previousAt = start;
  let previousEnd = end;
  for (let index = 0; index < layers.count; index++) {
    const at = layers.start(index);
    const stop = layers.end(index);
    if (at < previousAt) return `${where(layers, index)} starts at ${at}, before the layer around it at ${previousAt}`;
    if (stop > previousEnd)
      return `${where(layers, index)} ends at ${stop}, behind the layer around it at ${previousEnd}`;
    if (at > stop) return `${where(layers, index)} starts at ${at}, behind its end ${stop}`;
    previousAt = at;
    previousEnd = stop;
  }
  const { payloadStart, payloadEnd } = layers;
  if (payloadStart < previousAt) return `the payload starts at ${payloadStart}, before the last layer at ${previousAt}`;
  if (payloadEnd > previousEnd) return `the payload ends at ${payloadEnd}, behind the last layer's end ${previousEnd}`;
  return payloadStart > payloadEnd ? `the payload starts at ${payloadStart}, behind its end ${payloadEnd}` : "";
}

function where(layers: Layers, index: number): string {
  return `layer ${index}, ${layerName(layers.kind(index))},`;
}

/** Everything that the edge reads of a frame; throws if any of it cannot be read. Answers how much text that is. */
export function readEverything(view: DataView, start: number, layers: Layers): number {
  let length = 0;
  for (let index = 0; index < layers.count; index++) {
    const at = layers.start(index);
    const end = layers.end(index);
    const protocol = protocolOf(layers.kind(index))!;
    for (const row of protocol.layoutAt(view, at, end)) if (readField(view, at, row) >= 0) length++;
    length += Object.keys(protocol.plain(view, at, end)).length;
    length += protocol.format(view, at, end).length;
    if (protocol.headerEnd(view, at, end) > end)
      throw new RangeError(`${where(layers, index)} header ends behind ${end}`);
    if (nextProtocolOf(view, layers, index) >= 0) length++;
    const checksum = checksumOf(view, layers, index);
    if (checksum !== undefined) length += checksumStatusName(checksum).length;
  }
  const error = errorOf(view, start, layers);
  if ((error === undefined) !== (layers.status === Status.ok))
    throw new Error("an error without a status, or a status without one");
  return length + (error?.message.length ?? 0);
}
