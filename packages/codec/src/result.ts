/**
 * What `decode` of every protocol answers: the value, or an error with an address.
 * Errors are data; nothing here throws.
 */
import { type Status, type StatusName, statusName } from "./status.ts";

/** Which length was the bound that a layer ran into. `capture` is the frame's captured length. */
export type LimitedBy =
  | "buffer"
  | "capture"
  | "ethernet.length"
  | "ipv4.headerLength"
  | "ipv4.totalLength"
  | "ipv6.payloadLength"
  | "udp.length"
  | "tcp.dataOffset"
  | "icmp.quote"
  | "dns.length"
  | "option.length";

export interface DecodeError {
  /** Stable name of the {@link Status}. */
  readonly code: StatusName;
  /** Protocol whose check said no: `"ipv4"`. */
  readonly layer: string;
  /** Where that layer starts, in bytes from the start of what was decoded. */
  readonly at: number;
  /** Bytes the layer needs from `at`, as far as its own header can tell. */
  readonly required: number;
  /** Bytes there were from `at`. */
  readonly available: number;
  /** Which length was the bound. */
  readonly limitedBy: LimitedBy;
  /** One sentence made of the above. */
  readonly message: string;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: DecodeError };

/** Composes the error of a failed check. Cold: it builds text. */
export function decodeError(
  status: Status,
  layer: string,
  at: number,
  required: number,
  available: number,
  limitedBy: LimitedBy,
): DecodeError {
  const code = statusName(status);
  const what =
    code === "truncated"
      ? `needs ${required} bytes, there are ${available} (limit: ${limitedBy})`
      : `${code} (${available} bytes, limit: ${limitedBy})`;
  return { code, layer, at, required, available, limitedBy, message: `${layer} at byte ${at}: ${what}` };
}

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail<T>(
  status: Status,
  layer: string,
  at: number,
  required: number,
  available: number,
  limitedBy: LimitedBy = "buffer",
): Result<T> {
  return { ok: false, error: decodeError(status, layer, at, required, available, limitedBy) };
}
