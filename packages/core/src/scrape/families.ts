import type { MetricFamily } from "../model/metric-family.ts";
import { HEAD } from "../state/entry.ts";
import type { FamilyHead } from "../state/family.ts";
import { exposedFamilyTree } from "../state/family-tree.ts";
import type { Group, GroupContent } from "../state/group.ts";
import type { PageView } from "../state/page.ts";
import { joinOwn, type OwnFamilies } from "./own-families.ts";

/** Collects families from pages, for formats in which a family is one message: it is complete when the next one begins. */
export class FamilyCollector {
  readonly #own: OwnFamilies;
  readonly #shows: ((group: Group) => boolean) | undefined;
  #current: MetricFamily | undefined;

  /**
   * @param own whose metrics come first in families of the same name
   * @param shows which groups to take metrics from; families that have none then are left out. Default: all
   */
  constructor(own: OwnFamilies, shows?: (group: Group) => boolean) {
    this.#own = own;
    this.#shows = shows;
  }

  /** The families that are complete after this page. */
  *add(view: PageView): IterableIterator<MetricFamily> {
    const { groups, slots } = view;
    for (const [i, group] of groups.entries()) {
      if (slots[i] === HEAD) {
        yield* this.finish();
        this.#current = joinOwn(view.shown(i) as FamilyHead, this.#own);
      } else if (this.#shows?.(group!) !== false) {
        const { metrics } = exposedFamilyTree(group!, view.shown(i) as GroupContent, slots[i]!);
        for (const metric of metrics) this.#current!.metrics.push(metric);
      }
    }
  }

  *finish(): IterableIterator<MetricFamily> {
    if (this.#current !== undefined && (this.#shows === undefined || this.#current.metrics.length > 0)) {
      yield this.#current;
    }
    this.#current = undefined;
  }
}
