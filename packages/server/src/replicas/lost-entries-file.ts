import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ChannelMessages, fromByteString } from "@waystation/core";

type Lost = ChannelMessages["waystation:lost"];

/**
 * Keeps entries that a journal has lost in a file of a folder, which is made if need be. Each line is JSON: `position`, `tag`,
 * `records` (what was asked, of which group, when), and `data`, the entry as it was in the journal, in base64.
 *
 * @returns the file's path
 * @throws what the file system says
 */
export function keepLostEntries(folder: string, { from, to, entries }: Lost, now = new Date()): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `lost-${now.toISOString().replaceAll(":", "")}-${from}-${to}.jsonl`);
  const lines = entries.map(({ position, tag, data, records }) =>
    JSON.stringify({
      position,
      tag,
      records: records.map(({ kind, key, time }) => ({
        kind,
        ...(key !== undefined && { group: groupLabels(key) }),
        time: new Date(Number(time / 1_000_000n)).toISOString(),
      })),
      data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
    }),
  );
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""), { mode: 0o600, flag: "wx", flush: true });
  return path;
}

/** The labels that an `id` of a grouping key stands for. */
function groupLabels(id: string): Record<string, string> {
  const parts = id.split("\xff");
  const labels = Object.create(null) as Record<string, string>;
  for (let i = 0; i + 1 < parts.length; i += 2) labels[fromByteString(parts[i]!)] = fromByteString(parts[i + 1]!);
  return labels;
}
