/**
 * Checksums that a sender left to its network card. The recordings of the lab have the kernel's own word for each
 * frame in its comment (PACKET_VNET_HDR): `csum=PARTIAL(start=34,off=16)` says where the bytes start that the checksum
 * does not cover yet.
 */
import { describe, expect, it } from "vitest";
import { ChecksumStatus } from "../../src/checksum.ts";
import { dissect } from "../../src/dissect.ts";
import { Layers } from "../../src/layers.ts";
import { checksumOf } from "../../src/verify.ts";
import { CAPTURES, openFixture } from "./captures.ts";

const COMMENTED: readonly string[] = CAPTURES.filter((name) => /^(?:docker-28\/)?s\d/.test(name));

/** Where the layers with a partial checksum start, as the kernel and as the codec say it. */
function* partialStarts(name: string): Generator<{ frame: number; kernel: string; ours: string }> {
  const layers = new Layers();
  const reader = openFixture(name);
  while (reader.next()) {
    const { view, start } = reader;
    dissect(view, start, reader.end, reader.interface.linkType, layers);
    const starts: number[] = [];
    for (let index = 0; index < layers.count; index++) {
      if (checksumOf(view, layers, index) === ChecksumStatus.partial) starts.push(layers.start(index) - start);
    }
    const comments = reader.options()?.comments ?? [];
    const kernel = comments.flatMap((comment) => /csum=PARTIAL\(start=(\d+)/.exec(comment)?.[1] ?? []);
    yield { frame: reader.number, kernel: kernel.join(), ours: starts.join() };
  }
}

describe("a checksum is partial exactly where the kernel says so", () => {
  let partial = 0;

  it.each(COMMENTED)("%s", (name) => {
    const all = [...partialStarts(name)];
    expect(all.filter(({ kernel, ours }) => kernel !== ours).slice(0, 10)).toEqual([]);
    partial += all.filter(({ kernel }) => kernel !== "").length;
  });

  it("which is in thousands of frames", () => {
    expect(partial).toBeGreaterThan(2000);
  });
});
