/** Every field of every frame of every recording, as tshark reads it and as the codec does. */
import { describe, expect, it } from "vitest";
import * as icmp from "../../src/icmp.ts";
import * as icmpExtension from "../../src/icmp-extension.ts";
import * as icmpv6 from "../../src/icmpv6.ts";
import * as igmp from "../../src/igmp.ts";
import * as igmpRecord from "../../src/igmp-record.ts";
import { LayerKind } from "../../src/layers.ts";
import * as llc from "../../src/llc.ts";
import { protocolOf } from "../../src/protocols.ts";
import * as sctpChunk from "../../src/sctp-chunk.ts";
import type { Field } from "../../src/field.ts";
import { CAPTURES, framesOf, HAS_COMMITTED_EXPECTATIONS, hasFixture } from "./captures.ts";
import { Comparison, type Difference } from "./compare.ts";
import { EXCEPTIONS, explains } from "./exceptions.ts";
import { readExpectation } from "./expectation.ts";

/** Every table of a protocol with several kinds of message. */
function* layouts(): Generator<readonly Field[]> {
  for (const kind of Object.values(LayerKind)) yield protocolOf(kind)?.layout ?? [];
  for (let type = 0; type < 256; type++) {
    yield icmp.layoutOf(type);
    yield icmpv6.layoutOf(type);
  }
  yield* [llc.snapLayout, igmp.queryV3Layout, igmp.reportV3Layout, igmpRecord.layout];
  yield* [sctpChunk.layout, sctpChunk.dataLayout, sctpChunk.initLayout, sctpChunk.sackLayout];
  yield* [icmpExtension.layout, icmpExtension.objectLayout];
}

const NAMED: ReadonlySet<string> = new Set(
  [...layouts()].flatMap((rows) => rows.map((row) => row.wireshark).filter((name) => name !== "")),
);

describe("tshark and the codec agree", () => {
  const comparison = new Comparison();
  const used = new Set<number>();
  const expected = new Set<string>();
  let values = 0;

  const describeDifference = ({ frame, protocol, field, tshark, ours }: Difference) =>
    `frame ${frame}, ${protocol}, ${field}: tshark "${tshark}", codec "${ours}"`;

  it.each(CAPTURES)("%s", (name) => {
    expect(hasFixture(`${name}.tshark.txt`), "npm run fixtures makes it").toBe(true);
    const expectation = readExpectation(name);
    for (const field of expectation.fields) expected.add(field);
    for (const { layers } of expectation.frames) for (const layer of layers) values += layer.values.size;
    const before = comparison.differences.length;
    let frames = 0;
    for (const frame of framesOf(name)) {
      comparison.compare(name, frame, expectation.frames[frame.number - 1]!);
      frames++;
    }
    expect(frames).toBe(expectation.frames.length);
    const unexplained = comparison.differences.slice(before).filter((difference) => {
      const index = EXCEPTIONS.findIndex((exception) => explains(exception, difference));
      if (index >= 0) used.add(index);
      return index < 0;
    });
    expect(unexplained.slice(0, 20).map(describeDifference)).toEqual([]);
  });

  it("on every field that tshark was asked for", () => {
    const compared = new Set(comparison.fields.keys());
    const service = /^ieee8021ad\./;
    expect([...expected].filter((field) => !compared.has(field) && !service.test(field))).toEqual([]);
  });

  it("on every field that a layout table names", () => {
    expect([...NAMED].filter((field) => !expected.has(field))).toEqual([]);
  });

  // A newer tshark may do some of them our way.
  it.runIf(HAS_COMMITTED_EXPECTATIONS)("but for exceptions that still occur", () => {
    expect(EXCEPTIONS.filter((_, index) => !used.has(index)).map(({ field, reason }) => `${field}: ${reason}`)).toEqual(
      [],
    );
  });

  it("on every value that the expectation files hold", () => {
    expect(comparison.consumed + comparison.skipped).toBe(values);
    // What the codec has no layer for: upper headers of first fragments, and headers that a check refuses.
    expect(comparison.skipped).toBeLessThan(values / 500);
    expect(comparison.compared).toBeGreaterThan(values);
  });
});
