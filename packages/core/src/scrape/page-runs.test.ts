import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Family } from "../state/family.ts";
import { Page } from "../state/page.ts";
import { planRuns, type RenderedRun, type Run } from "./page-runs.ts";

const BYTES = 100;

/** Pages of a sequence, and which runs they were rendered in last. */
class Pages {
  readonly all: Page[] = [];
  readonly fleeting = new Set<Page>();
  readonly #known = new Map<Page, RenderedRun<string>>();

  insert(at: number, bytes: number, family = new Family("m")): Page {
    const page = new Page(0);
    page.bytes = bytes;
    page.families.push(family);
    this.all.splice(at, 0, page);
    return page;
  }

  change(page: Page): void {
    this.#known.delete(page);
  }

  isKnown(page: Page): boolean {
    return this.#known.has(page);
  }

  plan(bytes = BYTES): Run<string>[] {
    return planRuns(this.all, {
      known: (page) => (this.fleeting.has(page) ? undefined : this.#known.get(page)),
      isFleeting: (page) => this.fleeting.has(page),
      bytes,
    });
  }

  /** @returns how many pages were rendered */
  render(): number {
    let count = 0;
    for (const { pages, rendered } of this.plan()) {
      if (rendered.part !== undefined) continue;
      rendered.part = "rendered";
      count += pages.length;
      for (const page of pages) if (!this.fleeting.has(page)) this.#known.set(page, rendered);
    }
    return count;
  }
}

function lengths(runs: readonly Run<string>[]): number[] {
  return runs.map(({ pages }) => pages.length);
}

test("the runs are all pages in order, and those without change stay known", () => {
  const change = fc.record({
    do: fc.constantFrom("change", "change", "insert", "remove", "fleeting"),
    at: fc.nat(100),
    bytes: fc.integer({ min: 1, max: 150 }),
  });
  const property = fc.property(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 8 }), (rounds) => {
    const pages = new Pages();
    for (let i = 0; i < 30; i++) pages.insert(i, 10 + (i % 5) * 10);
    let rendered = pages.render();
    let changed = pages.all.length;
    for (const changes of rounds) {
      for (const { do: what, at, bytes } of changes) {
        const index = at % Math.max(1, pages.all.length);
        const page = pages.all[index];
        if (what === "insert" || page === undefined) pages.insert(index, bytes);
        else if (what === "remove") pages.all.splice(index, 1);
        else if (what === "change") pages.change(page);
        else if (pages.fleeting.size === 0) pages.fleeting.add(page);
        changed++;
      }
      changed += pages.fleeting.size;
      const runs = pages.plan();
      assert.deepEqual(
        runs.flatMap((run) => run.pages),
        pages.all,
      );
      for (const { pages: run, rendered } of runs) {
        assert.equal(rendered.length, run.length);
        if (rendered.part !== undefined) assert.ok(run.every((page) => pages.isKnown(page)));
        const sum = run.reduce((sum, { bytes }) => sum + bytes, 0);
        assert.ok(run.length === 1 || sum < 2 * BYTES + 150, `a run of ${run.length} pages has ${sum} bytes`);
        assert.ok(run.length === 1 || !run.some((page) => pages.fleeting.has(page)));
      }
      rendered += pages.render();
      pages.fleeting.clear();
      // A page is rendered for its own sake, for a run most of which has changed, or once when its run is dissolved.
      assert.ok(rendered <= 5 * changed, `${rendered} pages rendered for ${changed} changes`);
    }
    // What was fleeting last is known from an earlier run.
    pages.render();
    assert.equal(pages.render(), 0);
  });
  fc.assert(property, { numRuns: 300 });
});

test("pages become runs of about the same length, and too few of them none", () => {
  const pages = new Pages();
  for (let i = 0; i < 10; i++) pages.insert(i, 25);
  assert.deepEqual(lengths(pages.plan()), [4, 4, 2]);
  assert.deepEqual(lengths(pages.plan(0)), new Array(10).fill(1));
  pages.all.length = 5;
  assert.deepEqual(lengths(pages.plan()), [3, 2]);
  pages.all.length = 2;
  assert.deepEqual(lengths(pages.plan()), [2]);
  pages.all.length = 1;
  assert.deepEqual(lengths(pages.plan()), [1]);
  pages.all.length = 0;
  assert.deepEqual(pages.plan(), []);
});

test("a run of which little has changed is dissolved, one of which much has is rendered whole again", () => {
  const pages = new Pages();
  for (let i = 0; i < 8; i++) pages.insert(i, 25);
  assert.equal(pages.render(), 8);
  pages.change(pages.all[1]!);
  assert.deepEqual(lengths(pages.plan()), [1, 1, 1, 1, 4]);
  assert.equal(pages.render(), 4);
  pages.change(pages.all[1]!);
  assert.equal(pages.render(), 1);
  for (const i of [4, 6]) pages.change(pages.all[i]!);
  assert.deepEqual(lengths(pages.plan()), [1, 1, 1, 1, 4]);
  assert.equal(pages.render(), 4);
  for (const page of pages.all) pages.change(page);
  assert.deepEqual(lengths(pages.plan()), [4, 4]);
});

test("a page that is another one in each rendering does not make others stale", () => {
  const pages = new Pages();
  for (let i = 0; i < 9; i++) pages.insert(i, 25);
  pages.fleeting.add(pages.all[4]!);
  assert.deepEqual(lengths(pages.plan()), [4, 1, 4]);
  assert.equal(pages.render(), 9);
  assert.equal(pages.render(), 1);
});

test("the position says how far a run is in its family", () => {
  const pages = new Pages();
  const [a, b] = [new Family("a"), new Family("b")];
  for (let i = 0; i < 4; i++) pages.insert(i, 100, a);
  for (let i = 4; i < 6; i++) pages.insert(i, 100, b);
  assert.deepEqual(
    pages.plan().map(({ position }) => position),
    [0, 0.25, 0.5, 0.75, 0, 0.5],
  );
});
