/** DNS messages, for the tests of messages and of records. */
import * as dns from "../src/dns.ts";
import { bytesOf, viewOf } from "./hex.ts";

export function decoded(bytes: Uint8Array): dns.Dns {
  const result = dns.decode(bytes);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

export function format(bytes: Uint8Array): string {
  return dns.format(viewOf(bytes), 0, bytes.length);
}

/** A response of answers only, from the hex of its records. */
export function message(answers: number, records: string): Uint8Array {
  return bytesOf(`0000 8000 0000 ${answers.toString(16).padStart(4, "0")} 0000 0000 ${records}`);
}
