/** What is inside of ESP, with the keys of a recording. */
import { readFileSync, existsSync } from "node:fs";
import * as esp from "@hopscope/codec/esp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";

/** SPI to key and salt. */
export type EspKeys = ReadonlyMap<number, Uint8Array>;

const KEY_LENGTH = 16;

/** Those of a recording with `NAME.keys.json` beside it. */
export function keysOf(recording: string): EspKeys {
  const file = recording.replace(/\.pcapng\.gz$/, ".keys.json");
  if (!existsSync(file)) return new Map();
  const { keys } = JSON.parse(readFileSync(file, "utf8")) as { readonly keys: Readonly<Record<string, string>> };
  return new Map(
    Object.entries(keys).map(([spi, key]) => [Number.parseInt(spi, 16), Uint8Array.from(Buffer.from(key, "hex"))]),
  );
}

/**
 * The frame with the IPv4 packet at `ipAt` whose ESP goes from `at` to `end`, as if it had not been encrypted; undefined if
 * there is no key for it. Throws if its check value is wrong.
 */
export function opened(
  frame: Uint8Array,
  ipAt: number,
  at: number,
  end: number,
  keys: EspKeys,
): Uint8Array | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const key = keys.get(esp.spi(view, at));
  if (key === undefined) return undefined;
  const icvLength = 8;
  const nonce = new Uint8Array(esp.NONCE_LENGTH);
  const salt = new DataView(key.buffer, key.byteOffset).getUint32(KEY_LENGTH);
  esp.setNonce(new DataView(nonce.buffer), salt, view, at);
  const clear = frame.slice();
  const from = esp.dataStart(at, esp.IV_LENGTH);
  if (!aesGcm(key.subarray(0, KEY_LENGTH), icvLength).open(clear, at, from, esp.icvStart(end, icvLength), nonce))
    throw new Error(`ESP ${esp.format(view, at)}: the check value is wrong`);
  const clearView = new DataView(clear.buffer);
  const data = clear.slice(from, esp.dataEnd(clearView, end, icvLength));
  const plain = new Uint8Array(at + data.length);
  plain.set(frame.subarray(0, at));
  plain.set(data, at);
  const plainView = new DataView(plain.buffer);
  ipv4.setProtocol(plainView, ipAt, esp.nextHeader(clearView, end, icvLength));
  ipv4.setTotalLength(plainView, ipAt, plain.length - ipAt);
  ipv4.fillChecksum(plainView, ipAt);
  return plain;
}
