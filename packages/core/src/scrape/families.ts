import type { MetricFamily } from "../model/metric-family.ts";
import type { FamilyHead } from "../state/family.ts";
import { exposedFamilyTree } from "../state/family-tree.ts";
import type { GroupContent } from "../state/group.ts";
import type { PageView } from "../state/page.ts";
import { HEAD } from "../state/sequence-entry.ts";
import { joinOwn, type OwnFamilies } from "./own-families.ts";

/** Collects families from pages, for formats in which a family is one message: it is complete when the next one begins. */
export class FamilyCollector {
  readonly #own: OwnFamilies;
  #current: MetricFamily | undefined;

  /** @param own whose metrics come first in families of the same name */
  constructor(own: OwnFamilies) {
    this.#own = own;
  }

  /** The families that are complete after this page. */
  *add({ entries, slots, shown }: PageView): IterableIterator<MetricFamily> {
    for (const [i, { group }] of entries.entries()) {
      if (slots[i] === HEAD) {
        yield* this.finish();
        this.#current = joinOwn(shown[i] as FamilyHead, this.#own);
      } else {
        const { metrics } = exposedFamilyTree(group!, shown[i] as GroupContent, slots[i]!);
        for (const metric of metrics) this.#current!.metrics.push(metric);
      }
    }
  }

  *finish(): IterableIterator<MetricFamily> {
    if (this.#current !== undefined) yield this.#current;
    this.#current = undefined;
  }
}
