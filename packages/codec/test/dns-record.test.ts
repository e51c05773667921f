import { describe, expect, it } from "vitest";
import { parseIpv4, parseIpv6 } from "../src/address.ts";
import * as dns from "../src/dns.ts";
import * as record from "../src/dns-record.ts";
import { decoded, format, message } from "./dns-message.ts";
import { bytesOf, hexOf } from "./hex.ts";

/** All record types, made here and read the same by tshark: SRV, CNAME, A, AAAA, PTR, MX, TXT; SOA, NS; OPT, type 65280. */
const ALL_TYPES = bytesOf(
  "123485800001000700020002055f68747470045f746370076578616d706c6503636f6d0000210001c00c002100010000012c001700010002" +
    "005003777777076578616d706c6503636f6d00c03a000500010000012c000603776562c017c057000100010000012c00040a000903c057" +
    "001c00010000012c001020010db800000000000000000000000101330139013002313007696e2d61646472046172706100000c00010000" +
    "012c0002c057c017000f00010000012c0009000a046d61696cc017c017001000010000012c000e0a763d73706631202278220200ffc017" +
    "000600010000012c0027026e73c0170b686f73742e6d6173746572c01778a3f17500000e1000000258000151800000003cc01700020001" +
    "0000012c0002c0e700002904d000008000000c000a0008010203040506070800ff0000010000012c0003010203",
);

describe("all record types", () => {
  const value = decoded(ALL_TYPES);
  const common = { class: 1, ttl: 300 };

  it("decode", () => {
    expect(value.answers).toEqual([
      {
        record: "srv",
        name: "_http._tcp.example.com",
        ...common,
        priority: 1,
        weight: 2,
        port: 80,
        target: "www.example.com",
      },
      { record: "cname", name: "www.example.com", ...common, target: "web.example.com" },
      { record: "a", name: "web.example.com", ...common, address: parseIpv4("10.0.9.3") },
      { record: "aaaa", name: "web.example.com", ...common, address: parseIpv6("2001:db8::1") },
      { record: "ptr", name: "3.9.0.10.in-addr.arpa", ...common, target: "web.example.com" },
      { record: "mx", name: "example.com", ...common, preference: 10, exchange: "mail.example.com" },
      { record: "txt", name: "example.com", ...common, strings: [bytesOf("763d73706631202278 22"), bytesOf("00ff")] },
    ]);
    expect(value.authorities).toEqual([
      {
        record: "soa",
        name: "example.com",
        ...common,
        primary: "ns.example.com",
        mailbox: "host\\.master.example.com",
        serial: 2_024_010_101,
        refresh: 3600,
        retry: 600,
        expire: 86_400,
        minimum: 60,
      },
      { record: "ns", name: "example.com", ...common, target: "ns.example.com" },
    ]);
    expect(value.additionals).toEqual([
      {
        record: "opt",
        name: ".",
        udpSize: 1232,
        extendedRcode: 0,
        version: 0,
        dnssecOk: true,
        reserved: 0,
        options: [{ code: 10, data: bytesOf("0102030405060708") }],
      },
      { record: "raw", name: ".", ...common, type: 65280, data: bytesOf("010203") },
    ]);
  });

  it("encode to the same bytes, names compressed where RFC 3597 §4 lets them", () => {
    expect(dns.encode(value)).toEqual(ALL_TYPES);
    const plain = dns.encode(value, undefined, { compress: false });
    expect(plain.length).toBeGreaterThan(ALL_TYPES.length);
    expect(decoded(plain)).toEqual(value);
  });

  it("never compress the target of a service (RFC 2782), but read one that is", () => {
    const target = `${hexOf(bytesOf("03777777"))}076578616d706c6503636f6d00`;
    expect(hexOf(dns.encode(value))).toContain(target);
    const bytes = message(2, "0161 00 0001 0001 00000000 0004 0a000903  00 0021 0001 00000000 0008 000000000050 c00c");
    expect(decoded(bytes).answers[1]).toMatchObject({ record: "srv", port: 80, target: "a" });
  });

  it("read as a person would say it", () => {
    expect(format(ALL_TYPES)).toBe(
      "response NOERROR SRV 1 2 80 www.example.com ttl 300, CNAME web.example.com ttl 300, A 10.0.9.3 ttl 300, " +
        "AAAA 2001:db8::1 ttl 300, PTR web.example.com ttl 300, MX 10 mail.example.com ttl 300, " +
        'TXT "v=spf1 \\"x\\"" "\\000\\255" ttl 300 edns 1232 do',
    );
    expect([...value.authorities, ...value.additionals].map(record.formatRecord)).toEqual([
      "SOA ns.example.com host\\.master.example.com 2024010101",
      "NS ns.example.com",
      "OPT udp 1232 do",
      "TYPE65280 (3 bytes)",
    ]);
  });
});

describe("EDNS (RFC 6891)", () => {
  it("adds eight bits to the rcode (§6.1.3)", () => {
    const bytes = bytesOf("0001 8000 0000 0000 0000 0001 00 0029 1000 01 00 0000 0000");
    const value = decoded(bytes);
    expect(dns.optOf(value)).toMatchObject({ udpSize: 4096, extendedRcode: 1, version: 0, dnssecOk: false });
    expect(dns.rcodeOf(value)).toBe(dns.DnsRcode.badVersion);
    expect(format(bytes)).toBe("response BADVERS edns 4096");
    const without = decoded(bytesOf("0001 8003 0000 0000 0000 0000"));
    expect(dns.optOf(without)).toBeUndefined();
    expect(dns.rcodeOf(without)).toBe(3);
  });

  it("keeps flags that have no meaning yet", () => {
    const bytes = bytesOf("0001 0000 0000 0000 0000 0001 00 0029 1000 00 07 c001 0000");
    expect(dns.optOf(decoded(bytes))).toMatchObject({ version: 7, dnssecOk: true, reserved: 0x4001 });
    expect(dns.encode(decoded(bytes))).toEqual(bytes);
  });

  it.each([
    ["an option without its length", "0003 000a00"],
    ["an option that goes past the record", "0006 000a0003 aabb"],
  ])("refuses %s", (_what, data) => {
    const bytes = bytesOf(`0001 0000 0000 0000 0000 0001 00 0029 1000 00 00 0000 ${data}`);
    expect(dns.decode(bytes)).toMatchObject({ ok: false, error: { code: "badOption" } });
  });
});
