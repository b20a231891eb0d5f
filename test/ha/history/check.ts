/**
 * Is a history of concurrent operations one that a single gateway could have had, which does one thing after the other, each at some
 * moment between its call and its return? (That is linearizability, for the whole state, not only for each group.)
 *
 * To find such an order is hard in general. Here the journal names one, by the order of its entries; whatever order that is, a history
 * that agrees with it is legal. What remains to be seen is whether it agrees: with what clients were told, with time, and with what
 * scrapes showed.
 */
import { createHash } from "node:crypto";
import { Model } from "./model.ts";
import { groupName, type Operation, type StoredWrite, type WriteRequest } from "./operation.ts";

export interface CheckOptions {
  /** May something come back of which a gateway said that it was certainly not stored? So it is if the journal itself loses data. */
  readonly refusalsMayBeWrong?: boolean;
}

type Write = Operation & { readonly request: WriteRequest };

/**
 * What is wrong with a history; nothing if it is legal.
 *
 * @param order the writes that took effect or were rejected, in the order of the journal
 */
export function check(
  history: readonly Operation[],
  order: readonly StoredWrite[],
  options: CheckOptions = {},
): string[] {
  const writes = history.filter((operation): operation is Write => operation.request.kind !== "scrape");
  const scrapes = history.filter(({ request }) => request.kind === "scrape");
  const { sequence, violations } = attribute(writes, order);
  violations.push(...checkAnswers(writes, sequence, options), ...checkTimes(sequence));
  // Who is not where it should be makes whatever follows look wrong too.
  if (violations.length > 0) return violations;
  const { states, wrongVerdicts } = replay(sequence);
  return [...wrongVerdicts, ...checkScrapes(scrapes, sequence, states)];
}

/**
 * Finds out which operation each stored write is. Deletes of one group are alike: which is which only shows in their times. One that
 * was called after something else had returned comes after that, so it is not taken as long as such a thing is yet to come; of the
 * others the one that returned first is taken, since the rest may still fit to a later place.
 */
function attribute(
  writes: readonly Write[],
  order: readonly StoredWrite[],
): { readonly sequence: readonly Write[]; readonly violations: string[] } {
  const violations: string[] = [];
  const pushes = new Map(writes.filter(({ request }) => request.kind !== "delete").map((write) => [write.id, write]));
  const remaining = new Remaining(writes);
  const sequence: Write[] = [];
  for (const stored of order) {
    const write = stored.id === undefined ? remaining.takeDelete(stored.group) : pushes.get(stored.id);
    if (write === undefined || write.request.kind !== stored.kind || groupName(write.request.group) !== stored.group) {
      violations.push(
        `the journal has a ${stored.kind} of ${stored.group} (${stored.id ?? "no id"}) that nobody asked for`,
      );
    } else {
      remaining.remove(write);
      sequence.push(write);
    }
  }
  return { sequence, violations };
}

/** Writes whose place in the order is yet to come. */
class Remaining {
  readonly #taken = new Set<Write>();
  /** Those that must have a place, by the time at which they returned. */
  readonly #certain: readonly Write[];
  #first = 0;
  readonly #deletes = new Map<string, Write[]>();

  constructor(writes: readonly Write[]) {
    const byEnd = writes.toSorted((a, b) => endOf(a) - endOf(b));
    this.#certain = byEnd.filter(({ outcome }) => outcome === "done" || outcome === "rejected");
    for (const write of byEnd) {
      if (write.request.kind !== "delete" || write.outcome === "refused") continue;
      const group = groupName(write.request.group);
      this.#deletes.set(group, [...(this.#deletes.get(group) ?? []), write]);
    }
  }

  takeDelete(group: string): Write | undefined {
    const deletes = this.#deletes.get(group) ?? [];
    const end = this.#earliestEnd();
    const index = deletes.findIndex(({ invoked }) => invoked <= end);
    return deletes.splice(Math.max(0, index), 1)[0];
  }

  remove(write: Write): void {
    this.#taken.add(write);
  }

  #earliestEnd(): number {
    while (this.#first < this.#certain.length && this.#taken.has(this.#certain[this.#first]!)) this.#first++;
    const next = this.#certain[this.#first];
    return next === undefined ? Number.POSITIVE_INFINITY : endOf(next);
  }
}

/** Until when an operation may have happened: what is said to be refused may have to be taken for unknown. */
function endOf({ outcome, returned }: Operation): number {
  return outcome === "unknown" || outcome === "refused" ? Number.POSITIVE_INFINITY : returned;
}

function checkAnswers(writes: readonly Write[], sequence: readonly Write[], options: CheckOptions): string[] {
  const times = new Map<number, number>();
  for (const { id } of sequence) times.set(id, (times.get(id) ?? 0) + 1);
  return writes.flatMap((write) => {
    const count = times.get(write.id) ?? 0;
    if (count > 1) return [`${describe(write)} was stored ${count} times`];
    if (count === 0 && write.outcome === "done") return [`${describe(write)} was acknowledged and is lost`];
    if (count === 0 && write.outcome === "rejected")
      return [`${describe(write)} was rejected, but not by the journal's order`];
    if (count === 1 && write.outcome === "refused" && !options.refusalsMayBeWrong) {
      return [`${describe(write)} was refused as certainly not stored, and is stored`];
    }
    return [];
  });
}

/** Who returned before another was called comes before it. */
function checkTimes(sequence: readonly Write[]): string[] {
  const violations: string[] = [];
  let earliest: Write | undefined;
  for (const write of sequence.toReversed()) {
    if (earliest !== undefined && endOf(earliest) < write.invoked) {
      violations.push(`${describe(earliest)} comes after ${describe(write)}, which was called later`);
    }
    if (earliest === undefined || endOf(write) < endOf(earliest)) earliest = write;
  }
  return violations;
}

/** Digests of the states after the first 0, 1, 2, … writes. */
function replay(sequence: readonly Write[]): { readonly states: readonly string[]; readonly wrongVerdicts: string[] } {
  const model = new Model();
  const states = [digest(model.scrape())];
  const wrongVerdicts: string[] = [];
  for (const write of sequence) {
    const accepted = model.apply(write.request, write.id);
    if (accepted && write.outcome === "rejected") wrongVerdicts.push(`${describe(write)} was rejected without reason`);
    if (!accepted && write.outcome === "done") wrongVerdicts.push(`${describe(write)} was accepted against the rule`);
    states.push(digest(model.scrape()));
  }
  return { states, wrongVerdicts };
}

/** Each scrape has to show the state after so many writes, as its time allows and as earlier scrapes have shown. */
function checkScrapes(scrapes: readonly Operation[], sequence: readonly Write[], states: readonly string[]): string[] {
  const violations: string[] = [];
  const places = new Map<string, number[]>();
  for (const [place, state] of states.entries()) places.set(state, [...(places.get(state) ?? []), place]);

  // How many writes must be seen by who is called at a time: those that have returned, and what other scrapes have seen.
  const seen = new Floor(sequence.map((write, i) => ({ time: endOf(write), count: i + 1 })));
  const pending: { readonly returned: number; readonly count: number }[] = [];
  const byCall = scrapes.filter(({ observed }) => observed !== undefined).toSorted((a, b) => a.invoked - b.invoked);
  for (const scrape of byCall) {
    for (const earlier of pending.splice(0)) {
      if (earlier.returned < scrape.invoked) seen.raise(earlier.count);
      else pending.push(earlier);
    }
    const least = scrape.outcome === "stale" ? 0 : seen.at(scrape.invoked);
    const most = firstAfter(sequence, scrape.returned);
    const place = places.get(digest(scrape.observed!))?.find((candidate) => candidate >= least);
    if (place === undefined || place > most) {
      violations.push(
        `${describe(scrape)} shows no state after ${least} to ${most} writes${nearest(places, scrape, least, most)}`,
      );
    } else if (scrape.outcome !== "stale") {
      pending.push({ returned: scrape.returned, count: place });
    }
  }
  return violations;
}

function nearest(places: ReadonlyMap<string, number[]>, scrape: Operation, least: number, most: number): string {
  const shown = places.get(digest(scrape.observed!));
  if (shown === undefined) return ", nor any other that there was";
  const closest = shown.toSorted((a, b) => distance(a, least, most) - distance(b, least, most))[0];
  return `, but the one after ${closest}`;
}

function distance(place: number, least: number, most: number): number {
  return Math.max(least - place, place - most);
}

/** The highest count of all whose time has passed. */
class Floor {
  readonly #steps: readonly { readonly time: number; readonly count: number }[];
  #next = 0;
  #count = 0;

  constructor(steps: readonly { readonly time: number; readonly count: number }[]) {
    this.#steps = steps.toSorted((a, b) => a.time - b.time);
  }

  raise(count: number): void {
    this.#count = Math.max(this.#count, count);
  }

  /** @param time not before that of the last call */
  at(time: number): number {
    for (; this.#next < this.#steps.length && this.#steps[this.#next]!.time < time; this.#next++) {
      this.raise(this.#steps[this.#next]!.count);
    }
    return this.#count;
  }
}

/** How many writes come before the first one that was called only after `time`. */
function firstAfter(sequence: readonly Write[], time: number): number {
  const index = sequence.findIndex(({ invoked }) => invoked > time);
  return index < 0 ? sequence.length : index;
}

function digest(state: string): string {
  return createHash("sha1").update(state).digest("base64");
}

export function describe({ id, request, replica, invoked, returned, outcome }: Operation): string {
  const what = request.kind === "scrape" ? "scrape" : `${request.kind} of ${groupName(request.group)}`;
  return `#${id} (${what}, replica ${replica}, ${invoked.toFixed(1)} to ${returned.toFixed(1)} ms: ${outcome})`;
}
