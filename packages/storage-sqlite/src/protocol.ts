import type { Cursor, Entry, ErrorCode } from "@waystation/core";
import type { DatabaseOptions } from "./database.ts";
import type { TrimLag } from "./trimmer.ts";

/** What the worker is started with. */
export interface WorkerSetup extends DatabaseOptions {
  readonly trimLag: TrimLag;
  /** `MAX_TAIL_BYTES`. */
  readonly maxTailBytes: number;
  /** Verify all that is stored before it is used? */
  readonly check: boolean;
  /** Counts requests: the worker sleeps on it, which wakes it faster than its event loop would. */
  readonly doorbell: SharedArrayBuffer;
}

export interface AppendRequest {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly since: Cursor;
  readonly tag: string;
  readonly deadline: number;
}

export interface AppendReply {
  readonly position: number;
  /** What others appended after `since`, possibly not all of it. */
  readonly entries: readonly Entry[];
  readonly time: number;
}

/** A snapshot that is being written. */
export interface Generation {
  readonly generation: number;
  readonly at: Cursor;
}

/** What the worker does. One call is one transaction. */
export interface Operations {
  open(): void;
  append(request: AppendRequest): AppendReply;
  /** Begins a snapshot and returns its generation. */
  beginSnapshot(at: Cursor): number | "older";
  addChunk(chunk: Generation & { readonly data: Uint8Array<ArrayBuffer> }): "added" | "older";
  publishSnapshot(snapshot: Generation): "published" | "older";
  dropSnapshot(generation: number): void;
  /** Deletes some of what a snapshot replaced; `true` when nothing of that is left. */
  makeRoom(): boolean;
  lease(request: { readonly name: string; readonly holder: string; readonly ms: number }): boolean;
  /** Proves that `bytes` can be written now, or throws why not. */
  probe(bytes: number): void;
  close(): void;
}

export type OperationName = keyof Operations;
export type Argument<Name extends OperationName> = Parameters<Operations[Name]>[0];
export type Result<Name extends OperationName> = ReturnType<Operations[Name]>;

export interface Request<Name extends OperationName = OperationName> {
  readonly id: number;
  readonly operation: Name;
  readonly argument: Argument<Name>;
}

export interface RemoteError {
  /** Missing for a defect. */
  readonly code?: ErrorCode;
  readonly message: string;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: RemoteError };
