/** What the encoders of all protocols share: whether to repair what follows from the rest, and the pseudo-header. */
import { fold, pseudoHeader4, sum } from "./checksum.ts";

export interface EncodeOptions {
  /** "fix" (default) computes length fields; "keep" writes those given: a tester must be able to write wrong packets. */
  readonly lengths?: "fix" | "keep";
  /** "fill" (default) computes checksums; "keep" writes those given. */
  readonly checksums?: "fill" | "keep";
}

/** The addresses an upper layer's checksum covers: int32 for IPv4, sixteen bytes for IPv6. */
export type PseudoHeader =
  | { readonly srcIp: number; readonly dstIp: number }
  | { readonly srcIp: Uint8Array; readonly dstIp: Uint8Array };

export function pseudoHeaderSum(pseudo: PseudoHeader, protocol: number, length: number): number {
  if (typeof pseudo.srcIp === "number") return pseudoHeader4(pseudo.srcIp, pseudo.dstIp as number, protocol, length);
  const addresses = new Uint8Array(32);
  addresses.set(pseudo.srcIp, 0);
  addresses.set(pseudo.dstIp as Uint8Array, 16);
  return sum(new DataView(addresses.buffer), 0, 32, fold(protocol + (length >>> 16) + (length & 0xffff)));
}

/** As {@link requireBits}, for what is int32 here and uint32 there: an IPv4 address, a sequence number. */
export function requireWord(name: string, value: number): void {
  if (value !== (value | 0) && value !== value >>> 0) {
    throw new RangeError(`${name} is ${value}, expected an integer from ${-(2 ** 31)} to ${2 ** 32 - 1}`);
  }
}

/** Stops a programmer's mistake: a value that its field cannot hold. Cold functions only. */
export function requireBits(name: string, value: number, bits: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new RangeError(`${name} is ${value}, expected an integer from 0 to ${2 ** bits - 1}`);
  }
}
