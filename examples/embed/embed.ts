/**
 * A gateway inside a program of one's own, without HTTP: jobs report to it by function calls, and what Prometheus would scrape is
 * written to standard output. Run it with `pnpm start`.
 */
import { Gateway, groupingKey, isWaystationError, MemoryJournal } from "@waystation/core";

const gateway = await Gateway.open({ journal: new MemoryJournal() });

// Two instances of a job report; "replace" is what PUT does over HTTP, "merge" what POST does.
const db1 = groupingKey({ job: "backup", instance: "db1" });
const db2 = groupingKey({ job: "backup", instance: "db2" });
await gateway.push({
  key: db1,
  mode: "replace",
  body: "# HELP backup_size_bytes How much was saved.\n# TYPE backup_size_bytes gauge\nbackup_size_bytes 4.2e9\n",
});
await gateway.push({ key: db2, mode: "replace", body: "# TYPE backup_size_bytes gauge\nbackup_size_bytes 1.7e9\n" });
await gateway.push({ key: db1, mode: "merge", body: 'backup_files{kind="new"} 12\nbackup_files{kind="changed"} 7\n' });

// What cannot be read, or contradicts what is there, is refused and changes nothing.
try {
  await gateway.push({ key: db2, mode: "merge", body: "backup_size_bytes many\n" });
} catch (error) {
  if (!isWaystationError(error, "PARSE")) throw error;
  const { line, column } = error.position!;
  console.error(`refused, as it should be: line ${line}, column ${column}: ${error.message}`);
}

// db2 has been retired.
await gateway.delete(db2);

const exposition = await gateway.expose();
console.error(`${exposition.contentType}, ${exposition.length} bytes`);
process.stdout.write(exposition.text());

await gateway.close();
