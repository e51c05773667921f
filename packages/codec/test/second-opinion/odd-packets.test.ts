import { writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { dissect } from "../../src/dissect.ts";
import { Layers, layerName } from "../../src/layers.ts";
import { protocolOf } from "../../src/protocols.ts";
import { statusName } from "../../src/status.ts";
import { captureBytes, FIXTURES } from "../conformance/captures.ts";
import { hexOfView, viewOf } from "../hex.ts";
import { pcapng } from "./odd-capture.ts";
import type { OddPacket } from "./odd-packet.ts";
import { ODD_PACKETS } from "./odd-packets.ts";

const CAPTURE = "odd-packets.pcapng";

function dissected({ bytes, linkType }: OddPacket): { view: DataView; layers: Layers } {
  const view = viewOf(bytes);
  const layers = new Layers();
  dissect(view, 0, bytes.length, linkType, layers);
  return { view, layers };
}

/** The property of the plain values of all layers of a kind. */
function valuesOf(view: DataView, layers: Layers, path: string): unknown[] {
  const [kind, property] = path.split(".") as [string, string];
  const found: unknown[] = [];
  for (let index = 0; index < layers.count; index++) {
    if (layerName(layers.kind(index)) !== kind) continue;
    const plain = protocolOf(layers.kind(index))!.plain(view, layers.start(index), layers.end(index));
    found.push((plain as Record<string, unknown>)[property]);
  }
  return found;
}

describe("packets made with smart-buffer, read by hand", () => {
  it.each(ODD_PACKETS.map((packet) => [packet.name, packet] as const))("%s", (_, packet) => {
    const { view, layers } = dissected(packet);
    const names = Array.from({ length: layers.count }, (_unused, index) => layerName(layers.kind(index)));
    expect(names.join(" ")).toBe(packet.layers);
    expect(statusName(layers.status)).toBe(packet.status ?? "ok");
    expect(hexOfView(view, layers.payloadStart, layers.payloadEnd)).toBe(packet.payload);
    for (const [path, expected] of Object.entries(packet.values)) {
      expect(valuesOf(view, layers, path), path).toEqual(expected);
    }
  });

  it("are the capture that tshark read", () => {
    const bytes = pcapng(ODD_PACKETS);
    // npm run fixtures sets this, to write the file anew. What is the same stays: another zlib would compress it otherwise.
    const isToBeWritten = process.env["HOPSCOPE_WRITE_ODD_PACKETS"] === "1";
    if (isToBeWritten && !isDeepStrictEqual(captureBytes(CAPTURE), bytes)) {
      writeFileSync(`${FIXTURES}${CAPTURE}.gz`, gzipSync(bytes, { level: 9 }));
    }
    expect(captureBytes(CAPTURE)).toEqual(bytes);
  });
});
