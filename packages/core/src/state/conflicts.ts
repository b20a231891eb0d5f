import { groupingKeyId } from "../model/grouping-key.ts";
import { exposes, PARTS } from "../model/series-names.ts";
import { isTimeFamily } from "../record/time-families.ts";
import { heldType, seriesIn } from "./consistency.ts";
import type { Family } from "./family.ts";
import { compareGroups, type Group } from "./group.ts";
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
  const families = [...state.families()].map((family) => ({ family, groups: groupsOf(state, family) }));
  const owners = new Map(families.map(({ family, groups }) => [family.name, groups[0]]));
  for (const { family, groups } of families) {
    const losers = losersOf(state, family, groups, owners);
    for (const group of groups) {
      const hide = losers.has(group);
      if (hide) hidden.push({ family, group });
      state.setHidden(family, group, hide);
    }
    const shown = groups.find((group) => !losers.has(group));
    state.settleHead(family, shown === undefined ? undefined : heldType(shown, family.name));
  }
  state.suspect = hidden.length > 0;
  return hidden;
}

function losersOf(
  state: State,
  family: Family,
  groups: readonly Group[],
  owners: ReadonlyMap<string, Group | undefined>,
): Set<Group> {
  const losers = new Set<Group>();
  const [first] = groups;
  if (first === undefined) return losers;
  // Every group has them once, whatever it holds.
  if (isTimeFamily(family.name)) return new Set(groups.filter((group) => hasEarlierTwin(state, group)));
  const type = heldType(first, family.name)!;
  if (losesToPart(state, family, type, first, owners)) return new Set(groups);
  const seen = new Set<string>();
  for (const group of groups) {
    if (heldType(group, family.name) !== type) {
      losers.add(group);
    } else if (family.shapes.size > 1) {
      const series = [...seriesIn(group, family.name)];
      if (series.some((labels) => seen.has(labels))) losers.add(group);
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
    if (partOwner !== undefined && compareGroups(partOwner, owner) < 0) return true;
    if (!name.endsWith(part)) return false;
    const whole = name.slice(0, -part.length);
    const wholeOwner = state.family(whole) && owners.get(whole);
    if (wholeOwner === undefined || !exposes(heldType(wholeOwner, whole) ?? "untyped", part)) return false;
    return compareGroups(wholeOwner, owner) <= 0;
  });
}

function groupsOf(state: State, family: Family): Group[] {
  return [...state.sequence.groupsOf(family)].sort(compareGroups);
}
