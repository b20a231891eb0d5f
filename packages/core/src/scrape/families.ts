import { compareBytes } from "../model/byte-string.ts";
import { compareGroupingKeys } from "../model/grouping-key.ts";
import { compareLabelValues } from "../model/labels.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { FamilyHead } from "../state/family.ts";
import { exposedFamilyTree } from "../state/family-tree.ts";
import type { GroupContent } from "../state/group.ts";
import type { PageView } from "../state/page.ts";
import { HEAD } from "../state/sequence.ts";
import type { State } from "../state/state.ts";

/** Collects families from pages, for formats in which a family is one message: it is complete when the next one begins. */
export class FamilyCollector {
  #current: MetricFamily | undefined;

  /** The families that are complete after this page. */
  *add({ entries, slots, shown }: PageView): IterableIterator<MetricFamily> {
    for (const [i, { group }] of entries.entries()) {
      if (slots[i] === HEAD) {
        yield* this.finish();
        this.#current = { ...(shown[i] as FamilyHead), metrics: [] };
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

/**
 * The families that both the gateway and pushes may have, ordered by name: the gateway's own with pushed series joined to those of
 * the same name.
 */
export function joinSelfFamilies(state: State, self: readonly MetricFamily[]): MetricFamily[] {
  const families = new Map<string, MetricFamily>();
  for (const family of self) {
    // A push may hold a name that the gateway came to use later, outside the namespaces that are kept apart for it.
    if (state.family(family.name)?.headEntry?.page === undefined) families.set(family.name, family);
  }
  const entries = [...state.selfEntries]
    .filter(({ hidden }) => !hidden)
    .sort((a, b) => compareGroupingKeys(a.group!.key, b.group!.key));
  for (const {
    group,
    slot,
    family: { name, head },
  } of entries) {
    const family = families.get(name) ?? { ...head!, metrics: [] };
    const { metrics, type } = exposedFamilyTree(group!, group!.content, slot);
    // The process may have come to expose it with another type than the pushed one.
    if (type !== family.type) continue;
    families.set(name, { ...family, metrics: [...family.metrics, ...metrics] });
  }
  return [...families.values()]
    .map((family) => ({
      ...family,
      metrics: family.metrics.toSorted((a, b) => compareLabelValues(a.labels, b.labels)),
    }))
    .sort((a, b) => compareBytes(a.name, b.name));
}
