/**
 * A Docker machine as its hooks see it: docker0, a bridge of a user, eth0, and Docker's rules. Packets are taken
 * through the hooks by hand, so that nothing else is tested.
 */
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as sctp from "@hopscope/codec/sctp";
import * as tcp from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import { Loopback } from "../../src/devices/loopback.ts";
import type { NetDevice } from "../../src/device.ts";
import { Checksum, type Frame } from "../../src/frame.ts";
import type { Netns } from "../../src/netns.ts";
import { formatConntrack } from "../../src/netfilter/conntrack-format.ts";
import { Hook } from "../../src/netfilter/hook.ts";
import type { IptablesRelease } from "../../src/netfilter/iptables.ts";
import { Netfilter } from "../../src/netfilter/netfilter.ts";
import type { TableName } from "../../src/netfilter/rule.ts";
import { parseRule } from "../../src/netfilter/rule-parse.ts";
import { machine } from "../engine/machine.ts";
import { ip } from "../engine/overlay-plan.ts";
import { wordsOf } from "./words.ts";

export interface PacketInit {
  readonly from: string;
  readonly to: string;
  readonly payload?: Uint8Array;
  readonly dontFragment?: boolean;
}

const address = (text: string): readonly [ip: number, port: number] => {
  const [host = "", port = "0"] = text.split(":");
  return [ip(host), Number(port)];
};

function packet(protocol: number, { from, to }: PacketInit, payload: Uint8Array): Uint8Array {
  return ipv4.encode({ protocol, srcIp: address(from)[0], dstIp: address(to)[0], ttl: 64 }, payload);
}

/** `from` and `to` as `172.17.0.2:40000`. */
export function udpPacket(init: PacketInit): Uint8Array {
  const [srcIp, srcPort] = address(init.from);
  const [dstIp, dstPort] = address(init.to);
  return packet(17, init, udp.encode({ srcPort, dstPort }, init.payload, { pseudo: { srcIp, dstIp } }));
}

export function tcpPacket(init: PacketInit & Partial<tcp.Tcp>): Uint8Array {
  const [srcIp, srcPort] = address(init.from);
  const [dstIp, dstPort] = address(init.to);
  const { flags, sequence, acknowledgment, window = 1000, options } = init;
  const header = { srcPort, dstPort, flags, sequence, acknowledgment, window, options } as tcp.TcpInit;
  return packet(6, init, tcp.encode(header, init.payload, { pseudo: { srcIp, dstIp } }));
}

export function echo(init: PacketInit & { readonly id: number; readonly type?: 0 | 8 }): Uint8Array {
  const { id, type = 8, payload } = init;
  return packet(1, init, icmp.encode({ kind: "echo", type, identifier: id, sequence: 1 }, payload));
}

export function sctpPacket(init: PacketInit): Uint8Array {
  const [srcPort, dstPort] = [address(init.from)[1], address(init.to)[1]];
  return packet(132, init, sctp.encode({ srcPort, dstPort, verificationTag: 1, chunks: Uint8Array.of(11, 0, 0, 4) }));
}

/** Eight bytes of a protocol that nobody looks into. */
export function otherPacket(protocol: number, init: PacketInit): Uint8Array {
  return packet(protocol, init, new Uint8Array(8));
}

/** An ICMP error about `quoted`. */
export function unreachable(init: PacketInit & { readonly code: number }, quoted: Uint8Array): Uint8Array {
  return packet(1, init, icmp.encode({ kind: "unreachable", code: init.code }, quoted));
}

export class Firewall {
  readonly netns: Netns = machine();
  readonly netfilter: Netfilter;
  readonly docker0: NetDevice;
  readonly user: NetDevice;
  readonly eth0: NetDevice;

  constructor(iptables: IptablesRelease = "1.8.9") {
    this.netns.node.iptables = iptables;
    this.netfilter = new Netfilter(this.netns);
    const device = (name: string, own: string, prefixLength: number): NetDevice => {
      const made = new Loopback(this.netns, { name, mtu: 1500, mac: 0x024200000001 });
      this.netns.addAddress(made, ip(own), prefixLength);
      return made;
    };
    this.docker0 = device("docker0", "172.17.0.1", 16);
    this.user = device("br-1", "172.18.0.1", 16);
    this.eth0 = device("eth0", "192.168.77.12", 24);
    this.netns.netfilter = this.netfilter;
    this.netns.forwarding = true;
  }

  /** `add("nat", "POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE")` */
  add(table: TableName, text: string): void {
    const [chain = "", ...argv] = wordsOf(text);
    this.netfilter.iptables.append(table, chain, parseRule(argv));
  }

  frame(bytes: Uint8Array): Frame {
    const { frames } = this.netns.node;
    const frame = frames.allocate(ethernet.HEADER_LENGTH + bytes.length)!;
    frames.bytes.fill(0, frame.start, frame.start + ethernet.HEADER_LENGTH);
    frames.bytes.set(bytes, frame.start + ethernet.HEADER_LENGTH);
    return frame;
  }

  /** The packet behind the hooks, or undefined if it was dropped. */
  #pass(
    bytes: Uint8Array,
    hooks: readonly (readonly [Hook, NetDevice | undefined, NetDevice | undefined])[],
    isPartial: boolean,
  ): Uint8Array | undefined {
    const { frames } = this.netns.node;
    let frame: Frame | undefined = this.frame(bytes);
    if (isPartial) frame.csum = Checksum.partial;
    for (const [hook, inDevice, outDevice] of hooks) {
      frame = this.netfilter.run(hook, frame, inDevice, outDevice);
      if (frame === undefined) return undefined;
    }
    const passed = frames.bytes.slice(frame.start + ethernet.HEADER_LENGTH, frame.end);
    frames.free(frame);
    return passed;
  }

  /** A packet that is routed from one device to another. */
  forward(bytes: Uint8Array, from: NetDevice, to: NetDevice, isPartial = false): Uint8Array | undefined {
    const hooks = [
      [Hook.prerouting, from, undefined],
      [Hook.forward, from, to],
      [Hook.postrouting, undefined, to],
    ] as const;
    return this.#pass(bytes, hooks, isPartial);
  }

  /** One for this host. */
  input(bytes: Uint8Array, from: NetDevice): Uint8Array | undefined {
    return this.#pass(
      bytes,
      [
        [Hook.prerouting, from, undefined],
        [Hook.input, from, undefined],
      ],
      false,
    );
  }

  /** One of this host's own. */
  output(bytes: Uint8Array, to: NetDevice): Uint8Array | undefined {
    return this.#pass(
      bytes,
      [
        [Hook.output, undefined, to],
        [Hook.postrouting, undefined, to],
      ],
      false,
    );
  }

  /** Lets time pass. */
  wait(seconds: number): void {
    this.netns.node.softnet.spend(seconds * 1_000_000_000);
  }

  /** The connections as /proc/net/nf_conntrack says them, without what is the same in all. */
  get connections(): string[] {
    const { now } = this.netns.node.softnet;
    return this.netfilter.conntrack.list(now).map((entry) =>
      formatConntrack(entry, now)
        .replace(/^ipv4 +2 /, "")
        .replace(" mark=0 zone=0 use=2", ""),
    );
  }

  /** `[packets:bytes]` of the rules and policies that have counted something, as iptables-save prints them. */
  get counters(): string[] {
    const lines = this.netfilter.iptables.save({ counters: true });
    return lines.filter((line) => !/\[0:0\]|^\*|^COMMIT/.test(line));
  }
}
