import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { orderOf } from "../../src/trace/order.ts";

describe("orderOf", () => {
  test("is the stable order by time, whatever runs there are", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 200, size: "max" }), (times) => {
        const expected = [...times.keys()].toSorted((a, b) => times[a]! - times[b]!);
        expect([...orderOf(Float64Array.from(times), times.length)]).toEqual(expected);
      }),
    );
  });

  test("looks at the first `count` times only", () => {
    expect([...orderOf(Float64Array.of(3, 1, 2, 0), 3)]).toEqual([1, 2, 0]);
    expect([...orderOf(new Float64Array(4), 0)]).toEqual([]);
  });
});
