/**
 * A clock that can be looked at. The data path hands clocks on instead of times: a time is a double, which V8 makes an
 * object of for every call that it does not inline.
 */
export interface Clock {
  /** Nanoseconds. */
  readonly now: number;
}
