/** What holds for every protocol module, as properties; each protocol's test names the parts they apply to. */
import * as fc from "fast-check";
import { expect } from "vitest";
import type { EncodeOptions } from "../src/encode.ts";
import { type Field, readField, writeField } from "../src/field.ts";
import type { Result } from "../src/result.ts";
import { Status } from "../src/status.ts";
import { viewOf } from "./hex.ts";

type Accessor = (view: DataView, at: number) => number | boolean;
type Setter = (view: DataView, at: number, value: never) => void;

/** What the laws call of a protocol module. A module whose functions take fewer arguments fits. */
export interface Protocol<T> {
  check(view: DataView, at: number, end: number): Status;
  payloadStart(view: DataView, at: number, end: number): number;
  decode(bytes: Uint8Array): Result<T>;
  encode(value: T, payload: Uint8Array, options: EncodeOptions): Uint8Array;
  format(view: DataView, at: number, end: number): string;
}

const KEEP: EncodeOptions = { lengths: "keep", checksums: "keep" };

/** Background bytes, where in them the header starts, and a value for a row. */
function placed(rows: readonly Field[]): fc.Arbitrary<{ bytes: Uint8Array; at: number; row: Field; value: number }> {
  const length = Math.max(...rows.map((row) => Math.ceil((row.bit + row.bits) / 8)));
  return fc.constantFrom(...rows).chain((row) =>
    fc.record({
      bytes: fc.uint8Array({ minLength: length + 3, maxLength: length + 3 }),
      at: fc.integer({ min: 0, max: 3 }),
      row: fc.constant(row),
      value: fc.maxSafeNat().map((value) => value % 2 ** row.bits),
    }),
  );
}

/** Rows lie side by side, and in the module each accessor reads the bits of the row that has its name. */
export function expectLayoutAgrees(rows: readonly Field[], module: object): void {
  const accessors = module as Readonly<Record<string, Accessor>>;
  expect(rows.map((row) => row.name).filter((name) => typeof accessors[name] !== "function")).toEqual([]);
  for (const [index, row] of rows.entries()) {
    const previous = rows[index - 1];
    if (previous !== undefined) expect(row.bit, row.name).toBeGreaterThanOrEqual(previous.bit + previous.bits);
  }
  fc.assert(
    fc.property(placed(rows), ({ bytes, at, row, value }) => {
      const view = viewOf(bytes);
      writeField(view, at, row, value);
      expect(unsigned(row, accessors[row.name]!(view, at)), row.name).toBe(value);
    }),
  );
}

/** Each setter writes the bits of the row that has its name, and no other bit. */
export function expectSettersAgree(rows: readonly Field[], setters: Readonly<Record<string, Setter>>): void {
  const set = rows.filter((row) => setters[row.name] !== undefined);
  expect(set.map((row) => row.name).toSorted()).toEqual(Object.keys(setters).toSorted());
  fc.assert(
    fc.property(placed(set), ({ bytes, at, row, value }) => {
      const expected = bytes.slice();
      writeField(viewOf(expected), at, row, value);
      const setter = setters[row.name] as (view: DataView, at: number, value: number | boolean) => void;
      setter(viewOf(bytes), at, row.as === "flag" ? value === 1 : value);
      expect(bytes, row.name).toEqual(expected);
      expect(readField(viewOf(bytes), at, row), row.name).toBe(value);
    }),
  );
}

function unsigned(row: Field, value: number | boolean): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  return row.bits === 32 ? value >>> 0 : value;
}

/**
 * Bytes that decode come back from `encode` with everything kept, whatever they are; `check` and `decode` agree, and
 * what passed the check can be shown. `likely` should make bytes that decode, and bytes that do not.
 */
export function expectBytesSurvive<T>(protocol: Protocol<T>, likely: fc.Arbitrary<Uint8Array>): void {
  // A property that never gets past the check says nothing. Seeded, so that the answer is always the same.
  const samples = fc.sample(likely, { seed: 1, numRuns: 1000 });
  expect(samples.filter((bytes) => protocol.decode(bytes).ok).length).toBeGreaterThan(10);
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: likely }, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      const view = viewOf(bytes);
      const result = protocol.decode(bytes);
      expect(result.ok).toBe(protocol.check(view, 0, bytes.length) === Status.ok);
      if (!result.ok) return;
      expect(protocol.format(view, 0, bytes.length)).not.toBe("");
      const payload = bytes.slice(protocol.payloadStart(view, 0, bytes.length));
      expect(protocol.encode(result.value, payload, KEEP)).toEqual(bytes);
    }),
  );
}

/** A plain value comes back from its encoding. */
export function expectValuesSurvive<T>(
  protocol: Protocol<T>,
  values: fc.Arbitrary<T>,
  options: EncodeOptions = KEEP,
  payloads: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 20 }),
): void {
  fc.assert(
    fc.property(values, payloads, (value, payload) => {
      const bytes = protocol.encode(value, payload, options);
      expect(protocol.decode(bytes)).toEqual({ ok: true, value });
      const view = viewOf(bytes);
      expect(bytes.slice(protocol.payloadStart(view, 0, bytes.length))).toEqual(payload);
    }),
  );
}

/**
 * No prefix of a valid packet throws; up to `required` bytes it is refused, with an error that says how many bytes
 * there were.
 */
export function expectPrefixesRefused<T>(protocol: Protocol<T>, bytes: Uint8Array, required: number): void {
  for (let length = 0; length < bytes.length; length++) {
    const prefix = bytes.slice(0, length);
    const status = protocol.check(viewOf(prefix), 0, length);
    const result = protocol.decode(prefix);
    if (length >= required) continue;
    expect(status, `${length} bytes`).not.toBe(Status.ok);
    expect(result, `${length} bytes`).toMatchObject({ ok: false, error: { at: 0, available: length } });
    if (status === Status.truncated && !result.ok) expect(result.error.required).toBeGreaterThan(length);
  }
  expect(protocol.check(viewOf(bytes), 0, bytes.length)).toBe(Status.ok);
}
