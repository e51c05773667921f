/**
 * ESP decrypted with the keys of the two nodes: the tag is right only if header, IV, data and ICV lie where esp.ts says
 * (RFC 4106: the nonce is the key's salt and the IV, the header is authenticated). What comes out is compared with the
 * capture that was decrypted with openssl when the recording was made.
 */
import { createDecipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { IpProtocol } from "../../src/code-points.ts";
import { dissect } from "../../src/dissect.ts";
import * as esp from "../../src/esp.ts";
import * as ipv4 from "../../src/ipv4.ts";
import { LayerKind, Layers } from "../../src/layers.ts";
import { Status } from "../../src/status.ts";
import { type FixtureFrame, framesOf, openFixture, readFixture } from "../conformance/captures.ts";

const { ivLength, icvLength, keys } = JSON.parse(readFixture("q5-encrypted.keys.json")) as {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly keys: Readonly<Record<string, string>>;
};

const AES_KEY_LENGTH = 16;

function slice(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at);
}

/** The frame with ESP's inside in the clear, in place. Throws if the tag is wrong. */
function decrypted(frame: FixtureFrame, at: number, end: number): DataView {
  const { view } = frame;
  const spi = esp.spi(view, at).toString(16).padStart(8, "0");
  const key = Buffer.from(keys[spi]!, "hex");
  const iv = slice(view, esp.payloadStart(view, at), esp.dataStart(at, ivLength));
  const nonce = Buffer.concat([key.subarray(AES_KEY_LENGTH), iv]);
  const decipher = createDecipheriv("aes-128-gcm", key.subarray(0, AES_KEY_LENGTH), nonce, {
    authTagLength: icvLength,
  });
  decipher.setAAD(slice(view, at, esp.payloadStart(view, at)));
  decipher.setAuthTag(slice(view, esp.icvStart(end, icvLength), end));
  const start = esp.dataStart(at, ivLength);
  const clear = decipher.update(slice(view, start, esp.icvStart(end, icvLength)));
  decipher.final();
  const copy = slice(view, frame.start, frame.end).slice();
  copy.set(clear, start - frame.start);
  return new DataView(copy.buffer);
}

describe("ESP of an encrypted overlay", () => {
  const layers = new Layers();
  const espFrames = [...framesOf("q5-encrypted.pcapng")].filter(({ view, start, end, linkType }) => {
    dissect(view, start, end, linkType, layers);
    return layers.find(LayerKind.esp) >= 0;
  });

  it("is all there", () => {
    expect(espFrames.length).toBe(160);
  });

  it("has header, IV, data, trailer and tag where the positions say", () => {
    for (const frame of espFrames) {
      dissect(frame.view, frame.start, frame.end, frame.linkType, layers);
      const index = layers.find(LayerKind.esp);
      const end = layers.end(index) - frame.start;
      const at = layers.start(index) - frame.start;
      const clear = decrypted(frame, layers.start(index), layers.end(index));
      expect(esp.checkTrailer(clear, at, end, ivLength, icvLength)).toBe(Status.ok);
      expect(esp.nextHeader(clear, end, icvLength)).toBe(IpProtocol.udp);
      const padding = esp.padLength(clear, end, icvLength);
      const dataLength = esp.dataEnd(clear, end, icvLength) - esp.dataStart(at, ivLength);
      expect(padding).toBe(esp.paddingFor(dataLength));
      expect(esp.encapsulatedLength(dataLength, ivLength, icvLength)).toBe(end - at);
      // RFC 4303 §2.4: the padding counts from 1.
      const dataEnd = esp.dataEnd(clear, end, icvLength);
      expect([...slice(clear, dataEnd, dataEnd + padding)]).toEqual(
        Array.from({ length: padding }, (_, byte) => byte + 1),
      );
    }
  });

  it("holds what openssl found in it", () => {
    const plain = openFixture("q5-encrypted.decrypted.pcap");
    const encrypted = espFrames.filter(isOfFirstNode);
    let compared = 0;
    while (plain.next()) {
      dissect(plain.view, plain.start, plain.end, plain.interface.linkType, layers);
      if (layers.find(LayerKind.udp) < 0) continue;
      const ip = layers.start(layers.find(LayerKind.ipv4));
      const frame = encrypted[compared]!;
      dissect(frame.view, frame.start, frame.end, frame.linkType, layers);
      const index = layers.find(LayerKind.esp);
      const clear = decrypted(frame, layers.start(index), layers.end(index));
      const at = layers.start(index) - frame.start;
      const data = slice(
        clear,
        esp.dataStart(at, ivLength),
        esp.dataEnd(clear, layers.end(index) - frame.start, icvLength),
      );
      expect(Buffer.from(data)).toEqual(
        Buffer.from(slice(plain.view, ipv4.payloadStart(plain.view, ip), ipv4.payloadEnd(plain.view, ip, plain.end))),
      );
      compared++;
    }
    expect(compared).toBe(encrypted.length);
  });
});

const NAMES: ReadonlyMap<number, string | undefined> = interfaceNames();

function interfaceNames(): ReadonlyMap<number, string | undefined> {
  const reader = openFixture("q5-encrypted.pcapng");
  const names = new Map<number, string | undefined>();
  while (reader.next()) names.set(reader.number, reader.interface.name);
  return names;
}

/** The decrypted capture is that of the first node's eth0. */
function isOfFirstNode(frame: FixtureFrame): boolean {
  return NAMES.get(frame.number) === "h1.host.eth0";
}
