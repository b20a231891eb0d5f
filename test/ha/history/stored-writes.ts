import { type Journal, ORIGIN } from "../../../packages/core/src/journal/journal.ts";
import { decodeEntry } from "../../../packages/core/src/record/entry.ts";
import type { GatewayRecord } from "../../../packages/core/src/record/record.ts";
import { groupName, type StoredWrite } from "./operation.ts";

/** Everything that a journal holds, which must not have been compacted. The journal is opened and closed here. */
export async function storedWrites(journal: Journal): Promise<StoredWrite[]> {
  const writes: StoredWrite[] = [];
  await journal.open();
  try {
    for (let cursor = ORIGIN; ; ) {
      const { entries, head } = await journal.read(cursor);
      for (const { data } of entries) writes.push(...decodeEntry(data).records.map(storedWrite));
      cursor = entries.at(-1) ?? cursor;
      if (cursor.position >= head) return writes;
    }
  } finally {
    await journal.close();
  }
}

function storedWrite(record: GatewayRecord): StoredWrite {
  switch (record.kind) {
    case "delete":
      return { kind: "delete", group: groupOf(record.key), id: undefined };
    case "replace":
    case "merge": {
      const lines = Buffer.from(record.block.body).toString("latin1");
      return { kind: record.kind, group: groupOf(record.key), id: Number(/ (\d+)\n$/.exec(lines)?.[1]) };
    }
    default:
      throw new Error(`nobody asked for a record of kind ${record.kind}`);
  }
}

/** The name of a group by the identity of its key: names and values in turn. */
function groupOf(key: string): string {
  const parts = key.split("\xff");
  return groupName(parts.flatMap((name, i) => (i % 2 === 0 ? [[name, parts[i + 1]!] as const] : [])));
}
