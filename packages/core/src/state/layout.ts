import type { ByteString } from "../model/byte-string.ts";
import { type Descriptor, decodeLayout } from "../record/descriptor.ts";
import { linesEnd } from "../record/family-block.ts";

/**
 * The list of families of a group, shared by all groups that have the same one. A re-push whose layout is the stored one changes
 * nothing that any index knows of.
 */
export class Layout {
  /** The bytes that records carry. */
  readonly key: ByteString;
  /** Ordered by name. The same descriptor is the same object in all interned layouts. */
  readonly descriptors: readonly Descriptor[];
  /** Of the key, for state hashes. */
  readonly hash: number;
  /** How many groups have it. */
  users = 0;
  readonly #slots = new Map<ByteString, number>();

  constructor(key: ByteString, descriptors: readonly Descriptor[], hash: number) {
    this.key = key;
    this.descriptors = descriptors;
    this.hash = hash;
    for (const [slot, { name }] of descriptors.entries()) this.#slots.set(name, slot);
  }

  get size(): number {
    return this.descriptors.length;
  }

  /** How long the sample lines of family `slot` are in a body of this layout. */
  lineBytes(body: Uint8Array, slot: number): number {
    return linesEnd(body, this.size, slot) - linesEnd(body, this.size, slot - 1);
  }

  /** The place of a family in this layout. */
  slotOf(name: ByteString): number | undefined {
    return this.#slots.get(name);
  }
}

/** Keeps one object for each layout and descriptor that is in use. */
export class LayoutTable {
  readonly #layouts = new Map<ByteString, Layout>();
  readonly #descriptors = new Map<string, { descriptor: Descriptor; users: number }>();
  readonly #hash: (text: ByteString) => number;

  constructor(hash: (text: ByteString) => number) {
    this.#hash = hash;
  }

  /**
   * The layout with these bytes: the one in use, or a new one, which counts only once it is retained.
   *
   * @throws `CORRUPT`
   */
  resolve(key: ByteString): Layout {
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const descriptors = decodeLayout(key).map(
      (descriptor) => this.#descriptors.get(identify(descriptor))?.descriptor ?? descriptor,
    );
    return new Layout(key, descriptors, this.#hash(key));
  }

  /** Counts a user; returns the layout to use, which is not the given one if an equal one came into use meanwhile. */
  retain(layout: Layout): Layout {
    const used = this.#layouts.get(layout.key) ?? layout;
    if (used.users++ > 0) return used;
    this.#layouts.set(used.key, used);
    for (const descriptor of used.descriptors) {
      const id = identify(descriptor);
      const known = this.#descriptors.get(id);
      if (known === undefined) this.#descriptors.set(id, { descriptor, users: 1 });
      else known.users++;
    }
    return used;
  }

  release(layout: Layout): void {
    if (--layout.users > 0) return;
    this.#layouts.delete(layout.key);
    for (const descriptor of layout.descriptors) {
      const id = identify(descriptor);
      const known = this.#descriptors.get(id);
      if (known !== undefined && --known.users === 0) this.#descriptors.delete(id);
    }
  }
}

function identify({ name, type, help, unit, impliedInf, quoted }: Descriptor): string {
  return JSON.stringify([name, type, help ?? null, unit ?? null, impliedInf, quoted]);
}
