/**
 * When a kernel timer really expires: the longer it runs, the coarser the clock that it is looked at by, and never
 * before its time (Linux kernel/time/timer.c, calc_wheel_index, at 250 Hz). A neighbor's retransmission after a second
 * comes up to 32 ms late, the questioning of a stale one after five seconds up to 256 ms (recordings s11: 1030 and 1028
 * ms, 5120 ms).
 */

/** The kernel counts time in jiffies; 250 Hz. Nanoseconds. */
export const JIFFY = 4_000_000;
/** Levels of the wheel, each eight times coarser than the one before (LVL_DEPTH, LVL_CLK_SHIFT). */
const LEVELS = 9;
/** A level's buckets but one (LVL_SIZE - 1). */
const REACH = 63;

/** The time at which a timer that is set at `now` for `time` is looked at; both in nanoseconds. */
export function expiryOf(time: number, now: number): number {
  const clock = Math.floor(now / JIFFY);
  // `jiffies + delay`, as whoever sets a timer writes it.
  const expires = clock + Math.round((time - now) / JIFFY);
  const distance = expires - clock;
  let granularity = 1;
  for (let level = 1; level < LEVELS && distance >= REACH * granularity; level++) granularity *= 8;
  return (Math.floor(expires / granularity) + 1) * granularity * JIFFY;
}
