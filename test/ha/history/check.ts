/**
 * Is a history of concurrent operations one that a single gateway could have had, which does one thing after the other, each at some
 * moment between its call and its return? (That is linearizability, for the whole state, not only for each group.)
 *
 * To find such an order is hard in general. Here the journal names one for the writes, by the order of its entries: if the history
 * agrees with that order, it is legal. It remains to be seen whether scrapes find a place between the writes, and which of several
 * deletes of one group, which are alike, is which. One pass finds that out, and without ever having to go back: an operation may be
 * placed if nothing is left to be placed that had returned before it was called, and then placing it as early as it fits takes no
 * possibility away from the others.
 */
import { createHash } from "node:crypto";
import { Model } from "./model.ts";
import { groupName, type Operation, type StoredWrite, type WriteRequest } from "./operation.ts";

type Write = Operation & { readonly request: WriteRequest };

/**
 * What is wrong with a history; nothing if it is legal.
 *
 * @param order the writes that took effect or were rejected, in the order of the journal
 */
export function check(history: readonly Operation[], order: readonly StoredWrite[]): string[] {
  const writes = history.filter((operation): operation is Write => operation.request.kind !== "scrape");
  const violations = checkAnswers(writes, order);
  if (violations.length > 0) return violations;
  return new Placement(history, writes, order).violations;
}

/** Is every push in the journal as often as it should be? */
function checkAnswers(writes: readonly Write[], order: readonly StoredWrite[]): string[] {
  const times = new Map<number, number>();
  for (const { id } of order) if (id !== undefined) times.set(id, (times.get(id) ?? 0) + 1);
  return writes.flatMap((write) => {
    if (write.request.kind === "delete") return [];
    const count = times.get(write.id) ?? 0;
    if (count > 1) return [`${describe(write)} was stored ${count} times`];
    if (count === 0 && isCertain(write)) return [`${describe(write)} is not in the journal`];
    if (count === 1 && write.outcome === "refused") {
      return [`${describe(write)} was refused as certainly not stored, and is stored`];
    }
    return [];
  });
}

/** Has it happened, and by the time at which it returned? */
function isCertain({ outcome }: Operation): boolean {
  return outcome === "done" || outcome === "rejected";
}

/** Gives every operation its place in the order, and remembers where that is not possible. */
class Placement {
  readonly violations: string[] = [];
  readonly #model = new Model();
  readonly #pushes: ReadonlyMap<number, Write>;
  /** What must still be placed, by the time at which it returned; what is placed is skipped. */
  readonly #certain: readonly Operation[];
  #firstCertain = 0;
  readonly #placed = new Set<Operation>();
  /** Deletes of a group that may still be placed, by the time until which they must. */
  readonly #deletes = new Map<string, Write[]>();
  /** Scrapes that may still be placed, by what they show, then by the time at which they were called. */
  readonly #scrapes = new Map<string, Operation[]>();

  constructor(history: readonly Operation[], writes: readonly Write[], order: readonly StoredWrite[]) {
    const byEnd = history.toSorted((a, b) => endOf(a) - endOf(b));
    this.#certain = byEnd.filter(isCertain);
    this.#pushes = new Map(writes.filter(({ request }) => request.kind !== "delete").map((write) => [write.id, write]));
    for (const write of writes.toSorted((a, b) => endOf(a) - endOf(b))) {
      if (write.request.kind === "delete" && write.outcome !== "refused") {
        add(this.#deletes, groupName(write.request.group), write);
      }
    }
    const scrapes = history.filter(({ observed }) => observed !== undefined);
    for (const scrape of scrapes.toSorted((a, b) => a.invoked - b.invoked)) {
      if (scrape.outcome === "done") add(this.#scrapes, digest(scrape.observed!), scrape);
    }
    const states = this.#placeAll(order);
    const stale = scrapes.filter(({ outcome }) => outcome === "stale");
    for (const scrape of stale) {
      const isTrue = states.some(
        ({ state, lastCall }) => lastCall <= scrape.returned && state === digest(scrape.observed!),
      );
      if (!isTrue) this.violations.push(`${describe(scrape)} shows what never was, or was not yet`);
    }
  }

  /** Returns the states that there were, each with the latest call of all that led to it. */
  #placeAll(order: readonly StoredWrite[]): { readonly state: string; readonly lastCall: number }[] {
    const states = [{ state: digest(this.#model.scrape()), lastCall: Number.NEGATIVE_INFINITY }];
    this.#placeScrapes(states[0]!.state);
    for (const stored of order) {
      const write = stored.id === undefined ? this.#whichDelete(stored.group) : this.#pushes.get(stored.id);
      if (
        write === undefined ||
        write.request.kind !== stored.kind ||
        groupName(write.request.group) !== stored.group
      ) {
        const { kind, group, id = "no id" } = stored;
        this.violations.push(`the journal has a ${kind} of ${group} (${id}) that nobody asked for`);
        continue;
      }
      this.#placeWrite(write);
      const state = digest(this.#model.scrape());
      states.push({ state, lastCall: Math.max(states.at(-1)!.lastCall, write.invoked) });
      this.#placeScrapes(state);
    }
    for (let left = this.#earliest(); left !== undefined; left = this.#earliest()) {
      this.#giveUp(left, "does not fit anywhere");
    }
    return states;
  }

  #placeWrite(write: Write): void {
    for (let left = this.#earliest(); left !== undefined && left.returned < write.invoked; left = this.#earliest()) {
      this.#giveUp(left, `does not fit anywhere before ${describe(write)}, which was called later`);
    }
    this.#placed.add(write);
    const accepted = this.#model.apply(write.request, write.id);
    if (accepted && write.outcome === "rejected") {
      this.violations.push(`${describe(write)} was rejected without reason`);
    } else if (!accepted && write.outcome === "done") {
      this.violations.push(`${describe(write)} was accepted against the rule`);
    }
  }

  #placeScrapes(state: string): void {
    const scrapes = this.#scrapes.get(state);
    if (scrapes === undefined) return;
    let count = 0;
    for (const scrape of scrapes) {
      if (scrape.invoked > this.#earliestEnd()) break;
      this.#placed.add(scrape);
      count++;
    }
    scrapes.splice(0, count);
  }

  /** The one that must be placed first, of those that may be placed now. */
  #whichDelete(group: string): Write | undefined {
    const deletes = this.#deletes.get(group) ?? [];
    const end = this.#earliestEnd();
    const index = deletes.findIndex(({ invoked }) => invoked <= end);
    return deletes.splice(Math.max(0, index), 1)[0];
  }

  /** What is left to be placed and returned first. */
  #earliest(): Operation | undefined {
    while (this.#placed.has(this.#certain[this.#firstCertain]!)) this.#firstCertain++;
    return this.#certain[this.#firstCertain];
  }

  #earliestEnd(): number {
    return this.#earliest()?.returned ?? Number.POSITIVE_INFINITY;
  }

  #giveUp(operation: Operation, why: string): void {
    this.#placed.add(operation);
    this.violations.push(`${describe(operation)} ${why}`);
  }
}

/** Until when an operation may have happened. */
function endOf(operation: Operation): number {
  return isCertain(operation) ? operation.returned : Number.POSITIVE_INFINITY;
}

function add<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

function digest(state: string): string {
  return createHash("sha1").update(state).digest("base64");
}

export function describe({ id, request, replica, invoked, returned, outcome }: Operation): string {
  const what = request.kind === "scrape" ? "scrape" : `${request.kind} of ${groupName(request.group)}`;
  return `#${id} (${what}, replica ${replica}, ${invoked.toFixed(1)} to ${returned.toFixed(1)} ms: ${outcome})`;
}
