/** The process of a RemoteJournal. */
import { type AppendOwn, type Cursor, isWaystationError } from "@waystation/core";
import { SqliteJournal, type SqliteJournalOptions } from "@waystation/storage-sqlite";
import { bytesOf } from "./kit.ts";

export interface Call {
  readonly id: number;
  readonly method: "open" | "append" | "read" | "compact" | "health" | "close" | "pull";
  readonly args: readonly unknown[];
}

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly code: string; readonly message: string };

let journal: SqliteJournal | undefined;
const pulls = new Map<number, (reply: Reply) => void>();
let nextId = 1;

async function* pulled(snapshot: number): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const id = nextId++;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    pulls.set(id, resolve);
    process.send!({ id, method: "pull", args: [snapshot] } satisfies Call);
    const reply = await promise;
    if (!("value" in reply)) throw new Error(reply.message);
    const { value, done } = reply.value as IteratorResult<Uint8Array, void>;
    if (done) return;
    yield value;
  }
}

async function run({ method, args }: Call): Promise<unknown> {
  switch (method) {
    case "open": {
      journal ??= new SqliteJournal(args[0] as SqliteJournalOptions);
      const snapshot = await journal.open();
      return snapshot && { at: snapshot.at, bytes: new Uint8Array(await bytesOf(snapshot)) };
    }
    case "append":
      return journal!.append(args[0] as Uint8Array, args[1] as Cursor, args[2] as AppendOwn);
    case "read":
      return journal!.read(args[0] as Cursor);
    case "compact":
      return journal!.compact(args[0] as Cursor, pulled(args[1] as number));
    case "health":
      return journal!.health();
    default:
      return journal!.close();
  }
}

process.on("message", (message: Call | Reply) => {
  if (!("method" in message)) {
    pulls.get(message.id)?.(message);
    return;
  }
  run(message).then(
    (value) => process.send!({ id: message.id, value } satisfies Reply),
    (error) => {
      const code = isWaystationError(error) ? error.code : "IN_DOUBT";
      process.send!({ id: message.id, code, message: String(error) } satisfies Reply);
    },
  );
});
