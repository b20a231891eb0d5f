import type { ByteString } from "../model/byte-string.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { FamilyHead } from "../state/family.ts";
import type { Page } from "../state/page.ts";
import type { State } from "../state/state.ts";

/**
 * What the program exposes about itself, as far as pushes hold families of the same names: since a family must not appear twice,
 * its own metrics are shown among the pushed ones.
 */
export interface OwnFamilies {
  /** Those of which the metrics belong at the head of the pushed family. */
  readonly joined: ReadonlyMap<ByteString, MetricFamily>;
  /** Names that need not be shown elsewhere: of the joined ones, and of those that are pushed as another type. */
  readonly settled: ReadonlySet<ByteString>;
  /** Where the joined ones appear: no rendering of these pages is worth keeping. */
  readonly pages: ReadonlySet<Page>;
}

/** To be called at the moment that is to be shown. */
export function joinOwnFamilies(state: State, own: readonly MetricFamily[]): OwnFamilies {
  const joined = new Map<ByteString, MetricFamily>();
  const settled = new Set<ByteString>();
  const pages = new Set<Page>();
  for (const family of own) {
    const pushed = state.family(family.name);
    const { head, headPage } = pushed ?? {};
    if (head === undefined || headPage === undefined || pushed?.hides(undefined)) continue;
    settled.add(family.name);
    if (head.type !== family.type) continue;
    joined.set(family.name, family);
    pages.add(headPage);
  }
  return { joined, settled, pages };
}

/** The beginning of a family: its own help, if the program has it itself, and the program's own metrics. */
export function joinOwn({ name, type, help, unit }: FamilyHead, { joined }: OwnFamilies): MetricFamily {
  const own = joined.get(name);
  return { name, type, help: own?.help ?? help, unit: own?.unit ?? unit, metrics: own ? [...own.metrics] : [] };
}
