/**
 * Compacts the journal (first argument), and says so and waits when it comes to a certain step (second argument): `begun`, before the
 * first chunk; `some`, after the first two; `all`, after the last one; `published`.
 */
import { SqliteJournal } from "@waystation/storage-sqlite";
import { readAll } from "./kit.ts";

const [path, step] = process.argv.slice(2);
const journal = new SqliteJournal({ path: path!, trimLagMs: 0, trimLagBytes: 0 });
await journal.open();
const at = (await readAll(journal)).at(-1)!;

async function waitAt(here: string): Promise<void> {
  if (here !== step) return;
  console.log(here);
  setInterval(() => {}, 1_000);
  await new Promise(() => {});
}

async function* chunks(): AsyncGenerator<Uint8Array, void> {
  await waitAt("begun");
  // Each is written before the next but one is asked for.
  for (let number = 0; number < 4; number++) {
    yield Buffer.alloc(1024 * 1024, "new ");
    if (number === 2) await waitAt("some");
  }
  await waitAt("all");
}

await journal.compact(at, chunks());
await waitAt("published");
