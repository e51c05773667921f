import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import { ChecksumStatus } from "../src/checksum.ts";
import * as igmp from "../src/igmp.ts";
import * as record from "../src/igmp-record.ts";
import { Status } from "../src/status.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import {
  expectBytesSurvive,
  expectLayoutAgrees,
  expectPrefixesRefused,
  expectSettersAgree,
  expectValuesSurvive,
} from "./laws.ts";

/** What Linux sent: queries of a bridge's querier, reports of a host forced to each version. */
const QUERY_V2 = bytesOf("1164ee9b 00000000");
const QUERY_V3 = bytesOf("1164ec1e 00000000 027d0000");
const REPORT_V1 = bytesOf("1200fdfc ef010101");
const REPORT_V2 = bytesOf("1600f9fb ef010102");
const LEAVE = bytesOf("1700f8fb ef010102");
const JOIN_V3 = bytesOf("2200e9f9 00000001 04000000 ef010103");
const TWO_RECORDS = bytesOf("2200d6e7 00000002 03000000 ef010103 05000002 e8010101 0a000905 0a000907");
/** RFC 3376 §4.1: a query for group and sources, S set, QRV 2; made by hand. */
const QUERY_SOURCES = bytesOf("110a0000 e8010101 0a140002 0a000905 0a000907");

const ALL = { QUERY_V2, QUERY_V3, REPORT_V1, REPORT_V2, LEAVE, JOIN_V3, TWO_RECORDS };
const GROUP = parseIpv4("232.1.1.1")!;
const SOURCES = [parseIpv4("10.0.9.5")!, parseIpv4("10.0.9.7")!];

describe("real messages", () => {
  it.each(Object.entries(ALL))("%s has a right checksum, and comes back from its plain value", (_name, bytes) => {
    const view = viewOf(bytes);
    expect(igmp.check(view, 0, bytes.length)).toBe(Status.ok);
    expect(igmp.verifyChecksum(view, 0, bytes.length)).toBe(ChecksumStatus.valid);
    expect(igmp.payloadStart(view, 0, bytes.length)).toBe(bytes.length);
    expect(igmp.payloadEnd(view, 0, bytes.length)).toBe(bytes.length);
    expect(hexOf(igmp.encode(igmp.plain(view, 0, bytes.length)))).toBe(hexOf(bytes));
  });

  it.each([
    [QUERY_V2, "general query v2"],
    [bytesOf("1100eeff 00000000"), "general query v1"],
    [QUERY_V3, "general query v3"],
    [QUERY_SOURCES, "query v3 232.1.1.1 from 10.0.9.5 10.0.9.7"],
    [bytesOf("11640000 ef010102"), "query v2 239.1.1.2"],
    [REPORT_V1, "report v1 239.1.1.1"],
    [REPORT_V2, "report v2 239.1.1.2"],
    [LEAVE, "leave 239.1.1.2"],
    [JOIN_V3, "report v3 239.1.1.3 to exclude"],
    [TWO_RECORDS, "report v3 239.1.1.3 to include, 232.1.1.1 allow 10.0.9.5 10.0.9.7"],
    [bytesOf("2200ddff 00000000"), "report v3 without groups"],
    [bytesOf("2200ddff 00000001 09000000 ef010103"), "report v3 239.1.1.3 type 9"],
  ])("case %# formats", (bytes, line) => {
    expect(igmp.format(viewOf(bytes), 0, bytes.length)).toBe(line);
  });

  it("read", () => {
    const query = viewOf(QUERY_SOURCES);
    expect(igmp.type(query, 0)).toBe(igmp.IgmpType.query);
    expect(igmp.maxResponseCode(query, 0)).toBe(10);
    expect(igmp.group(query, 0)).toBe(GROUP);
    expect(igmp.reserved(query, 0)).toBe(0);
    expect(igmp.suppress(query, 0)).toBe(true);
    expect(igmp.robustness(query, 0)).toBe(2);
    expect(igmp.intervalCode(query, 0)).toBe(20);
    expect(igmp.numberOfSources(query, 0)).toBe(2);
    expect([igmp.source(query, 0, 0), igmp.source(query, 0, 1)]).toEqual(SOURCES);
    const report = viewOf(TWO_RECORDS);
    expect(igmp.numberOfRecords(report, 0)).toBe(2);
    expect(igmp.reportReserved(report, 0)).toBe(0);
    expect(record.totalLength(report, 8)).toBe(8);
    expect(record.recordType(report, 8)).toBe(record.RecordType.toInclude);
    expect(record.recordType(report, 16)).toBe(record.RecordType.allow);
    expect(record.group(report, 16)).toBe(GROUP);
    expect(record.numberOfSources(report, 16)).toBe(2);
    expect([record.source(report, 16, 0), record.source(report, 16, 1)]).toEqual(SOURCES);
    expect(record.auxiliaryStart(report, 16)).toBe(TWO_RECORDS.length);
  });

  it("are built from their parts in a dirty buffer", () => {
    const report = dirtyView(10);
    igmp.setType(report, 1, igmp.IgmpType.reportV2);
    igmp.setMaxResponseCode(report, 1, 0);
    igmp.setGroup(report, 1, parseIpv4("239.1.1.2")!);
    igmp.fillChecksum(report, 1, 9);
    expect(hexOfView(report)).toBe(`a5${hexOf(REPORT_V2)}a5`);
    const query = dirtyView(12);
    igmp.setType(query, 0, igmp.IgmpType.query);
    igmp.setMaxResponseCode(query, 0, 100);
    igmp.setGroup(query, 0, 0);
    igmp.setQueryFlags(query, 0, 2);
    igmp.setIntervalCode(query, 0, 125);
    igmp.setNumberOfSources(query, 0, 0);
    igmp.fillChecksum(query, 0, 12);
    expect(hexOfView(query)).toBe(hexOf(QUERY_V3));
  });

  it("are what encode makes of the least it takes", () => {
    const records = [
      { recordType: record.RecordType.toInclude, group: parseIpv4("239.1.1.3")! },
      { recordType: record.RecordType.allow, group: GROUP, sources: SOURCES },
    ];
    expect(hexOf(igmp.encode({ kind: "reportV3", records }))).toBe(hexOf(TWO_RECORDS));
    const query = igmp.encode({ kind: "queryV3", maxResponseCode: 100, group: 0, robustness: 2, intervalCode: 125 });
    expect(hexOf(query)).toBe(hexOf(QUERY_V3));
    const leave = igmp.encode({ kind: "membership", type: igmp.IgmpType.leave, group: parseIpv4("239.1.1.2")! });
    expect(hexOf(leave)).toBe(hexOf(LEAVE));
  });
});

describe("the version of a query (RFC 3376 §7.1)", () => {
  it("is told by its length and its response code", () => {
    expect(igmp.version(viewOf(bytesOf("1100eeff 00000000")), 0, 8)).toBe(1);
    expect(igmp.version(viewOf(QUERY_V2), 0, 8)).toBe(2);
    expect(igmp.version(viewOf(QUERY_V3), 0, 12)).toBe(3);
    // The version 3 query in 8 bytes would be one of version 2.
    expect(igmp.version(viewOf(QUERY_V3), 0, 8)).toBe(2);
  });

  it.each([9, 10, 11])("is none with %i bytes", (length) => {
    expect(igmp.check(viewOf(QUERY_V3), 0, length)).toBe(Status.badTotalLength);
    expect(igmp.decode(QUERY_V3.slice(0, length))).toMatchObject({
      ok: false,
      error: { code: "badTotalLength", layer: "igmp", required: 12, available: length },
    });
  });
});

describe("times", () => {
  it.each([
    [0, 0],
    [127, 127],
    [128, 128],
    [0x8f, 248],
    [0x90, 256],
    [0xff, 31744],
  ])("code %i is %i (RFC 3376 §4.1.1)", (coded, value) => {
    expect(igmp.decodeFloat(coded)).toBe(value);
  });

  it("are coded from 128 on in version 3 only (RFC 2236 §2.2)", () => {
    expect(igmp.maxResponseTime(viewOf(bytesOf("11ff0000 00000000")), 0, 8)).toBe(255);
    expect(igmp.maxResponseTime(viewOf(bytesOf("11ff0000 00000000 00000000")), 0, 12)).toBe(31744);
  });
});

describe("check", () => {
  it("refuses every prefix", () => {
    expectPrefixesRefused(igmp, REPORT_V2, 8);
    expectPrefixesRefused(igmp, QUERY_V2, 8);
    expectPrefixesRefused(igmp, JOIN_V3, 16);
    expectPrefixesRefused(igmp, TWO_RECORDS, 32);
    // The first 8 bytes of a version 3 query are a whole query of version 2.
    expectPrefixesRefused(igmp, QUERY_SOURCES, 8);
    for (let length = 9; length < 20; length++) {
      expect(igmp.check(viewOf(QUERY_SOURCES), 0, length), `${length}`).not.toBe(Status.ok);
    }
  });

  it.each([
    ["two records", TWO_RECORDS.slice(0, 20), 24],
    ["half a record", TWO_RECORDS.slice(0, 12), 16],
    ["sources of a query", QUERY_SOURCES.slice(0, 16), 20],
  ])("says how much is needed of %s", (_name, bytes, required) => {
    expect(igmp.decode(bytes)).toMatchObject({
      ok: false,
      error: { code: "truncated", required, available: bytes.length },
    });
  });

  it("does not read other types (RFC 3376 §4: ignored)", () => {
    for (const type of [0x01, 0x13, 0x14, 0x1e, 0x1f, 0x24, 0xff]) {
      const bytes = bytesOf("0000000000000000");
      bytes[0] = type;
      expect(igmp.check(viewOf(bytes), 0, 8), `${type}`).toBe(Status.unsupported);
      expect(igmp.decode(bytes)).toMatchObject({ ok: false, error: { code: "unsupported", required: 8 } });
    }
  });
});

describe("what follows a message (RFC 3376 §4.1.10, §4.2.11)", () => {
  it("is ignored but covered by the checksum", () => {
    const bytes = igmp.encode({ kind: "queryV3", group: GROUP, sources: SOURCES }, bytesOf("0102 0304"));
    const view = viewOf(bytes);
    expect(igmp.payloadStart(view, 0, bytes.length)).toBe(20);
    expect(igmp.verifyChecksum(view, 0, bytes.length)).toBe(ChecksumStatus.valid);
    expect(igmp.verifyChecksum(view, 0, 20)).toBe(ChecksumStatus.invalid);
  });

  it("is auxiliary data if the record says so (RFC 3376 §4.2.6)", () => {
    const auxiliary = bytesOf("01020304 05060708");
    const bytes = igmp.encode({
      kind: "reportV3",
      records: [{ recordType: 2, group: GROUP, sources: SOURCES, auxiliary }],
    });
    expect(bytes.length).toBe(32);
    const result = igmp.decode(bytes);
    expect(result).toMatchObject({
      ok: true,
      value: { records: [{ auxiliaryWords: 2, sources: SOURCES, auxiliary }] },
    });
    expect(record.auxiliaryStart(viewOf(bytes), 8)).toBe(24);
    expect(() => record.encode({ recordType: 2, group: 0, auxiliary: new Uint8Array(3) })).toThrow(RangeError);
    expect(() => record.encode({ recordType: 2, group: 0, auxiliary: new Uint8Array(1024) })).toThrow(RangeError);
  });
});

describe("laws", () => {
  const bits = (count: number) => fc.nat({ max: 2 ** count - 1 });
  const addresses = fc.array(fc.integer(), { maxLength: 4 });
  const common = { maxResponseCode: bits(8), checksum: bits(16) };
  const membership = fc.record({
    kind: fc.constant("membership" as const),
    type: fc.constantFrom(0x11, 0x12, 0x16, 0x17),
    ...common,
    group: fc.integer(),
  });
  const query = fc
    .record({
      kind: fc.constant("queryV3" as const),
      type: fc.constant(0x11),
      ...common,
      group: fc.integer(),
      reserved: bits(4),
      suppress: fc.boolean(),
      robustness: bits(3),
      intervalCode: bits(8),
      sources: addresses,
    })
    .map((value) => ({ ...value, numberOfSources: value.sources.length }));
  const records = fc
    .record({
      recordType: bits(8),
      group: fc.integer(),
      sources: addresses,
      auxiliary: fc.nat({ max: 3 }).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
    })
    .map((value) => ({
      ...value,
      auxiliaryWords: value.auxiliary.length / 4,
      numberOfSources: value.sources.length,
    }));
  const report = fc
    .record({
      kind: fc.constant("reportV3" as const),
      type: fc.constant(0x22),
      ...common,
      reportReserved: bits(16),
      records: fc.array(records, { maxLength: 4 }),
    })
    .map((value) => ({ ...value, numberOfRecords: value.records.length }));

  it("layouts, accessors and setters agree", () => {
    expectLayoutAgrees([...igmp.layout, ...igmp.queryV3Layout], igmp);
    expectLayoutAgrees(igmp.reportV3Layout, igmp);
    expectLayoutAgrees(record.layout, record);
    expectSettersAgree([...igmp.layout, ...igmp.queryV3Layout], {
      type: igmp.setType,
      maxResponseCode: igmp.setMaxResponseCode,
      checksum: igmp.setChecksum,
      group: igmp.setGroup,
      intervalCode: igmp.setIntervalCode,
      numberOfSources: igmp.setNumberOfSources,
    });
    expectSettersAgree(igmp.reportV3Layout, {
      type: igmp.setType,
      maxResponseCode: igmp.setMaxResponseCode,
      checksum: igmp.setChecksum,
      reportReserved: igmp.setReportReserved,
      numberOfRecords: igmp.setNumberOfRecords,
    });
  });

  it("bytes survive", () => {
    const likely = fc
      .tuple(fc.constantFrom("11", "12", "16", "17", "22"), fc.uint8Array({ minLength: 7, maxLength: 60 }))
      .map(([type, rest]) => {
        const bytes = bytesOf(type + hexOf(rest));
        // Counts that have a chance to fit.
        if (bytes.length >= 12) bytes[10] = 0;
        if (type === "22") bytes.set([0, bytes[7]! & 1], 6);
        return bytes;
      });
    expectBytesSurvive(igmp, likely);
  });

  it("values survive", () => {
    expectValuesSurvive(igmp, membership, { checksums: "keep" }, fc.constant(new Uint8Array()));
    expectValuesSurvive(igmp, query, { lengths: "keep", checksums: "keep" });
    expectValuesSurvive(igmp, report, { lengths: "keep", checksums: "keep" });
    expectValuesSurvive(igmp, fc.oneof(query, report), { checksums: "keep" });
  });

  it("encode fills counts and checksum unless told to keep them", () => {
    fc.assert(
      fc.property(fc.oneof(query, report), (value) => {
        const bytes = igmp.encode(
          value.kind === "queryV3" ? { ...value, numberOfSources: 9 } : { ...value, numberOfRecords: 9 },
        );
        expect(igmp.verifyChecksum(viewOf(bytes), 0, bytes.length)).toBe(ChecksumStatus.valid);
        expect(igmp.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
      }),
    );
    const wrong = igmp.encode({ kind: "queryV3", group: 0, numberOfSources: 9 }, undefined, { lengths: "keep" });
    expect(igmp.check(viewOf(wrong), 0, wrong.length)).toBe(Status.truncated);
  });

  it("encode refuses what no field holds, and a type that is another kind", () => {
    const group = GROUP;
    expect(() => igmp.encode({ kind: "membership", type: 0x22, group })).toThrow(RangeError);
    expect(() => igmp.encode({ kind: "queryV3", type: 0x12, group })).toThrow(RangeError);
    expect(() => igmp.encode({ kind: "queryV3", group, robustness: 8 })).toThrow(RangeError);
    expect(() => igmp.encode({ kind: "queryV3", group, reserved: 16 })).toThrow(RangeError);
    expect(() => igmp.encode({ kind: "queryV3", group, maxResponseCode: 256 })).toThrow(RangeError);
    expect(() => igmp.encode({ kind: "reportV3", records: [{ recordType: 256, group }] })).toThrow(RangeError);
    expect(() => record.encode({ recordType: 1, group, numberOfSources: 65536 }, true)).toThrow(RangeError);
    expect(hexOf(record.encode({ recordType: 1, group }, true))).toBe("01000000e8010101");
  });
});
