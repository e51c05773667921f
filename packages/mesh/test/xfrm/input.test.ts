/** What the kernel makes of ESP packets that are not as they should be, and counts. */
import { describe, expect, it } from "vitest";
import * as esp from "@hopscope/codec/esp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import type { Frame } from "../../src/frame.ts";
import { SendError } from "../../src/host/ip-output.ts";
import { PmtuDiscovery } from "../../src/host/ipv4.ts";
import type { Netns } from "../../src/netns.ts";
import { dropReasonName } from "../../src/trace/drop-reason.ts";
import { espOutput } from "../../src/xfrm/esp-output.ts";
import { XfrmState, type XfrmStateInit } from "../../src/xfrm/state.ts";
import { xfrmOf } from "../../src/xfrm/xfrm.ts";
import { machine, passOn } from "../engine/machine.ts";
import { ip } from "../engine/overlay-plan.ts";

const THERE = ip("192.168.1.10");
const HERE = ip("192.168.1.11");
const ASSOCIATION: XfrmStateInit = {
  srcIp: THERE,
  dstIp: HERE,
  spi: 0xce838555,
  reqid: 7,
  key: Uint8Array.from({ length: 20 }, (_, index) => index),
  icvLength: 8,
};

/** A host with the association. */
function receiver(): Netns {
  const netns = machine();
  netns.node.aead = aesGcm;
  netns.addAddress(netns.loopback, HERE, 32);
  expect(xfrmOf(netns).addState(ASSOCIATION)).toBe(true);
  return netns;
}

/** A datagram to the host, encrypted by somebody else. */
function packet(netns: Netns, state: XfrmState, protocol = 17): Frame {
  const frame = netns.ipv4.make(protocol, THERE, HERE, 40, 0, 64, PmtuDiscovery.dont, 1)!;
  netns.node.frames.bytes.fill(7, frame.start + 34, frame.end);
  expect(espOutput(netns, frame, state)).toBeUndefined();
  return frame;
}

const sender = (): XfrmState => new XfrmState(ASSOCIATION, aesGcm, [1, 2], 0);

/** Reasons of drops so far. */
const dropped = (netns: Netns): Record<string, number> =>
  Object.fromEntries(Array.from(xfrmOf(netns).dropped, ([reason, count]) => [dropReasonName(reason), count]));

describe("ESP that arrives", () => {
  it("is decrypted, counted and passed on; again if it comes twice or out of order", () => {
    const netns = receiver();
    const state = sender();
    const [first, second] = [packet(netns, state), packet(netns, state)];
    for (const frame of [second, netns.node.frames.clone(first), first]) netns.receive(netns.loopback, frame);
    expect(dropped(netns)).toEqual({});
    expect(xfrmOf(netns).states.list[0]).toMatchObject({ packets: 3, bytes: 120, sequence: 0, integrityFailed: 0 });
  });

  it("with an SPI that nobody here has, or another's address, is not known", () => {
    const netns = receiver();
    const frame = packet(netns, sender());
    esp.setSpi(netns.node.frames.view, frame.start + 34, 0xce838556);
    netns.receive(netns.loopback, frame);
    expect(dropped(netns)).toEqual({ XfrmInNoStates: 1 });
    expect(xfrmOf(netns).statistics()).toContain("XfrmInNoStates          \t1\n");
    expect(xfrmOf(netns).statistics().split("\n")).toHaveLength(29);
  });

  it("that was damaged on its way, or encrypted with another key, is refused", () => {
    const netns = receiver();
    const frame = packet(netns, sender());
    netns.node.frames.bytes[frame.end - 1]! ^= 1;
    netns.receive(netns.loopback, frame);
    const other = new XfrmState({ ...ASSOCIATION, key: new Uint8Array(20) }, aesGcm, [1, 2], 0);
    netns.receive(netns.loopback, packet(netns, other));
    expect(dropped(netns)).toEqual({ XfrmInStateProtoError: 2 });
    expect(xfrmOf(netns).states.list[0]).toMatchObject({ packets: 0, integrityFailed: 2 });
  });

  it("that holds nothing is a dummy (RFC 4303 §2.6)", () => {
    const netns = receiver();
    netns.receive(netns.loopback, packet(netns, sender(), 59));
    expect(dropped(netns)).toEqual({ XfrmInStateProtoError: 1 });
    expect(xfrmOf(netns).states.list[0]!.integrityFailed).toBe(0);
  });

  it("that is too short for an SPI has none", () => {
    const netns = receiver();
    const frame = packet(netns, sender());
    netns.node.frames.resize(frame, 34 + 7);
    const { view } = netns.node.frames;
    ipv4.setTotalLength(view, frame.start + 14, 27);
    ipv4.fillChecksum(view, frame.start + 14);
    netns.receive(netns.loopback, frame);
    expect(dropped(netns)).toEqual({ XfrmInHdrError: 1 });
  });

  it("leaves no frame behind, whatever becomes of it", () => {
    const netns = receiver();
    for (const protocol of [17, 59]) netns.receive(netns.loopback, packet(netns, sender(), protocol));
    passOn(netns, 1e9);
    expect(netns.node.frames.live).toBe(0);
  });

  it("is an unknown protocol where there never was an association", () => {
    const netns = machine();
    netns.addAddress(netns.loopback, HERE, 32);
    netns.receive(netns.loopback, packet(netns, sender()));
    expect(netns.xfrm).toBeUndefined();
  });
});

describe("a policy", () => {
  const MARK = { value: 0xd0c4e3, mask: 0xffffffff };
  const template = { srcIp: HERE, dstIp: THERE, spi: 0x100, reqid: 7 };
  const POLICY = { srcIp: HERE, dstIp: THERE, dstPort: 4789, mark: MARK, template };

  function send(netns: Netns, mark: number, port: number): SendError {
    const frame = netns.ipv4.make(17, HERE, THERE, 8, 0, 64, PmtuDiscovery.dont, 1)!;
    netns.node.frames.view.setUint16(frame.start + 36, port);
    frame.mark = mark;
    return netns.ipv4.output(frame);
  }

  function host(): Netns {
    const netns = receiver();
    netns.addAddress(netns.loopback, THERE, 24);
    expect(xfrmOf(netns).policies.add(POLICY, 0)).toBe(true);
    return netns;
  }

  it("wants its association to be there", () => {
    const netns = host();
    expect(send(netns, MARK.value, 4789)).toBe(SendError.networkUnreachable);
    expect(dropped(netns)).toEqual({ XfrmOutNoStates: 1 });
    expect(xfrmOf(netns).addState({ ...ASSOCIATION, srcIp: HERE, dstIp: THERE, spi: 0x100 })).toBe(true);
    expect(send(netns, MARK.value, 4789)).toBe(SendError.none);
    expect(xfrmOf(netns).states.list[0]).toMatchObject({ sequence: 1, packets: 1 });
    // Deleted, it is used no more, though the way was known.
    expect(xfrmOf(netns).deleteState(THERE, 0x100)).toBe(true);
    expect(xfrmOf(netns).deleteState(THERE, 0x100)).toBe(false);
    expect(send(netns, MARK.value, 4789)).toBe(SendError.networkUnreachable);
  });

  it("is about its own port, and what is marked", () => {
    const netns = host();
    expect(send(netns, 0, 4789)).toBe(SendError.none);
    expect(send(netns, MARK.value, 4790)).toBe(SendError.none);
    expect(send(netns, MARK.value ^ 1, 4789)).toBe(SendError.none);
    expect(dropped(netns)).toEqual({});
  });

  it("is added once, and replaced in its place", () => {
    const { policies } = xfrmOf(host());
    expect(policies.add(POLICY, 1)).toBe(false);
    const other = { ...POLICY, dstPort: 4790 };
    expect(policies.add(other, 1)).toBe(true);
    policies.update({ ...POLICY, template: { ...template, spi: 0x200 } }, 2);
    expect(policies.list.map(({ index, policy }) => [index, policy.dstPort, policy.template.spi])).toEqual([
      [1, 4789, 0x200],
      [9, 4790, 0x100],
    ]);
    expect(policies.delete(other)).toBe(true);
    expect(policies.delete(other)).toBe(false);
    expect(policies.list).toHaveLength(1);
  });
});

describe("an association", () => {
  it("is the only one with its SPI for its destination", () => {
    const xfrm = xfrmOf(receiver());
    expect(xfrm.addState(ASSOCIATION)).toBe(false);
    expect(xfrm.addState({ ...ASSOCIATION, dstIp: THERE })).toBe(true);
    expect(xfrm.states.list.map(({ dstIp }) => dstIp)).toEqual([THERE, HERE]);
  });

  it("has a key of 16 bytes and a salt", () => {
    expect(() => new XfrmState({ ...ASSOCIATION, key: new Uint8Array(16) }, aesGcm, [0, 0], 0)).toThrow(
      "xfrm: expected a key of 20 bytes, found 16",
    );
  });
});
