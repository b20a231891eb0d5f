import fc from "fast-check";
import { cursorCases } from "./cursors.ts";
import { doubtCases } from "./doubt.ts";
import { durabilityCases } from "./durability.ts";
import type { FixtureSettings, JournalContractOptions } from "./fixture.ts";
import { type ContractCase, Kit } from "./kit.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { commandSequences, runCommands } from "./model.ts";
import { orderingCases } from "./ordering.ts";
import { sharingCases } from "./sharing.ts";
import { snapshotCases } from "./snapshots.ts";

const CASES: readonly ContractCase[] = [
  ...lifecycleCases,
  ...orderingCases,
  ...cursorCases,
  ...snapshotCases,
  ...sharingCases,
  ...durabilityCases,
  ...doubtCases,
];

/**
 * Registers the contract that every journal has to keep, as cases of any test runner:
 *
 * ```ts
 * journalContract({
 *   test,
 *   name: "sqlite journal",
 *   capabilities: { shared: true, trimLag: true, crash: true, disturb: false },
 *   create: async ({ eagerTrim }) => {
 *     const folder = await mkdtemp(join(tmpdir(), "journal-"));
 *     return {
 *       journal: () => new SqliteJournal({ file: join(folder, "journal.db"), ...(eagerTrim && { trimLagBytes: 0 }) }),
 *       crash: async (journal) => …,
 *       destroy: () => rm(folder, { recursive: true }),
 *     };
 *   },
 * });
 * ```
 *
 * Needs the package fast-check beside it, for the case that compares random command sequences with a model.
 */
export function journalContract(options: JournalContractOptions): void {
  const { test, name, capabilities, create } = options;
  const onFixture = async (settings: Partial<FixtureSettings>, body: (kit: Kit) => Promise<void>): Promise<void> => {
    const kit = new Kit(capabilities, await create({ eagerTrim: false, ...settings }));
    try {
      await body(kit);
    } catch (error) {
      await kit.end().catch(() => {}); // the case's own failure says more than one of tidying up after it
      throw error;
    }
    await kit.end();
  };

  for (const { name: rule, when, settings = {}, run } of CASES) {
    if (when && !when(capabilities)) continue;
    test(`${name}: ${rule}`, () => onFixture(settings, run));
  }

  test(`${name}: agrees with a model over random commands`, () => {
    const property = fc.asyncProperty(fc.boolean(), commandSequences(capabilities), (eagerTrim, commands) =>
      onFixture({ eagerTrim }, (kit) => runCommands(kit, commands)),
    );
    return fc.assert(property, { numRuns: options.modelRuns ?? 50 });
  });
}
