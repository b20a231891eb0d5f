import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deleteRecord, exposedText, pushRecord, wipeRecord } from "../../test/state-kit.ts";
import { compareBytes } from "../model/byte-string.ts";
import { compareGroupingKeys } from "../model/grouping-key.ts";
import { entryBytes, pageOf } from "./entry.ts";
import type { Family } from "./family.ts";
import type { Group } from "./group.ts";
import type { Sequence } from "./sequence.ts";
import { State } from "./state.ts";

const MAX_PAGE_BYTES = 48 * 1024;

interface Entry {
  readonly family: Family;
  readonly group: Group | undefined;
  readonly slot: number;
}

function entriesOf({ families, groups, slots }: Sequence["pages"][number]): Entry[] {
  return slots.map((slot, i) => ({ family: families[i]!, group: groups[i], slot }));
}

/** What holds at any time, whatever was pushed. */
function checkPages(sequence: Sequence): void {
  for (const page of sequence.pages) {
    const entries = entriesOf(page);
    assert.ok(entries.length > 0, "a page is empty");
    assert.equal(
      page.bytes,
      entries.reduce((sum, { family, group, slot }) => sum + entryBytes(family, group, slot), 0),
      "a page's bytes are not those of its entries",
    );
    assert.ok(page.bytes <= MAX_PAGE_BYTES || entries.length === 1, `a page has ${page.bytes} bytes`);
    for (const { family, group, slot } of entries) {
      assert.equal(pageOf(family, group, slot), page, "an entry does not know its page");
      if (slot >= 0)
        assert.equal(group!.content.layout.descriptors[slot]!.name, family.name, "an entry has a wrong slot");
    }
  }
  const entries = sequence.pages.flatMap(entriesOf);
  for (let i = 1; i < entries.length; i++) {
    assert.ok(precedes(entries[i - 1]!, entries[i]!), "entries are not in order");
  }
}

function precedes(a: Entry, b: Entry): boolean {
  if (a.family !== b.family) return compareBytes(a.family.name, b.family.name) < 0;
  return b.group !== undefined && (a.group === undefined || compareGroupingKeys(a.group.key, b.group.key) < 0);
}

/** A family of about so many bytes. */
function body(name: string, bytes: number): string {
  return `# HELP ${name} ${"h".repeat(bytes % 97)}\n${name}{x="${"v".repeat(bytes)}"} 1\n`;
}

test("a page that becomes empty is gone, however its entries have grown and shrunk", () => {
  const state = new State();
  state.apply(pushRecord({ job: "a" }, body("m", 20_000)));
  state.apply(pushRecord({ job: "a" }, "m 1\n"));
  state.apply(deleteRecord({ job: "a" }));
  assert.deepEqual(state.sequence.pages, []);
  assert.equal(state.apply(pushRecord({ job: "a" }, "m 1\n")), undefined);
  checkPages(state.sequence);
});

test("pages are cut when entries grow after they were inserted", () => {
  const state = new State();
  for (let i = 0; i < 200; i++) state.apply(pushRecord({ job: String(i) }, "m 1\n"));
  assert.equal(state.sequence.pages.length, 1);
  for (let i = 0; i < 200; i++) state.apply(pushRecord({ job: String(i) }, body("m", 2_000)));
  checkPages(state.sequence);
  assert.ok(state.sequence.pages.length >= 9);
  for (let i = 0; i < 200; i++) state.apply(deleteRecord({ job: String(i) }));
  assert.deepEqual(state.sequence.pages, []);
});

test("pages are never empty or too large, know their sizes, and stay in order", async () => {
  const job = fc.nat(30).map(String);
  const size = fc.oneof(fc.nat(100), fc.nat(10_000), fc.nat(120_000));
  const families = fc.array(fc.tuple(fc.constantFrom("a", "b", "push_zz", "pusg"), size), { maxLength: 3 });
  const command = fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constantFrom("replace", "merge"), job, families }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("delete"), job, families: fc.constant([]) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wipe"), job, families: fc.constant([]) }) },
  );
  const property = fc.property(fc.array(command, { maxLength: 60, size: "max" }), (commands) => {
    const state = new State();
    for (const { do: what, job, families } of commands) {
      const text = [...new Map(families)].map(([name, bytes]) => body(name, bytes)).join("");
      if (what === "delete") state.apply(deleteRecord({ job }));
      else if (what === "wipe") state.apply(wipeRecord());
      else state.apply(pushRecord({ job }, text, { mode: what === "merge" ? "merge" : "replace" }));
      checkPages(state.sequence);
    }
    for (const group of [...state.groups()]) state.apply(deleteRecord({ job: group.key.labels[0]!.value }));
    assert.deepEqual(state.sequence.pages, []);
  });
  fc.assert(property, { numRuns: 60 });
});

test("what is printed is what the pages hold, whatever their number", async () => {
  const state = new State();
  for (let i = 0; i < 100; i++) state.apply(pushRecord({ job: String(i) }, body("m", 3_000)));
  assert.ok(state.sequence.pages.length > 5);
  const text = await exposedText(state);
  assert.equal(text.match(/^m\{/gm)?.length, 100);
  assert.equal(text.match(/^# TYPE m /gm)?.length, 1);
});
