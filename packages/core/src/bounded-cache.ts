/** How often its capacity may be missed before what a full cache holds counts as out of date. */
const STALE_AFTER = 16;

/**
 * Keeps what was computed. When it is full it stays as it is, and is emptied only when most of what is asked for turns out not to be in
 * it: in a cycle over more keys than it can hold, it then holds as many of them as it can, and makes no garbage.
 */
export class BoundedCache<Key, Value> {
  readonly #values = new Map<Key, Value>();
  readonly #capacity: number;
  #missed = 0;

  /** @param capacity the number of values that it holds at most */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: Key, compute: () => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = compute();
    if (this.#values.size < this.#capacity) this.#values.set(key, value);
    else if (++this.#missed > STALE_AFTER * this.#capacity) this.#empty();
    return value;
  }

  #empty(): void {
    this.#values.clear();
    this.#missed = 0;
  }
}
