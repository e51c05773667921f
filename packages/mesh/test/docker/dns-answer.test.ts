import { formatIpv4, parseIpv4 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { DnsClass, DnsType } from "@hopscope/codec/dns-record";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answer, type DnsVerdict, failure } from "../../src/docker/dns-answer.ts";
import { type ContainerNames, type NetworkNames, resolveName } from "../../src/docker/names.ts";

function ip(text: string): number {
  return parseIpv4(text)!;
}

function network(name: string, hosts: Record<string, string[]>, containers: Record<string, string> = {}): NetworkNames {
  return {
    name,
    addresses: (host) => (Object.hasOwn(hosts, host) ? hosts[host]!.map(ip) : undefined),
    containerAt: (address) => containers[formatIpv4(address)],
  };
}

const TASK = "overlay_service.3.ljadiuw31rn7wz89dznbwr8an";
/** What overlay_service.1 saw in the recording s10. */
const S10: ContainerNames = {
  networks: [
    network(
      "myoverlay",
      {
        overlay_service: ["10.0.9.2"],
        "tasks.overlay_service": ["10.0.9.3", "10.0.9.4", "10.0.9.5", "10.0.9.6"],
        rr: ["10.0.9.12", "10.0.9.13", "10.0.9.14"],
        [TASK]: ["10.0.9.5"],
        "09f7a6461c2c": ["10.0.9.5"],
      },
      { "10.0.9.5": TASK },
    ),
    network("docker_gwbridge", {}),
  ],
};
/** As it was handed out in s10. */
const orders: Record<string, string[]> = {
  "tasks.overlay_service": ["10.0.9.5", "10.0.9.3", "10.0.9.6", "10.0.9.4"],
  rr: ["10.0.9.13", "10.0.9.12", "10.0.9.14"],
};
const shuffle = (name: string): readonly number[] => orders[name]!.map(ip);

function query(name: string, type: number, more: dns.DnsInit = {}): Uint8Array {
  const questions = [{ name, type, class: DnsClass.in }];
  return dns.encode({ id: 0x55da, recursionDesired: true, questions, ...more });
}

function ask(message: Uint8Array, transport: "udp" | "tcp" = "udp"): DnsVerdict {
  return answer(message, S10, transport, shuffle);
}

function answered(message: Uint8Array, transport: "udp" | "tcp" = "udp"): { dns: dns.Dns; length: number } {
  const verdict = ask(message, transport);
  if (verdict.kind !== "answer") throw new Error(`expected an answer, got ${verdict.kind}`);
  const decoded = dns.decode(verdict.message);
  if (!decoded.ok) throw new Error("the answer is no message");
  return { dns: decoded.value, length: verdict.message.length };
}

describe("the embedded DNS", () => {
  // Length of the UDP payload: recording s10, frames 3, 7, 11, 19, 63, 71, 79, 191.
  it.each([
    ["overlay_service", DnsType.a, ["10.0.9.2"], 64],
    ["overlay_service", DnsType.aaaa, [], 33],
    ["tasks.overlay_service", DnsType.a, ["10.0.9.5", "10.0.9.3", "10.0.9.6", "10.0.9.4"], 187],
    ["rr", DnsType.a, ["10.0.9.13", "10.0.9.12", "10.0.9.14"], 74],
    [TASK, DnsType.a, ["10.0.9.5"], 120],
    ["09f7a6461c2c", DnsType.a, ["10.0.9.5"], 58],
    ["overlay_service.myoverlay", DnsType.a, ["10.0.9.2"], 84],
    ["5.9.0.10.in-addr.arpa", DnsType.ptr, [`${TASK}.myoverlay`], 127],
  ])("answers %s type %i as in the recording s10", (name, type, expected, length) => {
    const { dns: reply, length: bytes } = answered(query(name, type));
    const answers = reply.answers.map((record) => {
      expect(record).toMatchObject({ name, class: DnsClass.in, ttl: 600 });
      return record.record === "a" ? formatIpv4(record.address) : record.record === "ptr" ? record.target : "";
    });
    expect(answers).toEqual(expected);
    expect(bytes).toBe(length);
    expect(reply).toMatchObject({ id: 0x55da, response: true, rcode: 0, authoritative: false, truncated: false });
    expect(reply).toMatchObject({ recursionDesired: true, recursionAvailable: true });
  });

  it("knows names in any case, and answers with the name as it was asked", () => {
    const { dns: reply } = answered(query("Overlay_Service.MyOverlay", DnsType.a));
    expect(reply.answers).toMatchObject([{ name: "Overlay_Service.MyOverlay", address: ip("10.0.9.2") }]);
  });

  it("says nothing of a container whose name no DNS message can hold", () => {
    const names = { networks: [network("front", {}, { "10.0.9.7": "a".repeat(64) })] };
    expect(answer(query("7.9.0.10.in-addr.arpa", DnsType.ptr), names, "udp", shuffle)).toEqual({ kind: "ignore" });
  });

  it("answers MX of a known name with nothing", () => {
    expect(answered(query("rr", DnsType.mx)).dns).toMatchObject({ rcode: 0, answers: [] });
  });

  it.each([
    ["nosuch", DnsType.a],
    ["nosuch", DnsType.aaaa],
    ["nosuch.lab", DnsType.mx],
    ["ext.lab", DnsType.a],
    ["overlay_service.othernet", DnsType.a],
    ["overlay_service", DnsType.txt],
    ["_http._tcp.overlay_service", DnsType.srv],
    ["9.9.0.10.in-addr.arpa", DnsType.ptr],
    ["9.0.10.in-addr.arpa", DnsType.ptr],
    ["999.9.0.10.in-addr.arpa", DnsType.ptr],
  ])("forwards %s type %i", (name, type) => {
    expect(ask(query(name, type))).toEqual({ kind: "forward", maxSize: 512 });
  });

  it("forwards with the size that the asker takes", () => {
    const opt = (udpSize: number): dns.DnsInit => ({
      additionals: [
        { record: "opt", name: ".", udpSize, extendedRcode: 0, version: 0, dnssecOk: false, reserved: 0, options: [] },
      ],
    });
    expect(ask(query("ext.lab", DnsType.a, opt(1232)))).toEqual({ kind: "forward", maxSize: 1232 });
    expect(ask(query("ext.lab", DnsType.a, opt(100)))).toEqual({ kind: "forward", maxSize: 512 });
    expect(ask(query("ext.lab", DnsType.a), "tcp")).toEqual({ kind: "forward", maxSize: 65_534 });
  });

  it("cuts a long answer to what fits a datagram, and says so; by TCP all fits", () => {
    const many: ContainerNames = {
      networks: [network("net", { "tasks.web": Array.from({ length: 40 }, (_, last) => `10.0.9.${last + 3}`) })],
    };
    const identity = (_: string, addresses: readonly number[]): readonly number[] => addresses;
    const sizes = (["udp", "tcp"] as const).map((transport) => {
      const verdict = answer(query("tasks.web", DnsType.a), many, transport, identity);
      const decoded = verdict.kind === "answer" ? dns.decode(verdict.message) : undefined;
      if (decoded?.ok !== true) throw new Error("no answer");
      return [decoded.value.truncated, decoded.value.answers.length];
    });
    // 12 + 15 + 25 a record: nineteen fit 512.
    expect(sizes).toEqual([
      [true, 19],
      [false, 40],
    ]);
  });

  it("refuses what is no single question", () => {
    const none = dns.encode({ id: 7, recursionDesired: true });
    expect(answered(none).dns).toMatchObject({ id: 7, rcode: dns.DnsRcode.formatError, questions: [] });
    expect(answered(query("rr", DnsType.a).subarray(0, 14)).dns).toMatchObject({ rcode: dns.DnsRcode.formatError });
    expect(answered(query("rr", DnsType.a, { opcode: dns.DnsOpcode.update })).dns).toMatchObject({
      rcode: dns.DnsRcode.notImplemented,
    });
  });

  it("ignores answers and scraps", () => {
    expect(ask(query("rr", DnsType.a, { response: true }))).toEqual({ kind: "ignore" });
    expect(ask(new Uint8Array(11))).toEqual({ kind: "ignore" });
  });

  it("says SERVFAIL if nobody outside has answered", () => {
    const decoded = dns.decode(failure(query("ext.lab", DnsType.a)));
    expect(decoded).toMatchObject({ ok: true, value: { id: 0x55da, rcode: 2, recursionAvailable: true, answers: [] } });
  });

  it("ends with a verdict on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(["answer", "forward", "ignore"]).toContain(ask(bytes).kind);
      }),
    );
  });
});

describe("names of a container", () => {
  const names: ContainerNames = {
    networks: [
      network("b.c", { a: ["10.0.0.1"], both: ["10.0.0.2"] }),
      network("c", { "a.b": ["10.0.1.1"], both: ["10.0.1.2"] }),
      network("x", { "a.b.c": ["10.0.2.1"], empty: [] }),
    ],
  };
  const resolved = (name: string): string[] | undefined =>
    resolveName(names, name)?.map((address) => formatIpv4(address));

  it("prefers the whole name, then the longer host part", () => {
    expect(resolved("a.b.c")).toEqual(["10.0.2.1"]);
    expect(resolved("both.c")).toEqual(["10.0.1.2"]);
    expect(resolved("a.b.c.")).toEqual(["10.0.2.1"]);
    expect(resolveName({ networks: names.networks.slice(0, 2) }, "a.b.c")?.map((each) => formatIpv4(each))).toEqual([
      "10.0.1.1",
    ]);
  });

  it("takes the first network that knows the name, not all", () => expect(resolved("both")).toEqual(["10.0.0.2"]));

  it("knows nobody without an address", () => {
    expect(resolved("empty")).toBeUndefined();
    expect(resolved("")).toBeUndefined();
    expect(resolved(".")).toBeUndefined();
  });
});
