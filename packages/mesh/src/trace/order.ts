/**
 * Sorts what is nearly sorted: each node's hops are in its own order already, and nodes are only a little ahead of each
 * other. A natural merge sort takes the runs that are there, so that a million hops cost a few passes.
 */

/** Indexes of the first `count` times, by time; equal times by index. */
export function orderOf(times: Float64Array, count: number): Int32Array {
  let from = new Int32Array(count);
  for (let index = 0; index < count; index++) from[index] = index;
  /** Where runs start, and the end of the last one. */
  let bounds: number[] = [0];
  for (let index = 1; index < count; index++) if (times[index]! < times[index - 1]!) bounds.push(index);
  bounds.push(count);
  let to = new Int32Array(bounds.length > 2 ? count : 0);
  while (bounds.length > 2) {
    const merged: number[] = [0];
    for (let run = 0; run + 1 < bounds.length; run += 2) {
      const middle = bounds[run + 1]!;
      const end = bounds[run + 2] ?? middle;
      merge(times, from, to, bounds[run]!, middle, end);
      merged.push(end);
    }
    bounds = merged;
    [from, to] = [to, from];
  }
  return from;
}

/** Merges [start, middle) and [middle, end); of equal times the one of the first run comes first. */
function merge(
  times: Float64Array,
  from: Int32Array,
  to: Int32Array,
  start: number,
  middle: number,
  end: number,
): void {
  // Runs overlap only a little: what comes before all of the second, and what behind all of the first, stays in place.
  const first = middle < end ? places(times, from, start, middle, times[from[middle]!]!, true) : middle;
  const last = middle < end ? places(times, from, middle, end, times[from[middle - 1]!]!, false) : end;
  to.set(from.subarray(start, first), start);
  to.set(from.subarray(last, end), last);
  let left = first;
  let right = middle;
  for (let at = first; at < last; at++) {
    const isLeft = left < middle && (right >= last || times[from[left]!]! <= times[from[right]!]!);
    to[at] = isLeft ? from[left++]! : from[right++]!;
  }
}

/** Where in the run [start, end) the times begin that are later than `time`, or, without `isAfterEqual`, not earlier. */
function places(
  times: Float64Array,
  from: Int32Array,
  start: number,
  end: number,
  time: number,
  isAfterEqual: boolean,
): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = times[from[middle]!]!;
    if (other < time || (isAfterEqual && other === time)) low = middle + 1;
    else high = middle;
  }
  return low;
}
