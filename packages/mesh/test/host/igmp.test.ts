/** Groups: who takes their packets, and what is reported (Linux net/ipv4/igmp.c). */
import * as ethernet from "@hopscope/codec/ethernet";
import * as igmp from "@hopscope/codec/igmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { describe, expect, test } from "vitest";
import { Bridge } from "../../src/devices/bridge.ts";
import { Lab, type Seen } from "../engine/lab.ts";
import { ip } from "../engine/overlay-plan.ts";

const IGMP = 2;
const SNOOPERS = 0xe000006a | 0;
const GROUP = ip("239.1.1.1");

/** A report's records: `[type, group]`. */
function records({ bytes }: Seen): [number, number][] {
  const view = new DataView(bytes.buffer);
  const at = ethernet.HEADER_LENGTH + 24;
  expect(ipv4.isChecksumValid(view, ethernet.HEADER_LENGTH)).toBe(true);
  expect(igmp.check(view, at, bytes.length)).toBe(0);
  expect(igmp.verifyChecksum(view, at, bytes.length)).toBe(1);
  const count = igmp.numberOfRecords(view, at);
  return Array.from({ length: count }, (_, index) => {
    const record = at + 8 + 8 * index;
    return [view.getUint8(record), view.getInt32(record + 4)];
  });
}

const reportsIn = (lab: Lab, point: string): Seen[] => lab.seen(point, "out").filter((each) => each.protocol === IGMP);

describe("a bridge that comes up", () => {
  const bridge = (lab: Lab, isUp: boolean): Bridge => {
    const netns = lab.netns("overlay");
    const br0 = new Bridge(netns, { name: "br0", mtu: 1450, mac: 0x7e09bafa3c5c, isUp });
    netns.addAddress(br0, ip("10.0.1.1"), 24);
    return br0;
  };

  test("reports the snoopers' group twice, within a second (recording s00)", () => {
    const lab = new Lab();
    const br0 = bridge(lab, false);
    br0.up();
    lab.run(3e9);
    const reports = reportsIn(lab, "overlay/br0");
    expect(reports).toHaveLength(2);
    for (const report of reports) {
      expect(report).toMatchObject({
        srcIp: "10.0.1.1",
        dstIp: "224.0.0.22",
        ttl: 1,
        tos: 0xc0,
        id: 0,
        df: true,
        length: 40,
      });
      expect(records(report)).toEqual([[4, SNOOPERS]]);
      expect(ethernet.dstMac(new DataView(report.bytes.buffer), 0)).toBe(0x01005e000016);
    }
    const [first, second] = lab.recorder.order();
    expect(lab.recorder.time(first!)).toBe(12e6);
    expect(lab.recorder.time(second!) - lab.recorder.time(first!)).toBeGreaterThanOrEqual(8e6);
    expect(lab.recorder.time(second!) - lab.recorder.time(first!)).toBeLessThanOrEqual(1.01e9);
  });

  test("says nothing if it was up before", () => {
    const lab = new Lab();
    const br0 = bridge(lab, true);
    lab.run(3e9);
    expect(lab.seen()).toEqual([]);
    expect(br0.netns.igmp.isMember(br0, SNOOPERS)).toBe(true);
  });

  test("and goes down before it could say so says nothing", () => {
    const lab = new Lab();
    const br0 = bridge(lab, false);
    br0.up();
    br0.down();
    lab.run(3e9);
    expect(lab.seen()).toEqual([]);
  });

  test("without an address of its own has none to report from", () => {
    const lab = new Lab();
    const netns = lab.netns("overlay");
    new Bridge(netns, { name: "br0", mtu: 1450, mac: 2, isUp: false }).up();
    lab.run(3e9);
    expect(reportsIn(lab, "overlay/br0")[0]).toMatchObject({ srcIp: "0.0.0.0" });
  });
});

describe("a host that joins a group", () => {
  test("reports joining and leaving twice each, and takes its packets meanwhile", () => {
    const lab = new Lab();
    const a = lab.netns("a");
    const b = lab.netns("b");
    const [eth] = lab.wire(a, "10.1.0.1/24", b, "10.1.0.2/24");
    a.igmp.join(eth, GROUP);
    a.igmp.join(eth, GROUP);
    lab.run(3e9);
    expect(reportsIn(lab, "a/b").map(records)).toEqual([[[4, GROUP]], [[4, GROUP]]]);
    expect(a.igmp.isMember(eth, GROUP)).toBe(true);
    a.igmp.leave(eth, GROUP);
    expect(a.igmp.isMember(eth, GROUP)).toBe(true);
    a.igmp.leave(eth, GROUP);
    expect(a.igmp.isMember(eth, GROUP)).toBe(false);
    lab.run(3e9);
    expect(reportsIn(lab, "a/b").map(records).slice(2)).toEqual([[[3, GROUP]], [[3, GROUP]]]);
    expect(lab.frames.live).toBe(0);
  });

  test("a join takes back a leave that nobody has heard of", () => {
    const lab = new Lab();
    const a = lab.netns("a");
    const [eth] = lab.wire(a, "10.1.0.1/24", lab.netns("b"), "10.1.0.2/24");
    a.igmp.join(eth, GROUP, false);
    a.igmp.leave(eth, GROUP);
    a.igmp.join(eth, GROUP);
    lab.run(3e9);
    expect(reportsIn(lab, "a/b").map(records)).toEqual([[[4, GROUP]], [[4, GROUP]]]);
  });

  test("hears what is sent to the group, and what it sends itself", () => {
    const lab = new Lab();
    const a = lab.netns("a");
    const b = lab.netns("b");
    const [ethA, ethB] = lab.wire(a, "10.1.0.1/24", b, "10.1.0.2/24");
    a.igmp.join(ethA, GROUP, false);
    lab.ping(b, "239.1.1.1", 56, { device: ethB });
    lab.run();
    // A ping to a group is heard and not answered (icmp_echo_ignore_broadcasts).
    expect(lab.seen("a/b", "in")[0]!.steps).toEqual(["dropped: INVALID_PROTO"]);
    lab.ping(a, "239.1.1.1", 56, { device: ethA });
    lab.run();
    const own = lab.seen("a/b", "out")[0]!;
    expect(own.steps).toEqual(["route to 239.1.1.1 by b"]);
    expect(ethernet.dstMac(new DataView(own.bytes.buffer), 0)).toBe(0x01005e010101);
    // The copy for itself passes no tap, and ends as any other.
    expect(lab.recorder.unreported.size + lab.steps().filter((step) => step === "dropped: INVALID_PROTO").length).toBe(
      2,
    );
    expect(lab.frames.live).toBe(0);
  });

  test("others do not", () => {
    const lab = new Lab();
    const a = lab.netns("a");
    const b = lab.netns("b");
    const [, ethB] = lab.wire(a, "10.1.0.1/24", b, "10.1.0.2/24");
    lab.ping(b, "239.1.1.1", 56, { device: ethB });
    lab.run();
    expect(lab.seen("a/b", "in")[0]!.steps).toEqual(["dropped: IP_INADDRERRORS"]);
  });

  test("reports of others tell it nothing", () => {
    const lab = new Lab();
    const a = lab.netns("a");
    const b = lab.netns("b");
    const [ethA, ethB] = lab.wire(a, "10.1.0.1/24", b, "10.1.0.2/24");
    a.igmp.join(ethA, ip("224.0.0.22"), false);
    b.igmp.join(ethB, GROUP);
    lab.run(3e9);
    expect(lab.seen("a/b", "in").map((each) => each.steps)).toEqual([
      ["dropped: IGMP_CONSUMED"],
      ["dropped: IGMP_CONSUMED"],
    ]);
  });
});
