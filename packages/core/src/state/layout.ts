import { crc32 } from "node:zlib";
import type { ByteString } from "../model/byte-string.ts";
import { type Descriptor, decodeLayout } from "../record/descriptor.ts";
import { linesEnd } from "../record/family-block.ts";

/**
 * The list of families of a group, shared by all groups that have the same one. A re-push whose layout is the stored one changes
 * nothing that any index knows of.
 */
export class Layout {
  /** As records carry it. */
  readonly bytes: Buffer;
  /** Ordered by name. The same descriptor is the same object in all interned layouts. */
  readonly descriptors: readonly Descriptor[];
  /** Of the bytes, for state hashes. */
  readonly hash: number;
  /** How many groups have it. */
  users = 0;
  readonly #slots = new Map<ByteString, number>();

  constructor(bytes: Buffer, descriptors: readonly Descriptor[]) {
    this.bytes = bytes;
    this.descriptors = descriptors;
    this.hash = crc32(bytes);
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
  /** The one that was asked for last may well be the next: many groups have it. */
  #last: Layout | undefined;

  /**
   * The layout with these bytes: the one in use, or a new one, which counts only once it is retained.
   *
   * @param likely which one it may well be
   * @throws `CORRUPT`
   */
  resolve(bytes: Buffer, likely?: Layout): Layout {
    if (likely?.bytes.equals(bytes)) return likely;
    const last = this.#last;
    // One that is not in use would not share its descriptors with those that are.
    if (last !== undefined && last.users > 0 && last.bytes.equals(bytes)) return last;
    this.#last = this.#find(bytes);
    return this.#last;
  }

  #find(bytes: Buffer): Layout {
    const known = this.#layouts.get(bytes.toString("latin1"));
    if (known !== undefined) return known;
    const descriptors = decodeLayout(bytes).map(
      (descriptor) => this.#descriptors.get(identify(descriptor))?.descriptor ?? descriptor,
    );
    return new Layout(Buffer.from(bytes), descriptors);
  }

  /** Counts a user; returns the layout to use, which is not the given one if an equal one came into use meanwhile. */
  retain(layout: Layout): Layout {
    if (layout.users > 0) {
      layout.users++;
      return layout;
    }
    const key = layout.bytes.toString("latin1");
    const used = this.#layouts.get(key) ?? layout;
    if (used.users++ > 0) return used;
    this.#layouts.set(key, used);
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
    this.#layouts.delete(layout.bytes.toString("latin1"));
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
