/**
 * What `curl -v` says beside the answer (curl 7.88: lib/sendf.c, infof; src/tool_cb_dbg.c, tool_debug_cb), as where its
 * output goes to a file: how much data there was instead of the data. Recorded in fixtures/sockets, "loopback6".
 *
 * Not modelled: what -d sends.
 */
import { formatEndpoint, formatIp } from "../host/ipv6-address.ts";

export class CurlVerbose {
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  tries(ip: number, port: number): void {
    this.#print(`*   Trying ${formatEndpoint(ip, port)}...`);
  }

  isRefused(ip: number, port: number, reason: string): void {
    this.info(`connect to ${formatIp(ip)} port ${port} failed: ${reason}`);
  }

  isConnected(name: string, ip: number, port: number): void {
    this.info(`Connected to ${name} (${formatIp(ip)}) port ${port} (#0)`);
  }

  /** The head of a request, or of a response. */
  head(direction: ">" | "<", lines: readonly string[]): void {
    for (const line of [...lines, ""]) this.#print(`${direction} ${line}`);
  }

  received(length: number): void {
    if (length > 0) this.#print(`{ [${length} bytes data]`);
  }

  failed(message: string): void {
    this.info(message);
    this.closes();
  }

  closes(): void {
    this.info("Closing connection 0");
  }

  info(text: string): void {
    this.#print(`* ${text}`);
  }
}
