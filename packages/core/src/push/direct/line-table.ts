/**
 * The sample lines of one family that were written so far, and where in them the label values are, so that the lines can be put in
 * exposition order without being read again.
 */
export class LineTable {
  /** Per line: its start, its end, where its values begin in `#values`, and how many there are. */
  #lines = new Uint32Array(4 * 256);
  #count = 0;
  /** Per label, in the order of names: start and end of its value. */
  #values = new Uint32Array(2 * 1024);
  #valueCount = 0;

  get count(): number {
    return this.#count;
  }

  reset(): void {
    this.#count = 0;
    this.#valueCount = 0;
  }

  /** Begins a line at `start`. */
  begin(start: number): void {
    if (4 * (this.#count + 1) > this.#lines.length) this.#lines = grow(this.#lines);
    this.#lines[4 * this.#count] = start;
    this.#lines[4 * this.#count + 2] = this.#valueCount;
  }

  addValue(start: number, end: number): void {
    if (2 * (this.#valueCount + 1) > this.#values.length) this.#values = grow(this.#values);
    this.#values[2 * this.#valueCount] = start;
    this.#values[2 * this.#valueCount + 1] = end;
    this.#valueCount++;
  }

  /** Ends the line, with its line feed. */
  end(end: number): void {
    this.#lines[4 * this.#count + 1] = end;
    this.#lines[4 * this.#count + 3] = this.#valueCount - this.#lines[4 * this.#count + 2]!;
    this.#count++;
  }

  startOf(line: number): number {
    return this.#lines[4 * line]!;
  }

  endOf(line: number): number {
    return this.#lines[4 * line + 1]!;
  }

  /**
   * The lines in exposition order: by number of labels, then by values. `undefined` if they are in it already; `"ambiguous"` if
   * two compare as equal, which may or may not be a series that was pushed twice.
   */
  order(bytes: Uint8Array): Uint32Array | undefined | "ambiguous" {
    let sorted = true;
    for (let line = 1; line < this.#count; line++) {
      const order = this.#compare(bytes, line - 1, line);
      if (order === 0) return "ambiguous";
      if (order > 0) {
        sorted = false;
        break;
      }
    }
    if (sorted) return undefined;
    const lines = Uint32Array.from({ length: this.#count }, (_, line) => line);
    lines.sort((a, b) => this.#compare(bytes, a, b));
    for (let i = 1; i < lines.length; i++) {
      if (this.#compare(bytes, lines[i - 1]!, lines[i]!) === 0) return "ambiguous";
    }
    return lines;
  }

  #compare(bytes: Uint8Array, a: number, b: number): number {
    const lines = this.#lines;
    const count = lines[4 * a + 3]!;
    if (count !== lines[4 * b + 3]!) return count - lines[4 * b + 3]!;
    for (let i = 0; i < count; i++) {
      const order = compareRanges(bytes, this.#values, lines[4 * a + 2]! + i, lines[4 * b + 2]! + i);
      if (order !== 0) return order;
    }
    return 0;
  }
}

function compareRanges(bytes: Uint8Array, values: Uint32Array, a: number, b: number): number {
  let i = values[2 * a]!;
  let j = values[2 * b]!;
  const iEnd = values[2 * a + 1]!;
  const jEnd = values[2 * b + 1]!;
  while (i < iEnd && j < jEnd) {
    const order = bytes[i++]! - bytes[j++]!;
    if (order !== 0) return order;
  }
  return iEnd - i - (jEnd - j);
}

function grow(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(array.length * 2);
  grown.set(array);
  return grown;
}
