import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../src/checksum.ts";
import * as ethernet from "../src/ethernet.ts";
import * as icmp from "../src/icmp.ts";
import * as ipv4 from "../src/ipv4.ts";
import { Status } from "../src/status.ts";
import * as udp from "../src/udp.ts";
import * as vxlan from "../src/vxlan.ts";
import { HeaderTemplate, writeEcho, writeUdp, writeVxlan } from "../src/write.ts";
import { dirtyView, hexOfView, viewOf } from "./hex.ts";

const bits = (count: number) => fc.integer({ min: 0, max: 2 ** count - 1 });
const address = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const template = fc.record({
  srcMac: bits(48),
  dstMac: bits(48),
  srcIp: address,
  dstIp: address,
  protocol: bits(8),
  ttl: bits(8),
  tos: bits(8),
  dontFragment: fc.boolean(),
});

describe("HeaderTemplate", () => {
  it("writes what the encoders of Ethernet and IPv4 write", () => {
    fc.assert(
      fc.property(template, fc.nat(500), bits(16), (options, length, identification) => {
        const view = dirtyView(40);
        expect(new HeaderTemplate(options).write(view, 3, 20 + length, identification)).toBe(37);
        const packet = ipv4.encode({ ...options, identification }, new Uint8Array(length));
        const frame = ethernet.encode({ ...options, etherType: 0x0800 }, packet);
        expect(hexOfView(view, 3, 37)).toBe(hexOfView(viewOf(frame), 0, 34));
        expect(hexOfView(view, 0, 3) + hexOfView(view, 37, 40)).toBe("a5".repeat(6));
      }),
    );
  });

  it("writes a right checksum for every identification, double carries included", () => {
    const view = dirtyView(34);
    const flow = new HeaderTemplate({ srcMac: 1, dstMac: 2, srcIp: -1, dstIp: 0x0a000905, protocol: 17 });
    for (let id = 0; id <= 0xffff; id++) {
      flow.write(view, 0, 0xffff, id);
      if (!ipv4.isChecksumValid(view, 14)) expect.fail(`identification ${id}`);
    }
  });

  it("refuses values that the headers cannot hold", () => {
    const good = { srcMac: 1, dstMac: 2, srcIp: 3, dstIp: 4, protocol: 17 };
    expect(() => new HeaderTemplate({ ...good, dstMac: 2 ** 48 })).toThrow("dstMac");
    expect(() => new HeaderTemplate({ ...good, protocol: 256 })).toThrow("protocol");
    expect(() => new HeaderTemplate({ ...good, ttl: -1 })).toThrow("ttl");
    expect(() => new HeaderTemplate({ ...good, tos: 1.5 })).toThrow("tos");
  });
});

it("writes UDP and VXLAN headers", () => {
  fc.assert(
    fc.property(bits(16), bits(16), bits(16), bits(16), bits(24), (srcPort, dstPort, length, checksum, vni) => {
      const view = dirtyView(16);
      expect(writeUdp(view, 0, srcPort, dstPort, length, checksum)).toBe(8);
      expect(writeVxlan(view, 8, vni)).toBe(16);
      expect(udp.plain(view, 0)).toEqual({ srcPort, dstPort, length, checksum });
      expect(vxlan.plain(view, 8)).toEqual({ flags: 8, reserved1: 0, groupPolicyId: 0, vni, reserved2: 0 });
    }),
  );
});

it("writes an echo message with its payload and checksum", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 8),
      bits(16),
      bits(16),
      fc.uint8Array({ maxLength: 70 }),
      fc.nat(3),
      (type, identifier, sequence, payload, skip) => {
        const data = new DataView(Uint8Array.from([...Array(skip).fill(0x77), ...payload, 0x99]).buffer);
        const view = dirtyView(8 + payload.length + 6);
        const end = writeEcho(view, 3, type, identifier, sequence, data, skip, skip + payload.length);
        expect(end).toBe(3 + 8 + payload.length);
        expect(icmp.check(view, 3, end)).toBe(Status.ok);
        expect([icmp.type(view, 3), icmp.code(view, 3)]).toEqual([type, 0]);
        expect([icmp.identifier(view, 3), icmp.sequence(view, 3)]).toEqual([identifier, sequence]);
        expect(sum(view, 3, end, 0)).toBe(0xffff);
        expect([...new Uint8Array(view.buffer, 11, payload.length)]).toEqual([...payload]);
        expect(hexOfView(view, 0, 3) + hexOfView(view, end)).toBe("a5".repeat(6));
      },
    ),
  );
});

it("adds up the longest payload of an echo message", () => {
  const payload = new Uint8Array(65_507).fill(0xff);
  const view = dirtyView(8 + payload.length);
  writeEcho(view, 0, 8, 0xffff, 0xffff, viewOf(payload), 0, payload.length);
  expect(sum(view, 0, view.byteLength, 0)).toBe(0xffff);
});
