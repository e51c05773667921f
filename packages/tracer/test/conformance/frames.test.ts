/** What a capture file says of each frame beside its bytes, as tshark reads it and as the readers do. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { CAPTURES, openFixture } from "../../../codec/test/conformance/captures.ts";
import { readExpectation } from "../../../codec/test/conformance/expectation.ts";
import type { CaptureReader } from "../../src/reader.ts";

/** The row that scripts/fixtures.mjs makes of tshark's values. */
function row(reader: CaptureReader): string {
  const time = `${reader.seconds}.${String(reader.nanoseconds).padStart(9, "0")}`;
  const { number, capturedLength, wireLength, direction = "" } = reader;
  const comments = reader.options()?.comments ?? [];
  return `${[number, time, capturedLength, wireLength, reader.interface.name ?? "", direction, ...comments].join("\t")}\n`;
}

describe("number, time, lengths, interface, direction and comments of all frames are tshark's", () => {
  it.each(CAPTURES)("%s", (name) => {
    const expectation = readExpectation(name);
    const digest = createHash("sha256");
    const reader = openFixture(name);
    while (reader.next()) digest.update(row(reader));
    expect(reader.number).toBe(expectation.frames.length);
    expect(digest.digest("hex")).toBe(expectation.digest);
  });
});
