/** Who hears of ICMP that arrives, and what a host reports to itself. */
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { describe, expect, test } from "vitest";
import { Bridge } from "../../src/devices/bridge.ts";
import type { IcmpListener } from "../../src/host/icmp.ts";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import type { Netns } from "../../src/netns.ts";
import { DropReason } from "../../src/trace/drop-reason.ts";
import { machine, passOn } from "../engine/machine.ts";
import { ip, mac } from "../engine/overlay-plan.ts";
import { hopsOf, lineOf } from "../engine/trace-text.ts";

const OWN = ip("10.0.9.3");
const OTHER = ip("10.0.9.4");
const MAC = mac("02:42:0a:00:09:03");

/** A host on a network with nobody else: its interface is a bridge without ports. */
function host(): Netns {
  const netns = machine();
  netns.addAddress(new Bridge(netns, { name: "eth0", mtu: 1500, mac: MAC }), OWN, 24);
  return netns;
}

function receive(netns: Netns, message: Uint8Array): void {
  const packet = ipv4.encode({ protocol: IpProtocol.icmp, srcIp: OTHER, dstIp: OWN }, message);
  const bytes = ethernet.encode({ srcMac: 1, dstMac: MAC, etherType: EtherType.ipv4 }, packet);
  const { frames } = netns.node;
  const frame = frames.allocate(bytes.length)!;
  frames.bytes.set(bytes, frames.start(frame));
  netns.deviceNamed("eth0")!.receive(frame);
}

describe("a program that listens", () => {
  const heard: string[] = [];
  const listener: IcmpListener = {
    echoReply: () => heard.push("reply"),
    error: (_ipAt, _icmpAt, sequence) => heard.push(`error about ${sequence}`),
  };
  const told = (message: Uint8Array): string[] => {
    const netns = host();
    netns.icmp.listen(7, listener);
    receive(netns, message);
    expect(netns.node.frames.live).toBe(0);
    return heard.splice(0);
  };
  const echo = (type: number, identifier: number): Uint8Array =>
    icmp.encode({ kind: "echo", type, identifier, sequence: 42 }, new Uint8Array(8));
  const about = (message: Uint8Array, protocol: number = IpProtocol.icmp): Uint8Array => {
    const quote = ipv4.encode({ protocol, srcIp: OWN, dstIp: OTHER }, message);
    const error = { kind: "unreachable", type: icmp.IcmpType.destinationUnreachable, code: 1 } as const;
    return icmp.encode({ ...error, nextHopMtu: 0 }, quote);
  };
  const { echoRequest, echoReply } = icmp.IcmpType;

  test("hears of answers with its number", () => {
    expect(told(echo(echoReply, 7))).toEqual(["reply"]);
    expect(told(echo(echoReply, 8))).toEqual([]);
  });

  test("hears of errors about its requests, and about nothing else", () => {
    expect(told(about(echo(echoRequest, 7)))).toEqual(["error about 42"]);
    expect(told(about(echo(echoRequest, 8)))).toEqual([]);
    expect(told(about(echo(echoReply, 7)))).toEqual([]);
    expect(told(about(echo(echoRequest, 7), IpProtocol.udp))).toEqual([]);
    expect(told(about(echo(echoRequest, 7).subarray(0, 4)))).toEqual([]);
    expect(told(about(new Uint8Array(0)))).toEqual([]);
  });
});

describe("a neighbor that does not answer", () => {
  const fail = (srcIp: number, tos: number, length: number): Netns => {
    const netns = host();
    const frame = netns.ipv4.make(IpProtocol.udp, srcIp, OTHER, length, tos, 64, PmtuDiscovery.want)!;
    netns.ipv4.output(frame);
    passOn(netns, 5e9);
    expect(netns.node.frames.live).toBe(0);
    return netns;
  };
  const errorOf = (netns: Netns): DataView => {
    const { recorder } = netns.node;
    const hop = hopsOf(recorder).findIndex((each) => each.point.endsWith("/lo"));
    const bytes = recorder.bytes(recorder.order()[hop]!);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };

  test("is reported with internetwork control and the rest of the type of service (icmp_send, RT_TOS)", () => {
    expect(ipv4.tos(errorOf(fail(OWN, 0xb8, 20)), 14)).toBe(0xd8);
    expect(ipv4.tos(errorOf(fail(OWN, 0, 20)), 14)).toBe(0xc0);
  });

  test("is reported with as much of the packet as makes 576 bytes", () => {
    expect(ipv4.totalLength(errorOf(fail(OWN, 0, 1000)), 14)).toBe(576);
    expect(ipv4.totalLength(errorOf(fail(OWN, 0, 20)), 14)).toBe(20 + 8 + 40);
  });

  test("is reported to nobody if the packet is another host's, and asked for with an address of this one", () => {
    const netns = fail(ip("192.168.77.50"), 0, 20);
    const lines = hopsOf(netns.node.recorder).map(lineOf);
    expect(lines).toEqual(Array(3).fill("alone/host/eth0 out ARP who has 10.0.9.4 tell 10.0.9.3"));
    expect([...netns.node.recorder.unreported]).toEqual([[DropReason.NEIGH_FAILED, 1]]);
  });
});

test("255.255.255.255 is everybody on the link, whatever gateway the route has", () => {
  const netns = host();
  const eth0 = netns.deviceNamed("eth0")!;
  const route = {
    type: 0,
    destination: 0,
    prefixLength: 0,
    via: ip("10.0.9.1"),
    device: eth0.index,
    source: OWN,
  } as const;
  netns.routes.add(route);
  netns.ipv4.output(netns.ipv4.make(IpProtocol.udp, OWN, -1, 20, 0, 64, PmtuDiscovery.want)!);
  const { recorder } = netns.node;
  expect(recorder.hopCount).toBe(1);
  expect([...recorder.bytes(0).subarray(0, 6)]).toEqual(Array(6).fill(0xff));
  expect([...recorder.bytes(0).subarray(12, 14)]).toEqual([0x08, 0x00]);
});
