/**
 * Keeps what was computed lately. When it is full it is emptied: in a cycle over more keys than it can hold nothing could be saved
 * anyway, and no list of uses has to be kept.
 */
export class BoundedCache<Key, Value> {
  readonly #values = new Map<Key, Value>();
  readonly #capacity: number;

  /** @param capacity the number of values that it holds at most */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: Key, compute: () => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = compute();
    if (this.#values.size >= this.#capacity) this.#values.clear();
    this.#values.set(key, value);
    return value;
  }
}
