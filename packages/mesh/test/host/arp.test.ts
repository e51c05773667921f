/** Who answers ARP, and as whom a host asks: net.ipv4.conf.DEVICE.arp_ignore and arp_announce. */
import * as arp from "@hopscope/codec/arp";
import * as ethernet from "@hopscope/codec/ethernet";
import { formatIpv4 } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { readSysctl, writeSysctl } from "../../src/inspect/sysctls.ts";
import type { Netns } from "../../src/netns.ts";
import { Lab } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";

/** a has a virtual address on its loopback device, as a real server behind a balancer has. */
class Pair extends Lab {
  readonly a: Netns = this.netns("a");
  readonly b: Netns = this.netns("b");

  constructor() {
    super();
    this.wire(this.a, "10.1.0.1/24", this.b, "10.1.0.2/24");
    this.a.addAddress(this.a.loopback, ip("10.1.0.100"), 32);
  }

  /** `operation sender > target` of the ARP frames that left. */
  arps(): string[] {
    const { recorder } = this;
    const words: string[] = [];
    for (const hop of recorder.order()) {
      const bytes = recorder.bytes(hop);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (ethernet.etherType(view, 0) !== 0x0806 || recorder.direction(hop) !== 2) continue;
      const operation = arp.operation(view, 14) === 1 ? "asks" : "answers";
      words.push(`${operation} ${formatIpv4(arp.senderIp(view, 14))} > ${formatIpv4(arp.targetIp(view, 14))}`);
    }
    return words;
  }
}

describe("a host with an address on another device", () => {
  test("answers for it, and asks as it", () => {
    const lab = new Pair();
    lab.ping(lab.b, "10.1.0.100");
    lab.run();
    expect(lab.arps()).toEqual(["asks 10.1.0.2 > 10.1.0.100", "answers 10.1.0.100 > 10.1.0.2"]);
    lab.ping(lab.a, "10.1.0.77", 8, { srcIp: ip("10.1.0.100") });
    expect(lab.arps().at(-1)).toBe("asks 10.1.0.100 > 10.1.0.77");
  });

  test("does neither if it is told so, as Docker tells it for a virtual address", () => {
    const lab = new Pair();
    expect(writeSysctl(lab.a, "net.ipv4.conf.b.arp_ignore", "1")).toBe(true);
    expect(writeSysctl(lab.a, "net.ipv4.conf.b.arp_announce", "2")).toBe(true);
    expect(writeSysctl(lab.a, "net.ipv4.conf.b.arp_announce", "1")).toBe(false);
    expect(readSysctl(lab.a, "net.ipv4.conf.b.arp_announce")).toBe("2");
    expect(readSysctl(lab.a, "net.ipv4.conf.nobody.arp_ignore")).toBeUndefined();
    lab.ping(lab.b, "10.1.0.100");
    lab.run();
    expect(lab.arps()).toEqual(["asks 10.1.0.2 > 10.1.0.100"]);
    lab.ping(lab.b, "10.1.0.1");
    lab.run();
    expect(lab.arps().slice(1)).toEqual(["asks 10.1.0.2 > 10.1.0.1", "answers 10.1.0.1 > 10.1.0.2"]);
    lab.ping(lab.a, "10.1.0.77", 8, { srcIp: ip("10.1.0.100") });
    expect(lab.arps().at(-1)).toBe("asks 10.1.0.1 > 10.1.0.77");
  });
});
