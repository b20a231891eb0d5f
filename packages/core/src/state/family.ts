import { type ByteString, compareBytes } from "../model/byte-string.ts";
import type { MetricType } from "../model/metric-family.ts";
import type { Descriptor } from "../record/descriptor.ts";
import type { Group } from "./group.ts";
import type { Page } from "./page.ts";
import type { Shape } from "./shape.ts";

/** What stands above a family's samples in an exposition. Immutable. */
export interface FamilyHead {
  readonly name: ByteString;
  readonly type: MetricType;
  readonly help?: ByteString | undefined;
  readonly unit?: ByteString | undefined;
}

/** A metric family over all groups that hold it: what the consistency check and the exposition ask about. */
export class Family {
  readonly name: ByteString;
  /** How many groups hold it under each descriptor; nearly always there is one. */
  readonly descriptors = new Map<Descriptor, number>();
  /** How many groups of each shape hold it; nearly always there is one. */
  readonly shapes = new Map<Shape, number>();
  /** How many groups hold it. */
  holders = 0;
  /** Derived from the set of descriptors alone, so that it is the same on every replica. */
  head: FamilyHead | undefined;
  /** Where its head stands in the exposition. */
  headPage: Page | undefined;
  /** Is its head left out of expositions? */
  #headHidden = false;
  /** The groups whose share in it is left out of expositions, because it contradicts what another group holds. */
  readonly #hidden = new Set<Group>();

  constructor(name: ByteString) {
    this.name = name;
  }

  get hidesSome(): boolean {
    return this.#headHidden || this.#hidden.size > 0;
  }

  /** Is what a group shows of it left out? @param group undefined for its head */
  hides(group: Group | undefined): boolean {
    return group === undefined ? this.#headHidden : this.#hidden.has(group);
  }

  setHidden(group: Group | undefined, hidden: boolean): void {
    if (group === undefined) this.#headHidden = hidden;
    else if (hidden) this.#hidden.add(group);
    else this.#hidden.delete(group);
  }

  retain(descriptor: Descriptor, shape: Shape): void {
    this.holders++;
    count(this.descriptors, descriptor, 1);
    count(this.shapes, shape, 1);
  }

  release(descriptor: Descriptor, shape: Shape): void {
    this.holders--;
    count(this.descriptors, descriptor, -1);
    count(this.shapes, shape, -1);
  }

  /**
   * The head that follows from the descriptors: the bytewise smallest non-empty help (the Go implementation shows a random one),
   * and the type that all of them have. Where they disagree on the type, which only a push without consistency check can bring
   * about, the first in the order of the protobuf enumeration stands until the conflict is resolved.
   */
  computeHead(): FamilyHead {
    const [first] = this.descriptors.keys();
    if (first !== undefined && this.descriptors.size === 1) return first;
    const all = [...this.descriptors.keys()];
    return {
      name: this.name,
      type: smallest(all.map(({ type }) => type)) ?? "untyped",
      help: smallest(all.map(({ help }) => help || undefined)) ?? smallest(all.map(({ help }) => help)),
      unit: smallest(all.map(({ unit }) => unit)),
    };
  }
}

function count<Key>(map: Map<Key, number>, key: Key, change: number): void {
  const value = (map.get(key) ?? 0) + change;
  if (value === 0) map.delete(key);
  else map.set(key, value);
}

function smallest<Text extends string>(texts: readonly (Text | undefined)[]): Text | undefined {
  return texts.filter((text) => text !== undefined).sort(compareBytes)[0];
}
