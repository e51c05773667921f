import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../src/address.ts";
import * as dns from "../src/dns.ts";
import { nameEnd } from "../src/dns-name.ts";
import * as record from "../src/dns-record.ts";
import { Status } from "../src/status.ts";
import { decoded, format, message } from "./dns-message.ts";
import { bytesOf, dirtyView, hexOf, hexOfView, viewOf } from "./hex.ts";
import { expectLayoutAgrees, expectSettersAgree } from "./laws.ts";

/** What a container asked, what its resolver answered (names not compressed), and what a forwarded question brought. */
const QUERY = bytesOf("55da010000010000000000000f6f7665726c61795f736572766963650000010001");
const ANSWER = bytesOf(
  "55da818000010001000000000f6f7665726c61795f736572766963650000010001" +
    "0f6f7665726c61795f7365727669636500000100010000025800040a000902",
);
const COMPRESSED = bytesOf("420e8580000100010000000003657874036c61620000010001c00c000100010000003c0004c0a84d64");
const NO_SUCH_NAME = bytesOf("137081830001000000000000066e6f73756368036c61620000010001");
const NO_DATA = bytesOf("043981800001000000000000026132 00001c0001");
const POINTER = bytesOf(
  "401481800001000100000000013301300231390331373207696e2d61646472046172706100000c0001" +
    "013301300231390331373207696e2d61646472046172706100000c00010000025800080261320362724100",
);
const REAL = [QUERY, ANSWER, COMPRESSED, NO_SUCH_NAME, NO_DATA, POINTER];

/** Records in all sections, names that point at each other. */
const CHAIN = dns.encode({
  response: true,
  questions: [{ name: "www.example.com", type: 1, class: 1 }],
  answers: [
    { record: "cname", name: "www.example.com", class: 1, ttl: 300, target: "web.example.com" },
    { record: "a", name: "web.example.com", class: 1, ttl: 60, address: parseIpv4("10.0.9.3")! },
  ],
  authorities: [{ record: "ns", name: "example.com", class: 1, ttl: 9, target: "ns.example.com" }],
  additionals: [
    {
      record: "opt",
      name: ".",
      udpSize: 1232,
      extendedRcode: 0,
      version: 0,
      dnssecOk: false,
      reserved: 0,
      options: [{ code: 10, data: bytesOf("0102030405060708") }],
    },
  ],
});

describe("a real query", () => {
  const view = viewOf(QUERY);

  it("reads", () => {
    expect(dns.check(view, 0, QUERY.length)).toBe(Status.ok);
    expect(dns.id(view, 0)).toBe(0x55da);
    expect(dns.flags(view, 0)).toBe(dns.DnsFlag.recursionDesired);
    expect(dns.response(view, 0)).toBe(false);
    expect(dns.opcode(view, 0)).toBe(dns.DnsOpcode.query);
    expect(dns.rcode(view, 0)).toBe(dns.DnsRcode.noError);
    expect([dns.questionCount(view, 0), dns.answerCount(view, 0)]).toEqual([1, 0]);
    expect([dns.authorityCount(view, 0), dns.additionalCount(view, 0)]).toEqual([0, 0]);
    expect(dns.questionType(view, 0)).toBe(record.DnsType.a);
    expect(dns.payloadStart(view, 0, QUERY.length)).toBe(QUERY.length);
    expect(dns.payloadEnd(view, 0, QUERY.length)).toBe(QUERY.length);
  });

  it("has a header that is built from its parts in a dirty buffer", () => {
    const built = dirtyView(14);
    dns.setId(built, 1, 0x55da);
    dns.setFlags(built, 1, dns.DnsFlag.recursionDesired);
    dns.setQuestionCount(built, 1, 1);
    dns.setAnswerCount(built, 1, 0);
    dns.setAuthorityCount(built, 1, 0);
    dns.setAdditionalCount(built, 1, 0);
    expect(hexOfView(built)).toBe(`a5${hexOf(QUERY.slice(0, 12))}a5`);
  });

  it("decodes", () => {
    expect(decoded(QUERY)).toEqual({
      id: 0x55da,
      response: false,
      opcode: 0,
      authoritative: false,
      truncated: false,
      recursionDesired: true,
      recursionAvailable: false,
      reserved: false,
      authenticData: false,
      checkingDisabled: false,
      rcode: 0,
      questionCount: 1,
      answerCount: 0,
      authorityCount: 0,
      additionalCount: 0,
      questions: [{ name: "overlay_service", type: 1, class: 1 }],
      answers: [],
      authorities: [],
      additionals: [],
    });
  });
});

describe("real answers", () => {
  it("decode", () => {
    expect(decoded(ANSWER).answers).toEqual([
      { record: "a", name: "overlay_service", class: 1, ttl: 600, address: parseIpv4("10.0.9.2") },
    ]);
    expect(decoded(COMPRESSED).answers).toEqual([
      { record: "a", name: "ext.lab", class: 1, ttl: 60, address: parseIpv4("192.168.77.100") },
    ]);
    expect(decoded(POINTER).answers).toMatchObject([{ record: "ptr", target: "a2.brA" }]);
  });

  it("are walked without building anything", () => {
    const view = viewOf(ANSWER);
    const fixed = nameEnd(view, QUERY.length);
    expect(record.recordType(view, fixed)).toBe(record.DnsType.a);
    expect(record.recordClass(view, fixed)).toBe(record.DnsClass.in);
    expect(record.ttl(view, fixed)).toBe(600);
    expect(record.dataLength(view, fixed)).toBe(4);
    expect(view.getInt32(record.dataStart(view, fixed))).toBe(parseIpv4("10.0.9.2"));
    expect(record.checkRecord(view, 0, QUERY.length, ANSWER.length)).toBe(ANSWER.length);
  });

  it("encode to the same bytes: compressed, or not", () => {
    for (const bytes of REAL) {
      const options = { compress: bytes === COMPRESSED };
      expect(dns.encode(decoded(bytes), undefined, options)).toEqual(bytes);
      expect(decoded(dns.encode(decoded(bytes), undefined, { compress: !options.compress }))).toEqual(decoded(bytes));
    }
  });

  it("read as a person would say it", () => {
    expect(REAL.map(format)).toEqual([
      "query A overlay_service",
      "response NOERROR A 10.0.9.2 ttl 600",
      "response NOERROR A 192.168.77.100 ttl 60",
      "response NXDOMAIN A nosuch.lab",
      "response NOERROR AAAA a2 no answers",
      "response NOERROR PTR a2.brA ttl 600",
    ]);
  });
});

describe("check", () => {
  it.each<[string, string, string]>([
    ["an address of three bytes", "00 0001 0001 00000000 0003 0a0009", "badOption"],
    ["an IPv6 address of four bytes", "00 001c 0001 00000000 0004 0a000902", "badOption"],
    ["a target that ends before its data", "00 0005 0001 00000000 0003 0000 00", "badOption"],
    ["a target that goes past its data", "00 0005 0001 00000000 0002 0361626300", "badOption"],
    ["a target cut inside a pointer", "0161 00 0005 0001 00000000 0001 c00c", "badOption"],
    ["an exchange without room", "00 000f 0001 00000000 0001 0a", "badOption"],
    ["a start of authority without its numbers", "00 0006 0001 00000000 0003 000000", "badOption"],
    ["a text string that goes past its data", "00 0010 0001 00000000 0002 0361 6263", "badOption"],
    ["a pointer to itself", "c00c 0001 0001 00000000 0004 0a000902", "badPointer"],
    ["a target that points forward", "00 0005 0001 00000000 0002 c020", "badPointer"],
    ["a label of type 01", "4100 0001 0001 00000000 0004 0a000902", "unsupported"],
    ["data that is not there", "00 0001 0001 00000000 0004 0a0009", "truncated"],
    ["a record that stops before its data", "00 0001 0001 000000", "truncated"],
  ])("refuses %s", (_what, hex, code) => {
    const bytes = message(1, hex);
    expect(dns.decode(bytes)).toMatchObject({ ok: false, error: { code, layer: "dns" } });
    expect(format(bytes)).toBe("response NOERROR no answers malformed");
  });

  it("takes any type's data of length 0: updates have it (RFC 2136 §2.4)", () => {
    for (const type of [1, 5, 6, 15, 16, 28, 33]) {
      const bytes = message(1, `00 ${type.toString(16).padStart(4, "0")} 00ff 00000000 0000`);
      expect(decoded(bytes).answers).toEqual([
        { record: "raw", name: ".", class: 255, ttl: 0, type, data: new Uint8Array() },
      ]);
      expect(dns.encode(decoded(bytes))).toEqual(bytes);
    }
  });

  it("refuses every prefix, and says that more is needed", () => {
    for (const bytes of [...REAL, CHAIN]) {
      for (let length = 0; length < bytes.length; length++) {
        const prefix = bytes.slice(0, length);
        expect(dns.check(viewOf(prefix), 0, length)).toBe(Status.truncated);
        const result = dns.decode(prefix);
        expect(result).toMatchObject({ ok: false, error: { code: "truncated", available: length } });
        if (!result.ok) expect(result.error.required).toBeGreaterThan(length);
      }
    }
  });

  it("starts where the message does, not where the view does", () => {
    const bytes = Uint8Array.from([...QUERY, ...CHAIN]);
    const view = viewOf(bytes);
    expect(dns.check(view, QUERY.length, bytes.length)).toBe(Status.ok);
    expect(dns.plain(view, QUERY.length, bytes.length)).toEqual(decoded(CHAIN));
  });

  it("leaves what follows the last record", () => {
    const bytes = Uint8Array.from([...CHAIN, 1, 2, 3]);
    expect(dns.payloadStart(viewOf(bytes), 0, bytes.length)).toBe(CHAIN.length);
    expect(dns.encode(decoded(bytes), bytesOf("010203"))).toEqual(bytes);
  });
});

describe("a message that is cut", () => {
  it("shows what is there", () => {
    const view = viewOf(CHAIN);
    const whole = format(CHAIN);
    expect(whole).toBe("response NOERROR CNAME web.example.com ttl 300, A 10.0.9.3 ttl 60 edns 1232");
    expect(dns.format(view, 0, 20)).toBe("response NOERROR no answers malformed");
    const firstAnswerEnd = 12 + 17 + 4 + (2 + 10 + 6);
    expect(dns.format(view, 0, firstAnswerEnd)).toBe("response NOERROR CNAME web.example.com ttl 300 malformed");
    const cut = dns.plain(view, 0, firstAnswerEnd);
    expect([cut.answerCount, cut.answers.length, cut.authorities, cut.additionals]).toEqual([2, 1, [], []]);
    for (let end = 12; end < CHAIN.length; end++) expect(dns.format(view, 0, end)).toMatch(/malformed$/);
  });
});

describe("layout", () => {
  it("agrees with the accessors", () => {
    const { id, response, opcode, authoritative, truncated, recursionDesired, recursionAvailable } = dns;
    const { reserved, authenticData, checkingDisabled, rcode } = dns;
    const { questionCount, answerCount, authorityCount, additionalCount } = dns;
    expectLayoutAgrees(dns.layout, {
      id,
      response,
      opcode,
      authoritative,
      truncated,
      recursionDesired,
      recursionAvailable,
      reserved,
      authenticData,
      checkingDisabled,
      rcode,
      questionCount,
      answerCount,
      authorityCount,
      additionalCount,
    });
  });

  it("agrees with the setters", () => {
    expectSettersAgree(dns.layout, {
      id: dns.setId,
      questionCount: dns.setQuestionCount,
      answerCount: dns.setAnswerCount,
      authorityCount: dns.setAuthorityCount,
      additionalCount: dns.setAdditionalCount,
    });
  });

  it("has a bit for each flag of the word", () => {
    for (const [name, bit] of Object.entries(dns.DnsFlag)) {
      const row = dns.layout.find((field) => field.name === name);
      expect(row?.bits).toBe(1);
      expect(bit).toBe(0x80000000 >>> (row?.bit ?? 0));
    }
  });
});

const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const data = fc.uint8Array({ maxLength: 20 });
const name = fc
  .array(fc.constantFrom("www", "mail", "example", "COM", "com", "a\\.b", "\\000\\255", "x"), { maxLength: 4 })
  .map((labels) => (labels.length === 0 ? "." : labels.join(".")));
const common = { name, class: uint16, ttl: uint32 };
const anyRecord: fc.Arbitrary<record.DnsRecord> = fc.oneof(
  fc.record({
    record: fc.constant("a" as const),
    ...common,
    address: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  }),
  fc.record({
    record: fc.constant("aaaa" as const),
    ...common,
    address: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  }),
  fc.record({ record: fc.constantFrom("ns" as const, "cname" as const, "ptr" as const), ...common, target: name }),
  fc.record({
    record: fc.constant("soa" as const),
    ...common,
    primary: name,
    mailbox: name,
    serial: uint32,
    refresh: uint32,
    retry: uint32,
    expire: uint32,
    minimum: uint32,
  }),
  fc.record({ record: fc.constant("mx" as const), ...common, preference: uint16, exchange: name }),
  fc.record({
    record: fc.constant("txt" as const),
    ...common,
    strings: fc.array(data, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    record: fc.constant("srv" as const),
    ...common,
    priority: uint16,
    weight: uint16,
    port: uint16,
    target: name,
  }),
  fc.record({
    record: fc.constant("opt" as const),
    name,
    udpSize: uint16,
    extendedRcode: fc.integer({ min: 0, max: 255 }),
    version: fc.integer({ min: 0, max: 255 }),
    dnssecOk: fc.boolean(),
    reserved: fc.integer({ min: 0, max: 0x7fff }),
    options: fc.array(fc.record({ code: uint16, data }), { maxLength: 3 }),
  }),
  fc.record({ record: fc.constant("raw" as const), ...common, type: fc.integer({ min: 42, max: 0xffff }), data }),
);
const section = fc.array(anyRecord, { maxLength: 4 });
const anyMessage: fc.Arbitrary<dns.Dns> = fc
  .record({
    id: uint16,
    response: fc.boolean(),
    opcode: fc.integer({ min: 0, max: 15 }),
    authoritative: fc.boolean(),
    truncated: fc.boolean(),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    reserved: fc.boolean(),
    authenticData: fc.boolean(),
    checkingDisabled: fc.boolean(),
    rcode: fc.integer({ min: 0, max: 15 }),
    questions: fc.array(fc.record({ name, type: uint16, class: uint16 }), { maxLength: 3 }),
    answers: section,
    authorities: section,
    additionals: section,
  })
  .map((value) => ({
    ...value,
    questionCount: value.questions.length,
    answerCount: value.answers.length,
    authorityCount: value.authorities.length,
    additionalCount: value.additionals.length,
  }));

describe("encode", () => {
  it("is undone by decode, with compression and without", () => {
    fc.assert(
      fc.property(anyMessage, fc.boolean(), (value, compress) => {
        const bytes = dns.encode(value, undefined, { compress });
        expect(decoded(bytes)).toEqual(value);
        expect(dns.encode(decoded(bytes), undefined, { compress })).toEqual(bytes);
        expect(format(bytes)).not.toContain("malformed");
      }),
    );
  });

  it("undoes decode in meaning, whatever the bytes: the same value comes back", () => {
    const bytes = fc
      .tuple(anyMessage, fc.boolean(), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }))
      .map(([value, compress, changes]) => {
        const encoded = dns.encode(value, undefined, { compress });
        for (const [at, byte] of changes) encoded[at % encoded.length] = byte;
        return encoded;
      });
    fc.assert(
      fc.property(fc.oneof(bytes, fc.uint8Array({ minLength: 12, maxLength: 60 })), (bytes) => {
        const view = viewOf(bytes);
        const result = dns.decode(bytes);
        expect(result.ok).toBe(dns.check(view, 0, bytes.length) === Status.ok);
        expect(format(bytes).endsWith("malformed")).toBe(!result.ok);
        if (!result.ok) return;
        expect(decoded(dns.encode(result.value, undefined, { compress: false }))).toEqual(result.value);
      }),
      { numRuns: 300 },
    );
  });

  it("counts records unless told otherwise", () => {
    const question = { name: "a", type: 1, class: 1 };
    expect(dns.questionCount(viewOf(dns.encode({ questionCount: 9, questions: [question] })), 0)).toBe(1);
    const wrong = dns.encode({ questionCount: 9, questions: [question] }, undefined, { lengths: "keep" });
    expect(dns.questionCount(viewOf(wrong), 0)).toBe(9);
    expect(dns.check(viewOf(wrong), 0, wrong.length)).toBe(Status.truncated);
  });

  it("refuses values that do not fit", () => {
    expect(() => dns.encode({ id: 65536 })).toThrow("dns id is 65536");
    expect(() => dns.encode({ questions: [{ name: "a..b", type: 1, class: 1 }] })).toThrow("empty label");
    const text = { record: "txt", name: "a", class: 1, ttl: 0, strings: [new Uint8Array(256)] } as const;
    expect(() => dns.encode({ answers: [text] })).toThrow("dns string length is 256");
    const raw = { record: "raw", name: "a", class: 1, ttl: 0, type: 99, data: new Uint8Array(65536) } as const;
    expect(() => dns.encode({ answers: [raw] })).toThrow("dns data length is 65536");
    const aaaa = { record: "aaaa", name: "a", class: 1, ttl: 0, address: new Uint8Array(4) } as const;
    expect(() => dns.encode({ answers: [aaaa] })).toThrow("dns address has 4 bytes, expected 16");
  });
});

describe("words", () => {
  it("for operations, codes and types", () => {
    expect(format(dns.encode({ opcode: 5, response: true, rcode: 9 }))).toBe("update response NOTAUTH");
    expect(format(dns.encode({ opcode: 4, questions: [{ name: "a", type: 6, class: 1 }] }))).toBe("notify SOA a");
    expect(format(dns.encode({ opcode: 3 }))).toBe("opcode 3");
    expect(format(dns.encode({ response: true, rcode: 15, truncated: true }))).toBe("response rcode 15 truncated");
    expect([1, 28, 255, 65, 99].map(record.typeName)).toEqual(["A", "AAAA", "ANY", "HTTPS", "TYPE99"]);
  });
});
