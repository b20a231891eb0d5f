import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  type AppendOwn,
  type Cursor,
  type Durability,
  type ErrorCode,
  type Journal,
  type JournalHealth,
  type Snapshot,
  type Tail,
  WaystationError,
} from "@waystation/core";
import type { SqliteJournalOptions } from "@waystation/storage-sqlite";
import type { Call, Reply } from "./remote-journal-child.ts";

interface Pending {
  readonly id: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface SnapshotSource {
  readonly chunks: AsyncIterator<Uint8Array>;
  failure?: { readonly error: unknown };
}

/** A SQLite journal in a process of its own, which can be killed. */
export class RemoteJournal implements Journal {
  readonly name = "sqlite";
  readonly shared = true;
  readonly survives: Durability = "host-crash";
  readonly #options: SqliteJournalOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #snapshots = new Map<number, SnapshotSource>();
  #closed: Promise<void> | undefined;
  #child: ChildProcess | undefined;
  #nextId = 1;

  constructor(options: SqliteJournalOptions) {
    this.#options = options;
  }

  async open(): Promise<Snapshot | undefined> {
    this.#child ??= this.#start();
    const found = (await this.#call("open", this.#options)) as { at: Cursor; bytes: Uint8Array } | undefined;
    if (!found) return undefined;
    return {
      at: found.at,
      chunks: (async function* () {
        yield found.bytes;
      })(),
    };
  }

  #start(): ChildProcess {
    const module = new URL("./remote-journal-child.ts", import.meta.url);
    const child = fork(module, { serialization: "advanced", execArgv: [] });
    child.on("message", (message: Call | Reply) => this.#receive(message));
    child.on("exit", () => {
      for (const { reject } of this.#pending.values()) reject(new WaystationError("IN_DOUBT", "the process is gone"));
      this.#pending.clear();
    });
    return child;
  }

  async append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    return (await this.#call("append", data, since, own)) as { at: Cursor; tail: Tail };
  }

  async read(since: Cursor): Promise<Tail> {
    return (await this.#call("read", since)) as Tail;
  }

  async compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    const id = this.#nextId++;
    const source: SnapshotSource = { chunks: snapshot[Symbol.asyncIterator]() };
    this.#snapshots.set(id, source);
    try {
      return (await this.#call("compact", at, id)) as "published" | "older";
    } catch (error) {
      throw source.failure ? source.failure.error : error; // itself, not what became of it between the processes
    } finally {
      this.#snapshots.delete(id);
    }
  }

  async health(): Promise<JournalHealth> {
    return (await this.#call("health")) as JournalHealth;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async kill(): Promise<void> {
    if (!this.#child) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  async #close(): Promise<void> {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    await this.#call("close");
    this.#child.disconnect();
    await exited;
  }

  #call(method: Call["method"], ...args: unknown[]): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { id, resolve, reject });
      this.#child!.send({ id, method, args } satisfies Call, (error) => {
        if (error) reject(error);
      });
    });
  }

  #receive(message: Call | Reply): void {
    if ("method" in message) {
      this.#pull(message).catch(() => {}); // the process was killed meanwhile
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ("value" in message) pending?.resolve(message.value);
    else pending?.reject(new WaystationError(message.code as ErrorCode, message.message));
  }

  /** The process asks for the next chunk of a snapshot that is to be published. */
  async #pull({ id, args: [snapshot] }: Call): Promise<void> {
    const source = this.#snapshots.get(snapshot as number)!;
    const reply = await source.chunks.next().then(
      (value): Reply => ({ id, value }),
      (error): Reply => {
        source.failure = { error };
        return { id, code: "UNAVAILABLE", message: String(error) };
      },
    );
    await new Promise<void>((resolve, reject) => {
      this.#child!.send(reply, (error) => (error ? reject(error) : resolve()));
    });
  }
}
