import type { ByteString } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import { countLines, linesOf, linesStart } from "../record/family-block.ts";
import type { Group } from "./group.ts";

export interface Tally {
  readonly groups: number;
  readonly series: number;
}

const NOTHING: Tally = { groups: 0, series: 0 };

/**
 * How much is stored, in series, and by job. Counting costs a look at every stored byte, so this is made when somebody first asks, and
 * kept up to date from then on.
 */
export class Usage {
  #series = 0;
  readonly #groups = new Map<ByteString, { readonly group: Group; readonly series: number }>();
  readonly #jobs = new Map<ByteString, Tally>();

  constructor(groups: Iterable<Group>) {
    for (const group of groups) this.note(group);
  }

  /** Sample lines of all groups, without the time metrics. */
  get series(): number {
    return this.#series;
  }

  ofJob(key: GroupingKey): Tally {
    return this.#jobs.get(jobOf(key)) ?? NOTHING;
  }

  /** How many series of a group go if these families are pushed to it; without names, if all are replaced. */
  replacedBy(id: ByteString, names: readonly ByteString[] | undefined): number {
    const known = this.#groups.get(id);
    if (known === undefined || names === undefined) return known?.series ?? 0;
    const { layout, body } = known.group.content;
    let series = 0;
    for (const name of names) {
      const slot = layout.slotOf(name);
      if (slot !== undefined) series += countLines(linesOf(body, layout.size, slot), 0);
    }
    return series;
  }

  /** The group is new, or its content another. */
  note(group: Group): void {
    const { body, layout } = group.content;
    const series = countLines(body, linesStart(layout.size));
    const known = this.#groups.get(group.id);
    this.#groups.set(group.id, { group, series });
    this.#add(group, known === undefined ? 1 : 0, series - (known?.series ?? 0));
  }

  /** The group is gone. */
  forget(group: Group): void {
    const known = this.#groups.get(group.id);
    if (known === undefined) return;
    this.#groups.delete(group.id);
    this.#add(group, -1, -known.series);
  }

  #add(group: Group, groups: number, series: number): void {
    if (groups === 0 && series === 0) return;
    this.#series += series;
    const job = jobOf(group.key);
    const tally = this.#jobs.get(job) ?? NOTHING;
    const now = { groups: tally.groups + groups, series: tally.series + series };
    if (now.groups === 0) this.#jobs.delete(job);
    else this.#jobs.set(job, now);
  }
}

function jobOf({ labels }: GroupingKey): ByteString {
  return labels.find(({ name }) => name === "job")?.value ?? "";
}
