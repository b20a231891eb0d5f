const NS_PER_MS = 1_000_000n;
const STEP_NS = 1000n;

/**
 * Times for records, in nanoseconds, from a clock of milliseconds. Records of one millisecond get times that ascend by a
 * microsecond, so that a failure right after a success is seen to be later. If the clock is set back, the times go with it.
 */
export class RecordClock {
  #last = 0n;

  /** @param milliseconds what the clock says */
  next(milliseconds: number): bigint {
    const time = BigInt(Math.floor(milliseconds)) * NS_PER_MS;
    const ahead = this.#last - time;
    this.#last = ahead >= 0n && ahead < NS_PER_MS - STEP_NS ? this.#last + STEP_NS : time;
    return this.#last;
  }
}
