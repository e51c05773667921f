import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv6 } from "../src/address.ts";
import * as mld from "../src/icmpv6-mld.ts";
import { Status } from "../src/status.ts";
import { bytesOf, viewOf } from "./hex.ts";
import { expectLayoutAgrees } from "./laws.ts";

/** Sent by a container's interface that joined the group of its own address. */
const REAL_REPORT = bytesOf("8f003c1200000001 04000000ff0200000000000000000001ff0f3369");
/** Made here and found right by tshark. */
const QUERY = bytesOf("8200350f2710000000000000000000000000000000000000");
const QUERY_V2 = bytesOf("820005bf27100000ff020000000000000000000000000001 027d0001 20010db8000000000000000000000001");
const REPORT = bytesOf("83005c1b00000000ff020000000000000000000000000001");
const DONE = bytesOf("84005b1b00000000ff020000000000000000000000000001");
/** Two records; the second has two sources and a word of auxiliary data. */
const REPORT_V2 = bytesOf(
  "8f000d5600000002 04000000ff020000000000000000000000000001" +
    "01010002ff020000000000000000000000000001 20010db8000000000000000000000001 fe8000000000000000420afffe000903 00000000",
);
const MESSAGES = [REAL_REPORT, QUERY, QUERY_V2, REPORT, DONE, REPORT_V2];
const ALL_NODES = parseIpv6("ff02::1")!;

function plain(bytes: Uint8Array): mld.MldMessage {
  expect(mld.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
  return mld.plain(viewOf(bytes), 0, bytes.length);
}

function format(bytes: Uint8Array): string {
  return mld.format(viewOf(bytes), 0, bytes.length);
}

describe("messages", () => {
  it("are four types", () => {
    expect([129, 130, 131, 132, 133, 142, 143, 144].map(mld.isMld)).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it("a real report of version 2 reads", () => {
    expect(mld.recordCount(viewOf(REAL_REPORT), 0)).toBe(1);
    expect(plain(REAL_REPORT)).toEqual({
      message: "listenerReportV2",
      reserved: 0,
      records: [
        {
          recordType: mld.MldRecordType.changeToExclude,
          group: parseIpv6("ff02::1:ff0f:3369"),
          sources: [],
          auxiliaryData: new Uint8Array(),
        },
      ],
    });
    expect(format(REAL_REPORT)).toBe("listener report v2 ff02::1:ff0f:3369 to exclude");
  });

  it("a report of version 2 with sources and auxiliary data reads", () => {
    const view = viewOf(REPORT_V2);
    expect(mld.recordLength(view, 8)).toBe(20);
    expect(mld.recordLength(view, 28)).toBe(20 + 32 + 4);
    expect(plain(REPORT_V2)).toMatchObject({
      records: [
        { group: ALL_NODES },
        {
          recordType: mld.MldRecordType.isInclude,
          sources: [parseIpv6("2001:db8::1"), parseIpv6("fe80::42:aff:fe00:903")],
          auxiliaryData: new Uint8Array(4),
        },
      ],
    });
    expect(format(REPORT_V2)).toBe(
      "listener report v2 ff02::1 to exclude, ff02::1 is include 2001:db8::1 fe80::42:aff:fe00:903",
    );
    expect(format(REAL_REPORT.with(8, 9))).toBe("listener report v2 ff02::1:ff0f:3369 type 9");
  });

  it("queries are told apart by their length (RFC 3810 §8.1)", () => {
    expect(mld.isQueryV2(viewOf(QUERY), 0, QUERY.length)).toBe(false);
    expect(mld.isQueryV2(viewOf(QUERY_V2), 0, QUERY_V2.length)).toBe(true);
    expect(plain(QUERY)).toEqual({
      message: "listenerQuery",
      maximumResponse: 10_000,
      reserved: 0,
      group: new Uint8Array(16),
    });
    expect(plain(QUERY_V2)).toEqual({
      message: "listenerQueryV2",
      maximumResponse: 10_000,
      reserved: 0,
      group: ALL_NODES,
      flags: 2,
      queryInterval: 125,
      sources: [parseIpv6("2001:db8::1")],
    });
    for (const length of [25, 26, 27]) {
      expect(mld.check(viewOf(QUERY_V2), 0, length)).toBe(Status.badTotalLength);
    }
    expect([format(QUERY), format(QUERY_V2)]).toEqual(["listener query ::", "listener query v2 ff02::1 2001:db8::1"]);
  });

  it("reports and dones of version 1 read", () => {
    expect(mld.maximumResponse(viewOf(REPORT), 0)).toBe(0);
    expect(mld.group(viewOf(REPORT), 0)).toEqual(ALL_NODES);
    expect([format(REPORT), format(DONE)]).toEqual(["listener report ff02::1", "listener done ff02::1"]);
  });

  it("encode to themselves but for the checksum, which is not theirs", () => {
    for (const message of MESSAGES) {
      const expected = message.slice();
      expected.fill(0, 2, 4);
      expect(mld.encode(plain(message))).toEqual(expected);
    }
  });

  it("end where they say: what follows is ignored (RFC 3810 §5.1.12, §5.2.11)", () => {
    for (const message of [QUERY_V2, REPORT, REPORT_V2]) {
      const longer = Uint8Array.from([...message, 1, 2, 3]);
      expect(mld.check(viewOf(longer), 0, longer.length)).toBe(Status.ok);
      expect(mld.payloadStart(viewOf(longer), 0, longer.length)).toBe(message.length);
    }
  });
});

describe("check", () => {
  it("refuses every prefix", () => {
    for (const message of MESSAGES) {
      for (let end = 4; end < message.length; end++) {
        const expected =
          message === QUERY_V2 && end === 24
            ? Status.ok
            : message === QUERY_V2 && end > 24 && end < 28
              ? Status.badTotalLength
              : Status.truncated;
        expect(mld.check(viewOf(message), 0, end), `${end}`).toBe(expected);
        if (expected === Status.truncated) expect(mld.messageLength(viewOf(message), 0, end)).toBeGreaterThan(end);
      }
    }
  });

  it("does not believe a count of records that are not there", () => {
    const bytes = bytesOf("8f00000000 00ffff 04000000ff020000000000000000000000000001");
    expect(mld.check(viewOf(bytes), 0, bytes.length)).toBe(Status.truncated);
  });
});

describe("layouts", () => {
  it("agree with the accessors", () => {
    const { maximumResponse, recordCount } = mld;
    const group = (view: DataView, at: number): number =>
      mld.group(view, at).reduce((number, byte) => number * 256 + byte, 0);
    for (const type of [130, 131, 132]) expectLayoutAgrees(mld.layouts[type]!, { maximumResponse, group });
    expectLayoutAgrees(mld.layouts[143]!, { recordCount });
  });
});

const byte = fc.integer({ min: 0, max: 255 });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
const sources = fc.array(address, { maxLength: 3 });
const message: fc.Arbitrary<mld.MldMessage> = fc.oneof(
  fc.record({
    message: fc.constantFrom("listenerQuery" as const, "listenerReport" as const, "listenerDone" as const),
    maximumResponse: uint16,
    reserved: uint16,
    group: address,
  }),
  fc.record({
    message: fc.constant("listenerQueryV2" as const),
    maximumResponse: uint16,
    reserved: uint16,
    group: address,
    flags: byte,
    queryInterval: byte,
    sources,
  }),
  fc.record({
    message: fc.constant("listenerReportV2" as const),
    reserved: uint16,
    records: fc.array(
      fc.record({
        recordType: byte,
        group: address,
        sources,
        auxiliaryData: fc
          .integer({ min: 0, max: 2 })
          .chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
      }),
      { maxLength: 3 },
    ),
  }),
);

describe("encode", () => {
  it("is undone by plain", () => {
    fc.assert(
      fc.property(message, (value) => {
        const bytes = mld.encode(value);
        expect(plain(bytes)).toEqual(value);
        expect(format(bytes)).not.toBe("");
      }),
    );
  });

  it("refuses values that do not fit", () => {
    const record = { recordType: 1, group: ALL_NODES, sources: [], auxiliaryData: new Uint8Array(3) };
    expect(() => mld.encode({ message: "listenerReportV2", reserved: 0, records: [record] })).toThrow(
      "mld auxiliaryData has 3 bytes, expected a multiple of 4",
    );
    const report = { message: "listenerReport", maximumResponse: 0, reserved: 0, group: ALL_NODES } as const;
    expect(() => mld.encode({ ...report, group: new Uint8Array(4) })).toThrow("mld group has 4 bytes, expected 16");
    expect(() => mld.encode({ ...report, maximumResponse: 65536 })).toThrow("mld maximumResponse is 65536");
  });
});
