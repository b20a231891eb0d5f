/**
 * Appends so many entries (second argument) to the journal (first argument), from when a line comes on standard input, and applies
 * what others append as a gateway does. Says in the end what it applied: `position-tag` of each entry.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { type Cursor, type Entry, ORIGIN, type Tail } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";

const [path, wanted, name] = process.argv.slice(2);
const journal = new SqliteJournal({ path: path! });
await journal.open();
console.log("ready");
await once(process.stdin, "data");

const applied: Cursor[] = [];
const at = (): Cursor => applied.at(-1) ?? ORIGIN;
const apply = ({ entries }: Tail): void => {
  for (const { position, tag } of entries satisfies readonly Entry[]) {
    if (position !== at().position + 1) throw new Error(`position ${position} after ${at().position}`);
    applied.push({ position, tag });
  }
};

for (let i = 0; i < Number(wanted); i++) {
  const tag = `${name}${randomInt(2 ** 40)}`;
  const appended = await journal.append(Buffer.alloc(1_000, i), at(), { tag, deadline: Date.now() + 60_000 });
  apply(appended.tail);
  while (at().position < appended.at.position - 1) apply(await journal.read(at()));
  applied.push(appended.at);
}
console.log("done");
await once(process.stdin, "data"); // until the others are done too
apply(await journal.read(at()));
console.log(applied.map(({ position, tag }) => `${position}-${tag}`).join(" "));
await journal.close();
process.exit();
