import { type ByteString, fromByteString } from "../model/byte-string.ts";
import { describeGroupingKey, groupingKeyId } from "../model/grouping-key.ts";
import { formatLabels } from "../model/labels.ts";
import type { Label, MetricType } from "../model/metric-family.ts";
import { exposes, PARTS } from "../model/series-names.ts";
import type { Descriptor } from "../record/descriptor.ts";
import { decodeFamilyTree, type FamilyBlock, linesOf } from "../record/family-block.ts";
import type { Family } from "./family.ts";
import type { Group } from "./group.ts";
import type { Layout } from "./layout.ts";
import type { Shape } from "./shape.ts";

/** What the check asks of the state. */
export interface ConsistencyIndex {
  group(id: ByteString): Group | undefined;
  family(name: ByteString): Family | undefined;
  /** May groups hold what a check would have refused? */
  readonly contradicted: boolean;
  /** The groups that hold a family, in the order of their keys. */
  holders(family: Family): Iterable<Group>;
}

/** A push as the check sees it. */
export interface Candidate {
  readonly shape: Shape;
  /** The group that it changes, if there is one already. */
  readonly own: Group | undefined;
  /** Do the group's other families stay? */
  readonly merge: boolean;
  readonly layout: Layout;
  readonly block: FamilyBlock;
}

/**
 * Why a push contradicts what is stored, or undefined if it does not. The cost follows the push, not the store: contradictions are
 * looked up in an index of families, and groups of one shape are known to have no series in common.
 */
export function findContradiction(index: ConsistencyIndex, candidate: Candidate): string | undefined {
  const { own, layout } = candidate;
  // The same families with the same types as before: what held for them still does, if it did.
  const sameFamilies = own !== undefined && own.content.layout === layout && !index.contradicted;
  return (sameFamilies ? undefined : findNameConflict(index, candidate)) ?? findDuplicateSeries(index, candidate);
}

function findNameConflict(index: ConsistencyIndex, candidate: Candidate): string | undefined {
  for (const descriptor of candidate.layout.descriptors) {
    const conflict = findTypeConflict(index, candidate, descriptor) ?? findPartConflict(index, candidate, descriptor);
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}

/** A family has one type in all groups. */
function findTypeConflict(index: ConsistencyIndex, { own }: Candidate, { name, type }: Descriptor): string | undefined {
  const family = index.family(name);
  if (family === undefined || [...family.descriptors.keys()].every((held) => held.type === type)) return undefined;
  for (const group of index.holders(family)) {
    if (group === own) continue;
    const held = heldType(group, name);
    if (held !== type) {
      return `metric family ${quote(name)} is pushed as ${type}, but is ${held} in group ${describeGroupingKey(group.key)}`;
    }
  }
  return undefined;
}

/** A histogram or summary is exposed as series of other names, which must not be families of their own. */
function findPartConflict(
  index: ConsistencyIndex,
  candidate: Candidate,
  { name, type }: Descriptor,
): string | undefined {
  for (const part of PARTS) {
    if (exposes(type, part)) {
      const taken = findHolder(index, candidate, name + part, () => true);
      if (taken !== undefined) {
        return `${type} ${quote(name)} exposes ${quote(name + part)}, which is a metric family of its own ${taken}`;
      }
    }
    if (name.endsWith(part)) {
      const whole = name.slice(0, -part.length);
      const taken = findHolder(index, candidate, whole, (held) => exposes(held, part));
      if (taken !== undefined) {
        return `metric family ${quote(name)} collides with a series that ${quote(whole)} exposes ${taken}`;
      }
    }
  }
  return undefined;
}

/** Who would hold a family of this name, and a type that matters, once the push is stored. */
function findHolder(
  index: ConsistencyIndex,
  { own, merge, layout }: Candidate,
  name: ByteString,
  matters: (type: MetricType) => boolean,
): string | undefined {
  const slot = layout.slotOf(name);
  if (slot !== undefined) return matters(layout.descriptors[slot]!.type) ? "in the same push" : undefined;
  const family = index.family(name);
  if (family === undefined || ![...family.descriptors.keys()].some(({ type }) => matters(type))) return undefined;
  for (const group of index.holders(family)) {
    if (group === own && !merge) continue;
    if (matters(heldType(group, name)!)) return `in group ${describeGroupingKey(group.key)}`;
  }
  return undefined;
}

/** No series is exposed twice. Only a group of another shape can hold one that the push holds too. */
function findDuplicateSeries(index: ConsistencyIndex, candidate: Candidate): string | undefined {
  const { shape, layout, block } = candidate;
  for (const [slot, { name }] of layout.descriptors.entries()) {
    const shapes = index.family(name)?.shapes;
    if (shapes === undefined || (shapes.size === 1 && shapes.has(shape))) continue;
    const tree = decodeFamilyTree(
      layout.descriptors[slot]!,
      linesOf(block.body, layout.size, slot),
      block.sides.get(slot),
    );
    const seriesOf = new Map<Group, Set<ByteString>>();
    for (const { labels } of tree.metrics) {
      for (const other of shapes.keys()) {
        if (other === shape) continue;
        const group = findGroup(index, other, labels);
        if (group === undefined) continue;
        const series = seriesOf.get(group) ?? seriesIn(group, name);
        seriesOf.set(group, series);
        if (series.has(formatLabels(labels))) {
          return (
            `metric ${fromByteString(`${name}{${formatLabels(labels)}}`)} was pushed before, ` +
            `to group ${describeGroupingKey(group.key)}`
          );
        }
      }
    }
  }
  return undefined;
}

/** The one group of a shape that can hold a series with these labels: grouping labels are part of every series of a group. */
function findGroup(index: ConsistencyIndex, shape: Shape, labels: readonly Label[]): Group | undefined {
  const pairs: Label[] = [];
  for (const name of shape.names) {
    const label = labels.find((candidate) => candidate.name === name);
    if (label === undefined) return undefined;
    pairs.push(label);
  }
  return index.group(groupingKeyId(pairs));
}

/** The label sets of one family in a group, as printed. */
export function seriesIn(group: Group, name: ByteString): Set<ByteString> {
  const { layout, body, sides } = group.content;
  const slot = layout.slotOf(name);
  if (slot === undefined) return new Set();
  const tree = decodeFamilyTree(layout.descriptors[slot]!, linesOf(body, layout.size, slot), sides.get(slot));
  return new Set(tree.metrics.map(({ labels }) => formatLabels(labels)));
}

export function heldType(group: Group, name: ByteString): MetricType | undefined {
  const { layout } = group.content;
  const slot = layout.slotOf(name);
  return slot === undefined ? undefined : layout.descriptors[slot]!.type;
}

function quote(name: ByteString): string {
  return JSON.stringify(fromByteString(name));
}
