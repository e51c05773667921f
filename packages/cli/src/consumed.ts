/**
 * The chunks of a stream that belong to nobody else. The memory of each is let go when the next one is asked for: V8
 * frees what has waited a while only at its next full collection, and tens of megabytes of chunks can pile up until then.
 */
import type { Readable } from "node:stream";

export async function* consumed(stream: Readable): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    yield chunk;
    const { buffer } = chunk;
    // Moves the bytes to an object that dies young.
    if (buffer.byteLength === chunk.byteLength) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  }
}
