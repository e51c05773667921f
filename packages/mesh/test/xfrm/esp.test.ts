/** ESP against what a real kernel wrote, and against itself. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as esp from "@hopscope/codec/esp";
import * as ethernet from "@hopscope/codec/ethernet";
import * as ipv4 from "@hopscope/codec/ipv4";
import { openCapture } from "@hopscope/tracer/reader";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import { Checksum, type Frame } from "../../src/frame.ts";
import type { Netns } from "../../src/netns.ts";
import { DropReason } from "../../src/trace/drop-reason.ts";
import { espInput } from "../../src/xfrm/esp-input.ts";
import { espOutput } from "../../src/xfrm/esp-output.ts";
import { XfrmState } from "../../src/xfrm/state.ts";
import { ip } from "../engine/overlay-plan.ts";
import { machine } from "../engine/machine.ts";

const FIXTURES = new URL("../../../../fixtures/pcaps/", import.meta.url);
const ICV_LENGTH = 8;

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));

/** A VXLAN packet of 100 bytes, and the same through an encrypted overlay. */
const PLAIN = hex(`
  525400000b0b525400000a0a080045000056000100004011f730c0a8010ac0a8
  010ba97712b500429439080000000010010002420a00010702420a0001030800
  4500002400014000400124cf0a0001030a000107080054351234000161626364
  65666768`);
const ENCRYPTED = hex(`
  525400000b0b525400000a0a080045000070000100004032f6f5c0a8010ac0a8
  010bce83855500000001000000000000000135fa41da917d0ea4857a4b2682ef
  f9e171e09bb6a78687cdd86849f3e17d6f92c3fa6e5ff3b674533f59a647fe8d
  cc37bf5067a2ae912ae3a5cdbb9a2aa0f4fb5d75be9360cfbc5486a400c5`);

function stateOf(spi: number, key: string, iv: readonly [number, number] = [0, 0]): XfrmState {
  const salt = spi.toString(16).padStart(8, "0");
  const init = { srcIp: ip("192.168.1.10"), dstIp: ip("192.168.1.11"), spi, reqid: 1, icvLength: ICV_LENGTH };
  return new XfrmState({ ...init, key: hex(key + salt) }, aesGcm, iv, 0);
}

const KEY = "000102030405060708090a0b0c0d0e0f";
const vectorState = (): XfrmState => stateOf(0xce838555, KEY);

function frameOf(netns: Netns, bytes: Uint8Array): Frame {
  const { frames } = netns.node;
  const frame = frames.allocate(bytes.length)!;
  frames.bytes.set(bytes, frame.start);
  return frame;
}

const bytesOf = (netns: Netns, frame: Frame): string =>
  Buffer.from(netns.node.frames.bytes.slice(frame.start, frame.end)).toString("hex");

describe("a packet of an encrypted overlay", () => {
  it("leaves as computed by hand, byte for byte", () => {
    const netns = machine();
    const frame = frameOf(netns, PLAIN);
    const state = vectorState();
    expect(espOutput(netns, frame, state)).toBeUndefined();
    expect(bytesOf(netns, frame)).toBe(Buffer.from(ENCRYPTED).toString("hex"));
    expect(state).toMatchObject({ sequence: 1, packets: 1, bytes: PLAIN.length - 34, usedAt: 0 });
  });

  it("comes in as it was", () => {
    const netns = machine();
    const frame = frameOf(netns, ENCRYPTED);
    expect(espInput(netns, frame, vectorState())).toBe(PLAIN.length - 34);
    expect(bytesOf(netns, frame)).toBe(Buffer.from(PLAIN).toString("hex"));
  });

  it("is refused with any byte from SPI to tag changed", () => {
    const netns = machine();
    for (let at = 34; at < ENCRYPTED.length; at++) {
      const bytes = ENCRYPTED.slice();
      bytes[at]! ^= 0x10;
      const state = vectorState();
      const frame = frameOf(netns, bytes);
      expect(espInput(netns, frame, state), `byte ${at}`).toBe(-1);
      expect(state.integrityFailed).toBe(1);
      netns.node.frames.free(frame);
    }
  });

  it("is refused if it is too short for IV, trailer and tag", () => {
    const netns = machine();
    for (let length = 34 + 8; length < 34 + 8 + 8 + 2 + 8; length++) {
      const bytes = ENCRYPTED.slice(0, length);
      const view = new DataView(bytes.buffer);
      ipv4.setTotalLength(view, 14, length - 14);
      const frame = frameOf(netns, bytes);
      expect(espInput(netns, frame, vectorState()), `${length} bytes`).toBe(-1);
      netns.node.frames.free(frame);
    }
  });

  it("gets the kernel's IVs: a random number and the sequence number, one over the other", () => {
    const netns = machine();
    const state = stateOf(0x453f6df3, KEY, [0x513441f4, 0xf4bffa53]);
    const ivs = [1, 2, 3, 4].map(() => {
      const frame = frameOf(netns, PLAIN);
      espOutput(netns, frame, state);
      const text = bytesOf(netns, frame).slice((34 + 8) * 2, (34 + 16) * 2);
      netns.node.frames.free(frame);
      return text;
    });
    expect(ivs).toEqual(["513441f4f4bffa52", "513441f4f4bffa51", "513441f4f4bffa50", "513441f4f4bffa57"]);
  });

  it("does not leave when the sequence numbers are used up", () => {
    const netns = machine();
    const state = vectorState();
    state.sequence = 0xfffffffe;
    expect(espOutput(netns, frameOf(netns, PLAIN), state)).toBeUndefined();
    expect(state.sequence).toBe(0xffffffff);
    expect(espOutput(netns, frameOf(netns, PLAIN), state)).toBe(DropReason.XfrmOutStateSeqError);
    expect(state.packets).toBe(1);
  });

  it("has its UDP checksum finished before nobody can", () => {
    const netns = machine();
    const frame = frameOf(netns, PLAIN);
    // Left to a device: the field holds anything.
    netns.node.frames.view.setUint16(frame.start + 34 + 6, 0x1234);
    frame.csum = Checksum.partial;
    expect(espOutput(netns, frame, vectorState())).toBeUndefined();
    expect(bytesOf(netns, frame)).toBe(Buffer.from(ENCRYPTED).toString("hex"));
  });
});

describe("any packet", () => {
  it("that is encrypted is decrypted to the same, and as long as the arithmetic says", () => {
    const netns = machine();
    const { frames } = netns.node;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 3000 }), fc.nat(3), (data, options) => {
        const out = vectorState();
        const headerLength = 20 + options * 4;
        const bytes = new Uint8Array(ethernet.HEADER_LENGTH + headerLength + data.length).fill(1);
        const view = new DataView(bytes.buffer);
        bytes.set(data, ethernet.HEADER_LENGTH + headerLength);
        bytes[14] = 0x40 | (headerLength / 4);
        ipv4.setTotalLength(view, 14, headerLength + data.length);
        ipv4.setProtocol(view, 14, 17);
        ipv4.fillChecksum(view, 14);
        const frame = frameOf(netns, bytes);
        expect(espOutput(netns, frame, out)).toBeUndefined();
        expect(frame.end - frame.start).toBe(
          ethernet.HEADER_LENGTH + headerLength + esp.encapsulatedLength(data.length, esp.IV_LENGTH, ICV_LENGTH),
        );
        expect(espInput(netns, frame, vectorState())).toBe(data.length);
        expect(bytesOf(netns, frame)).toBe(Buffer.from(bytes).toString("hex"));
        frames.free(frame);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the recording q5", () => {
  const { keys } = JSON.parse(readFileSync(new URL("q5-encrypted.keys.json", FIXTURES), "utf8")) as {
    readonly keys: Readonly<Record<string, string>>;
  };

  async function framesAt(file: string, point?: string): Promise<Uint8Array[]> {
    const found: Uint8Array[] = [];
    for await (const packet of await openCapture(new URL(file, FIXTURES).pathname))
      if (point === undefined || packet.interface.name === point) found.push(packet.data.slice());
    return found;
  }

  it("is read: all 80 packets at the first node's interface are what openssl found in them", async () => {
    const netns = machine();
    const recorded = await framesAt("q5-encrypted.pcapng.gz", "h1.host.eth0");
    const expected = await framesAt("q5-encrypted.decrypted.pcap.gz");
    let decrypted = 0;
    const ours = recorded.map((bytes) => {
      const view = new DataView(bytes.buffer);
      if (ethernet.etherType(view, 0) !== 0x0800 || ipv4.protocol(view, 14) !== 50) return bytes;
      const spi = esp.spi(view, 34);
      const state = stateOf(spi, keys[spi.toString(16)]!.slice(0, 32));
      const frame = frameOf(netns, bytes);
      expect(espInput(netns, frame, state)).toBeGreaterThan(0);
      decrypted++;
      const clear = netns.node.frames.bytes.slice(frame.start, frame.end);
      netns.node.frames.free(frame);
      return clear;
    });
    expect(decrypted).toBe(80);
    expect(ours.map((bytes) => Buffer.from(bytes).toString("hex"))).toEqual(
      expected.map((bytes) => Buffer.from(bytes).toString("hex")),
    );
  });
});
