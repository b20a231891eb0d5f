import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openJournal, readAll, temporaryPath } from "./kit.ts";

const WANTED = 200;

function startWriter(t: TestContext, path: string, name: number) {
  const child = fileURLToPath(new URL("./fairness-child.ts", import.meta.url));
  const writer = spawn(process.execPath, [child, path, String(WANTED), String(name)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => writer.kill("SIGKILL"));
  const lines = createInterface(writer.stdout)[Symbol.asyncIterator]();
  return {
    line: async (): Promise<string> => (await lines.next()).value ?? "",
    go: (): void => void writer.stdin.write("go\n"),
  };
}

for (const processes of [2, 3]) {
  test(`${processes} processes at full speed agree on one history, and none of them starves`, async (t) => {
    const path = await temporaryPath(t);
    const writers = Array.from({ length: processes }, (_, i) => startWriter(t, path, i + 1));
    for (const writer of writers) assert.equal(await writer.line(), "ready");
    for (const writer of writers) writer.go();
    for (const writer of writers) assert.equal(await writer.line(), "done");
    for (const writer of writers) writer.go();
    const histories: string[] = [];
    for (const writer of writers) histories.push(await writer.line());

    const journal = await openJournal(t, path);
    const entries = await readAll(journal);
    assert.equal(entries.length, processes * WANTED);
    const history = entries.map(({ position, tag }) => `${position}-${tag}`).join(" ");
    for (const seen of histories) assert.equal(seen, history);

    // By the time that one of them had done all of its appends, how many had each of the others done?
    const names = entries.map(({ tag }) => tag[0]!);
    const done = new Map<string, number>();
    for (const name of names) {
      done.set(name, (done.get(name) ?? 0) + 1);
      if (done.get(name) === WANTED) break;
    }
    t.diagnostic(`appends when the first one was done: ${[...done.values()].join(", ")}`);
    for (let name = 1; name <= processes; name++) {
      assert((done.get(String(name)) ?? 0) > WANTED / 20, `process ${name} starved: ${[...done]}`);
    }
  });
}
