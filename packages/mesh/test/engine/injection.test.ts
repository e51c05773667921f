/** Whatever arrives wherever: nothing throws, nothing runs for ever, and the end of each frame is told. */
import { BROADCAST_MAC } from "@hopscope/codec/address";
import * as arp from "@hopscope/codec/arp";
import { encapsulate, VxlanTunnel } from "@hopscope/codec/encapsulation";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as udp from "@hopscope/codec/udp";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Mesh } from "../../src/build.ts";
import type { NetDevice } from "../../src/device.ts";
import { inject, Ledger, pass } from "./injection.ts";
import { endpointMac, ip, mac, overlayPlan } from "./overlay-plan.ts";
import { buildPlan } from "./build-plan.ts";

const SECOND = 1e9;
const newMesh = (): Mesh => buildPlan(overlayPlan([2, 1, 1]));

function devicesOf(mesh: Mesh): NetDevice[] {
  const namespaces = [...mesh.nodes.values()].flatMap((node) => [...node.namespaces.values()]);
  return namespaces.flatMap((netns) => netns.devices);
}

const KNOWN = ["10.0.9.1", "10.0.9.3", "10.0.9.4", "10.0.9.5", "10.0.9.7", "192.168.77.11", "192.168.77.12"].map(ip);
const ODD = [
  ...[
    "10.0.9.99",
    "10.0.9.255",
    "192.168.77.99",
    "192.168.77.255",
    "127.0.0.1",
    "127.255.255.255",
    "0.0.0.0",
    "0.1.2.3",
  ],
  ...["224.0.0.1", "239.1.1.1", "255.255.255.255", "8.8.8.8"],
].map(ip);
const ODD_MACS = [
  "00:00:00:00:00:00",
  "01:00:5e:00:00:01",
  "01:80:c2:00:00:00",
  "01:80:c2:00:00:0e",
  "0e:00:00:00:00:01",
];

const address = fc.oneof(fc.constantFrom(...KNOWN), fc.constantFrom(...KNOWN, ...ODD));
const station = fc.oneof(address.map(endpointMac), fc.constantFrom(BROADCAST_MAC, ...ODD_MACS.map(mac)));
const word = fc.nat({ max: 0xffff });
const data = fc.uint8Array({ maxLength: 100 });

/** Ethernet frames to somebody who may be who it is meant for. */
function framesTo(dstMac: fc.Arbitrary<number>, dstIp: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> {
  const arps = fc
    .record({
      operation: fc.constantFrom(1, 1, 2, 3),
      senderMac: station,
      senderIp: address,
      targetMac: station,
      targetIp: dstIp,
    })
    .map((fields) => ({ etherType: 0x0806, bytes: arp.encode(fields) }));
  const echoes = fc
    .tuple(fc.constantFrom(icmp.IcmpType.echoRequest, icmp.IcmpType.echoReply), fc.nat({ max: 30 }), word, data)
    .map(([type, identifier, sequence, payload]) => icmp.encode({ kind: "echo", type, identifier, sequence }, payload));
  const datagrams = fc
    .tuple(word, fc.oneof(fc.constant(4789), word), data)
    .map(([srcPort, dstPort, payload]) => udp.encode({ srcPort, dstPort }, payload));
  const payloads = new Map([
    [1, fc.oneof({ weight: 3, arbitrary: echoes }, { weight: 1, arbitrary: data })],
    [17, datagrams],
    [132, data],
  ]);
  const packets = fc
    .record({
      protocol: fc.constantFrom(1, 1, 1, 17, 132),
      srcIp: address,
      dstIp,
      ttl: fc.nat({ max: 255 }),
      tos: word,
    })
    .chain(({ protocol, tos, ...rest }) =>
      fc
        .tuple(payloads.get(protocol)!, fc.constantFrom(0, 0, 0, 0, 0x4000, 0x2000, 0x2001, 0x0003))
        .map(([payload, flagsAndOffset]) => {
          const bytes = ipv4.encode({ protocol, tos: tos & 255, ...rest }, payload);
          const view = new DataView(bytes.buffer, bytes.byteOffset);
          ipv4.setFlagsAndFragmentOffset(view, 0, flagsAndOffset);
          ipv4.fillChecksum(view, 0);
          return { etherType: 0x0800, bytes };
        }),
    );
  const others = fc.record({ etherType: word, bytes: data });
  const payload = fc.oneof(
    { weight: 3, arbitrary: arps },
    { weight: 6, arbitrary: packets },
    { weight: 1, arbitrary: others },
  );
  return fc
    .tuple(dstMac, station, payload)
    .map(([dst, srcMac, { etherType, bytes }]) => ethernet.encode({ dstMac: dst, srcMac, etherType }, bytes));
}

function tunnelledTo(dstMac: fc.Arbitrary<number>, dstIp: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(dstMac, station, address, dstIp, fc.constantFrom(4097, 4097, 4098), framesTo(station, address))
    .map(([dst, srcMac, srcIp, to, vni, inner]) => {
      const bytes = new Uint8Array(50 + inner.length);
      bytes.set(inner, 50);
      const tunnel = new VxlanTunnel({ srcMac, dstMac: dst, srcIp, dstIp: to, vni });
      encapsulate(tunnel, new DataView(bytes.buffer), 50, bytes.length, 1);
      return bytes;
    });
}

/** Bytes changed, cut or padded: `change` is where and to what, `length` the new length. */
function mutated(bytes: Uint8Array, change: readonly [number, number] | null, length: number | null): Uint8Array {
  const frame = new Uint8Array(length === null ? bytes.length : ethernet.HEADER_LENGTH + (length % 200));
  frame.set(bytes.subarray(0, frame.length));
  if (change !== null) frame[change[0] % frame.length] = change[1];
  return frame;
}

const injections = devicesOf(newMesh()).map(({ netns, mac: deviceMac }, device) => {
  const own = netns.addresses.map((each) => each.ip);
  const dstMac = fc.oneof(fc.constant(deviceMac), station);
  const dstIp = own.length === 0 ? address : fc.oneof(fc.constantFrom(...own), address);
  const frame = fc
    .tuple(
      fc.oneof({ weight: 3, arbitrary: framesTo(dstMac, dstIp) }, { weight: 1, arbitrary: tunnelledTo(dstMac, dstIp) }),
      fc.option(fc.tuple(word, fc.nat({ max: 255 })), { freq: 4 }),
      fc.option(word, { freq: 8 }),
    )
    .map(([bytes, change, length]) => mutated(bytes, change, length));
  return fc.record({
    device: fc.constant(device),
    way: fc.constantFrom("in" as const, "out" as const),
    frame,
    delayNs: fc.constantFrom(0, 0, 1000, SECOND),
  });
});

const lists = fc.array(fc.oneof(...injections), { minLength: 1, maxLength: 8 });

/** Lets the frames loose in a mesh that has memory for `spare` more. */
function watch(list: typeof lists extends fc.Arbitrary<infer List> ? List : never, spare: number): void {
  const mesh = newMesh();
  const { frames } = mesh;
  const ledger = new Ledger(mesh);
  const devices = devicesOf(mesh);
  mesh.recorder.start();
  for (const { device, way, frame, delayNs } of list) inject(mesh, devices[device]!, way, frame, delayNs);
  const hoarded = Math.max(0, frames.available - spare);
  for (let count = 0; count < hoarded; count++) mesh.frames.allocate(ethernet.HEADER_LENGTH);
  pass(mesh, 2 * SECOND);
  expect(mesh.frames.live - hoarded).toBe(ledger.waiting());
  // By then all is given up that nobody answers for, or that is not whole.
  pass(mesh, 60 * SECOND);
  expect(ledger.complaints).toEqual([]);
  expect(ledger.reportedDrops()).toBe(ledger.drops);
  expect(mesh.frames.live).toBe(hoarded);
  expect(frames.slots - frames.available).toBe(hoarded);
  expect(mesh.recorder.hopCount).toBeLessThan(100 * list.length);
}

describe("frames from nowhere", () => {
  test("are delivered, dropped with a reason, or wait for a neighbor", () => {
    fc.assert(
      fc.property(lists, (list) => watch(list, Number.POSITIVE_INFINITY)),
      { numRuns: 300 },
    );
  });

  test("also when memory is used up", () => {
    fc.assert(fc.property(lists, fc.nat({ max: 3 }), watch));
  });
});
