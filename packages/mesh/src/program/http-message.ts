/**
 * HTTP/1 as small clients and servers speak it (RFC 9112): one request and one response a connection.
 *
 * Not modelled: chunked bodies, several requests on one connection.
 */
import { parseIp } from "../host/ipv6-address.ts";
import { EPOCH_SECONDS } from "../trace/pcapng.ts";
import { UsageError } from "./program.ts";

/** `Sat, 21 Nov 2026 03:46:42 GMT` (RFC 9110 §5.6.7) at a virtual time in nanoseconds. */
export function httpDate(now: number): string {
  return new Date((EPOCH_SECONDS + Math.floor(now / 1_000_000_000)) * 1000).toUTCString();
}

export interface Url {
  /** As it is written, an IPv6 address in brackets; and without them. */
  readonly host: string;
  readonly name: string;
  readonly port: number;
  readonly hasPort: boolean;
  readonly path: string;
}

/** `http://host:port/path`; the scheme may be missing. */
export function parseUrl(command: string, text: string): Url {
  const match = /^(?:(\w+):\/\/)?(\[[^\]/]*\]|[^/:]+)(?::(\d+))?(\/.*)?$/.exec(text);
  if (match === null) throw new UsageError(`${command}: "${text}" is no URL`);
  const [, scheme = "http", host = "", port, path = "/"] = match;
  if (scheme !== "http") throw new UsageError(`${command}: ${scheme}: is not modelled, only http:`);
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw new UsageError(`${command}: port ${port} in "${text}", expected 1 to 65535`);
  }
  const name = host.startsWith("[") ? host.slice(1, -1) : host;
  if (name !== host && parseIp(name) === undefined) throw new UsageError(`${command}: "${name}" is no IPv6 address`);
  return { host, name, port: port === undefined ? 80 : Number(port), hasPort: port !== undefined, path };
}

/** A head that comes in pieces: the first line and the headers. */
export class HttpHead {
  /** As it came. */
  text = "";
  #end = -1;

  /** Takes what has come; true if the head is complete. */
  add(text: string): boolean {
    this.text += text;
    if (this.#end >= 0) return true;
    const match = /\r?\n\r?\n/.exec(this.text);
    if (match === null) return false;
    this.#end = match.index + match[0].length;
    return true;
  }

  get isComplete(): boolean {
    return this.#end >= 0;
  }

  /** The lines before the empty one, without their ends. */
  get lines(): readonly string[] {
    return this.text.slice(0, Math.max(0, this.#end)).trimEnd().split(/\r?\n/);
  }

  /** What came behind the head. */
  get rest(): string {
    return this.text.slice(this.#end);
  }

  header(name: string): string | undefined {
    const prefix = `${name.toLowerCase()}:`;
    const line = this.lines.slice(1).find((each) => each.toLowerCase().startsWith(prefix));
    return line?.slice(prefix.length).trim();
  }

  /** Of a response: 200 and so on; NaN if it is none. */
  get status(): number {
    return Number(/^HTTP\/\d\.\d (\d{3})/.exec(this.lines[0] ?? "")?.[1] ?? Number.NaN);
  }

  /** Bytes of the body if the head says so. */
  get contentLength(): number | undefined {
    const value = this.header("Content-Length");
    return value === undefined ? undefined : Number(value);
  }
}
