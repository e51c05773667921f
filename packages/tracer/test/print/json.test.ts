import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonPacket, jsonLine, packetJson } from "../../src/print/json.ts";
import type { PrintedOptions, PrintedPacket } from "../../src/print/line.ts";
import { parseSeconds } from "../../src/timestamp.ts";
import {
  ARP_REQUEST,
  bytesOf,
  DNS_ANSWER,
  ECHO_IN_VXLAN,
  layersOf,
  packetOf,
  PORT_UNREACHABLE,
  SYN_OFFLOADED,
} from "./packet.ts";

function json(packet: PrintedPacket): JsonPacket {
  return JSON.parse(jsonLine(packet, layersOf(packet))) as JsonPacket;
}

describe("one packet", () => {
  it("is one object: circumstances, layers with their fields", () => {
    const circumstances = { number: 7, name: "h1.eth0", direction: "out", comments: ["one", "two"] } as const;
    expect(json(packetOf(bytesOf(ARP_REQUEST), circumstances))).toEqual({
      number: 7,
      time: "1795232715.795782355",
      interfaceId: 0,
      interface: "h1.eth0",
      direction: "out",
      capturedLength: 42,
      wireLength: 42,
      linkType: 1,
      comment: "one\ntwo",
      layers: [
        {
          protocol: "ethernet",
          start: 0,
          end: 42,
          fields: { dstMac: "ff:ff:ff:ff:ff:ff", srcMac: "02:42:0a:00:09:03", etherType: 0x0806 },
        },
        {
          protocol: "arp",
          start: 14,
          end: 42,
          fields: {
            hardwareType: 1,
            protocolType: 0x0800,
            hardwareLength: 6,
            protocolLength: 4,
            operation: 1,
            senderMac: "02:42:0a:00:09:03",
            senderIp: "10.0.9.3",
            targetMac: "00:00:00:00:00:00",
            targetIp: "10.0.9.5",
          },
        },
      ],
    });
  });

  it("leaves out what the file does not say", () => {
    const bare = json(packetOf(bytesOf(ARP_REQUEST)));
    expect(Object.keys(bare)).toEqual([
      "number",
      "time",
      "interfaceId",
      "capturedLength",
      "wireLength",
      "linkType",
      "layers",
    ]);
    expect(json({ ...packetOf(bytesOf(ARP_REQUEST)), hasTime: false }).time).toBeNull();
  });

  it("has what a pcapng file says of it, exactly", () => {
    const verdicts = [
      { kind: 0, value: Uint8Array.of(2, 255) },
      { kind: 1, value: 2n ** 64n - 1n },
      { kind: 2, value: 2 },
    ];
    const of = (options: PrintedOptions): JsonPacket => json(packetOf(bytesOf(ARP_REQUEST), { options }));
    const all = of({ packetId: 2 ** 53 - 1, dropCount: 2n ** 53n + 1n, queue: 0, verdicts });
    expect(all).toMatchObject({
      packetId: 9007199254740991,
      dropCount: "9007199254740993",
      queue: 0,
      verdicts: [
        { kind: 0, value: "02ff" },
        { kind: 1, value: "18446744073709551615" },
        { kind: 2, value: 2 },
      ],
    });
    expect(all).not.toHaveProperty("malformedOptions");
    expect(of({ malformed: Uint8Array.of(1, 0, 255, 0) })).toMatchObject({ malformedOptions: "0100ff00" });
    expect(Object.keys(of({}))).toEqual(Object.keys(json(packetOf(bytesOf(ARP_REQUEST)))));
  });

  it("has layers through VXLAN, with the states of checksums, and where the payload is", () => {
    const packet = json(packetOf(bytesOf(ECHO_IN_VXLAN)));
    expect(packet.layers.map((layer) => [layer.protocol, layer.start, layer.end, layer.checksum])).toEqual([
      ["ethernet", 0, 148, undefined],
      ["ipv4", 14, 148, "valid"],
      ["udp", 34, 148, "valid"],
      ["vxlan", 42, 148, undefined],
      ["ethernet", 50, 148, undefined],
      ["ipv4", 64, 148, "valid"],
      ["icmp", 84, 148, "valid"],
    ]);
    expect(packet.payload).toEqual({ start: 92, end: 148 });
    expect(packet.layers[5]!.fields).toMatchObject({ protocol: 1, srcIp: "10.0.9.3", dontFragment: true, options: [] });
  });

  it("has options and records as lists of objects", () => {
    const syn = json(packetOf(bytesOf(SYN_OFFLOADED)));
    expect(syn.layers[2]).toMatchObject({
      protocol: "tcp",
      checksum: "partial",
      fields: {
        options: [
          { option: "mss", mss: 1410 },
          { option: "sackPermitted" },
          { option: "timestamps", value: 180451471, echo: 0 },
          { option: "nop" },
          { option: "windowScale", shift: 10 },
        ],
      },
    });
    const dns = json(packetOf(bytesOf(DNS_ANSWER)));
    expect(dns.layers[3]!.fields).toMatchObject({
      questions: [{ name: "overlay_service", type: 1, class: 1 }],
      answers: [{ record: "a", name: "overlay_service", class: 1, ttl: 600, address: "10.0.9.2" }],
    });
  });

  it("marks the layers that an ICMP error quotes", () => {
    const packet = json(packetOf(bytesOf(PORT_UNREACHABLE)));
    expect(packet.layers.map((layer) => [layer.protocol, layer.quoted, layer.checksum])).toEqual([
      ["ethernet", undefined, undefined],
      ["ipv4", undefined, "valid"],
      ["icmp", undefined, "valid"],
      ["ipv4", true, "valid"],
      ["udp", true, "notVerified"],
    ]);
  });

  it("has the error of a packet that could not be read to its end", () => {
    expect(json(packetOf(bytesOf(ECHO_IN_VXLAN).subarray(0, 60), { wireLength: 148 }))).toMatchObject({
      capturedLength: 60,
      wireLength: 148,
      error: {
        code: "truncated",
        layer: "ipv4",
        at: 14,
        required: 134,
        available: 46,
        limitedBy: "capture",
        message: "ipv4 at byte 14: needs 134 bytes, there are 46 (limit: capture)",
      },
    });
  });

  it("has IPv6 addresses and raw bytes as text", () => {
    const six = bytesOf(`6000000000080040${"00".repeat(15)}01${"ff".repeat(16)}3b00 1e02abcd 0000`);
    const layers = json(packetOf(six, { linkType: 229 })).layers;
    expect(layers[0]!.fields).toMatchObject({ srcIp: "::1", dstIp: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" });
    expect(layers[1]!.fields["options"]).toEqual([
      { option: "raw", type: 0x1e, data: "abcd" },
      { option: "pad1" },
      { option: "pad1" },
    ]);
  });

  it("keeps large numbers exact", () => {
    const bytes = bytesOf(SYN_OFFLOADED);
    new DataView(bytes.buffer).setUint32(38, 0xffffffff);
    expect(json(packetOf(bytes)).layers[2]!.fields["sequence"]).toBe(4294967295);
  });
});

describe("any packet", () => {
  it("is one line that says what the object says, and its time reads back exactly", () => {
    const seconds = fc.oneof(fc.integer({ min: -5e9, max: 5e9 }), fc.integer({ min: -(2 ** 40), max: 2 ** 40 }));
    const frames = fc.tuple(
      fc.constantFrom(ECHO_IN_VXLAN, DNS_ANSWER, SYN_OFFLOADED),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(frames, seconds, fc.nat(999_999_999), fc.string(), ([hex, tail], whole, nanoseconds, text) => {
        const bytes = Uint8Array.from([...bytesOf(hex).subarray(0, 120 - tail.length), ...tail]);
        const packet = packetOf(bytes, { seconds: whole, nanoseconds, comments: [text], name: text });
        const layers = layersOf(packet);
        const line = jsonLine(packet, layers);
        expect(line).not.toMatch(/[\r\n]/);
        const back = JSON.parse(line) as JsonPacket;
        expect(back).toEqual(JSON.parse(JSON.stringify(packetJson(packet, layers))));
        expect(parseSeconds(back.time!)).toEqual({ seconds: whole, nanoseconds });
        expect(back.comment).toBe(text);
      }),
    );
  });
});
