import { ORIGIN } from "@waystation/core";
import { FileJournal } from "../src/index.ts";

/**
 * Opens the journal in the folder of the first argument and appends entries of as many bytes as the second says until one is refused.
 * Says what happened, one word a line: `open`, `ok` for each entry, the code of an error. Waits to be killed.
 */
const [directory, size] = [process.argv[2]!, Number(process.argv[3])];
const say = (word: string): boolean => process.stdout.write(`${word}\n`);
const codeOf = (error: unknown): string => (error as { code: string }).code;

const journal = new FileJournal({ directory });
try {
  let { at } = (await journal.open()) ?? { at: ORIGIN };
  say("open");
  for (let i = 1; size > 0; i++) {
    ({ at } = await journal.append(Buffer.alloc(size, i), at, { tag: String(i), deadline: Date.now() + 60_000 }));
    say("ok");
  }
} catch (error) {
  say(codeOf(error));
}
setInterval(() => {}, 60_000);
