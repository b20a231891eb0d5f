import type { ByteString } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import { isLegacyLabelName } from "../model/names.ts";

/** The set of label names of grouping keys. Groups of one shape differ in some value, so no series of theirs can be equal. */
export interface Shape {
  readonly id: string;
  readonly names: readonly ByteString[];
  /** Are there names outside the legacy character set? */
  readonly quoted: boolean;
  /** How many groups have it. */
  users: number;
}

/** Keeps one object for each shape that is in use. */
export class ShapeTable {
  readonly #shapes = new Map<string, Shape>();

  /** The shape of a key: the one in use, or a new one, which counts only once it is retained. */
  resolve({ labels }: GroupingKey): Shape {
    const id = labels.map(({ name }) => name).join("\xff");
    const known = this.#shapes.get(id);
    if (known !== undefined) return known;
    const names = labels.map(({ name }) => name);
    return { id, names, quoted: !names.every(isLegacyLabelName), users: 0 };
  }

  retain(shape: Shape): void {
    if (shape.users++ === 0) this.#shapes.set(shape.id, shape);
  }

  release(shape: Shape): void {
    if (--shape.users === 0) this.#shapes.delete(shape.id);
  }

  clear(): void {
    this.#shapes.clear();
  }
}
