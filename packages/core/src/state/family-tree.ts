import { timeLabels } from "../model/grouping-key.ts";
import { compareLabelValues } from "../model/labels.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { decodeFamilyTree, linesOf } from "../record/family-block.ts";
import { FAILURE_TIME_DESCRIPTOR, PUSH_TIME_DESCRIPTOR } from "../record/time-families.ts";
import { FAILURE_TIME, PUSH_TIME } from "./entry.ts";
import type { Group, GroupContent } from "./group.ts";

/** One family of a group, or one of its time metrics, as a tree: metrics in pushed order, labels complete and sorted. */
export function familyTree(group: Group, content: GroupContent, slot: number): MetricFamily {
  if (slot === PUSH_TIME || slot === FAILURE_TIME) {
    const { name, type, help } = slot === PUSH_TIME ? PUSH_TIME_DESCRIPTOR : FAILURE_TIME_DESCRIPTOR;
    const value = slot === PUSH_TIME ? content.pushTime : content.failureTime;
    return { name, type, help, metrics: [{ labels: [...timeLabels(group.key)], value }] };
  }
  const { layout, body, sides } = content;
  return decodeFamilyTree(layout.descriptors[slot]!, linesOf(body, layout.size, slot), sides.get(slot));
}

/** The same with its metrics in exposition order. */
export function exposedFamilyTree(group: Group, content: GroupContent, slot: number): MetricFamily {
  const tree = familyTree(group, content, slot);
  return { ...tree, metrics: tree.metrics.sort((a, b) => compareLabelValues(a.labels, b.labels)) };
}
