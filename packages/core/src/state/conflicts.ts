import { compareGroupingKeys, groupingKeyId } from "../model/grouping-key.ts";
import { exposes, PARTS } from "../model/series-names.ts";
import { heldType, seriesIn } from "./consistency.ts";
import type { Family } from "./family.ts";
import type { Group } from "./group.ts";
import type { GroupEntry, SequenceEntry } from "./sequence-entry.ts";
import type { State } from "./state.ts";

/**
 * Leaves out of the exposition what contradicts something else in it, so that a scrape never fails because of what was stored
 * without check. Of two that contradict each other, the one whose group comes first in the order of keys is shown, on every replica.
 *
 * Looks at everything that is stored; to be called only while the state is suspect.
 *
 * @returns what was left out
 */
export function settleConflicts(state: State): { family: Family; group: Group }[] {
  const hidden: { family: Family; group: Group }[] = [];
  const families = [...state.families()].map((family) => ({ family, entries: entriesOf(state, family) }));
  const owners = new Map(families.map(({ family, entries }) => [family.name, entries[0]?.group]));
  for (const { family, entries } of families) {
    const losers = losersOf(state, family, entries, owners);
    for (const entry of entries) {
      const hide = losers.has(entry);
      if (hide) hidden.push({ family, group: entry.group });
      state.setHidden(entry, hide);
    }
    const shown = entries.find((entry) => !losers.has(entry));
    state.settleHead(family, shown === undefined ? undefined : heldType(shown.group, family.name));
  }
  state.suspect = hidden.length > 0;
  return hidden;
}

function losersOf(
  state: State,
  family: Family,
  entries: readonly GroupEntry[],
  owners: ReadonlyMap<string, Group | undefined>,
): Set<SequenceEntry> {
  const losers = new Set<SequenceEntry>();
  const [first] = entries;
  if (first === undefined) return losers;
  // The time families: every group has them once, whatever it holds.
  if (first.slot < 0) return new Set(entries.filter(({ group }) => hasEarlierTwin(state, group)));
  const type = heldType(first.group, family.name)!;
  if (losesToPart(state, family, type, first.group, owners)) return new Set(entries);
  const seen = new Set<string>();
  for (const entry of entries) {
    if (heldType(entry.group, family.name) !== type) {
      losers.add(entry);
    } else if (family.shapes.size > 1) {
      const series = [...seriesIn(entry.group, family.name)];
      if (series.some((labels) => seen.has(labels))) losers.add(entry);
      else for (const labels of series) seen.add(labels);
    }
  }
  return losers;
}

/** Is there a group whose labels lack an empty instance label only? It comes first, and has the same time metrics. */
function hasEarlierTwin(state: State, { key }: Group): boolean {
  const others = key.labels.filter(({ name, value }) => name !== "instance" || value !== "");
  return others.length < key.labels.length && state.group(groupingKeyId(others)) !== undefined;
}

/** Of a histogram and a family named like one of its series, the one held by the earlier group stays; the histogram if both are. */
function losesToPart(
  state: State,
  { name }: Family,
  type: Parameters<typeof exposes>[0],
  owner: Group,
  owners: ReadonlyMap<string, Group | undefined>,
): boolean {
  return PARTS.some((part) => {
    const partOwner = exposes(type, part) ? owners.get(name + part) : undefined;
    if (partOwner !== undefined && compareGroupingKeys(partOwner.key, owner.key) < 0) return true;
    if (!name.endsWith(part)) return false;
    const whole = name.slice(0, -part.length);
    const wholeOwner = state.family(whole) && owners.get(whole);
    if (wholeOwner === undefined || !exposes(heldType(wholeOwner, whole) ?? "untyped", part)) return false;
    return compareGroupingKeys(wholeOwner.key, owner.key) <= 0;
  });
}

function entriesOf(state: State, family: Family): GroupEntry[] {
  return [...state.sequence.entriesOf(family)].sort((a, b) => compareGroupingKeys(a.group.key, b.group.key));
}
