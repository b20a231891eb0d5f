import { constants } from "node:fs";
import { type Disk, type File, sizeOf, withoutFirst, writeSome } from "./disk.ts";

/** Bytes were written, but not made durable: the file's pages may count as written although they are not. */
export class SyncFailed extends Error {}

/**
 * A file that is appended to, durably. Where one call can do it (`O_DSYNC`: the system does the same as for a write and an `fdatasync`),
 * that is one wait for a thread and for the event loop instead of two.
 */
export class SyncedFile {
  readonly #file: File;
  readonly #isSyncedByWriting: boolean;

  private constructor(file: File, isSyncedByWriting: boolean) {
    this.#file = file;
    this.#isSyncedByWriting = isSyncedByWriting;
  }

  static async open(disk: Disk, path: string): Promise<SyncedFile> {
    const file = await disk.open(path, constants.O_RDWR | disk.syncedWriteFlag);
    return new SyncedFile(file, disk.syncedWriteFlag !== 0);
  }

  /**
   * Writes all of the parts, durably.
   *
   * @param offset Where the file ends.
   * @throws SyncFailed If bytes may be in the file of which nobody can tell whether they are on the disk. After any other error, all
   *   that is in the file was made durable, and it may hold some of the bytes.
   */
  async append(parts: readonly Uint8Array[], offset: number): Promise<void> {
    let at = offset;
    for (let rest = parts; rest.length > 0; ) {
      const written = await this.#writeSome(rest, at);
      at += written;
      rest = withoutFirst(rest, written);
    }
    if (!this.#isSyncedByWriting) await this.#sync();
  }

  async #writeSome(parts: readonly Uint8Array[], offset: number): Promise<number> {
    try {
      return await writeSome(this.#file, parts, offset);
    } catch (cause) {
      if (this.#isSyncedByWriting && (await this.#hasGrownBeyond(offset))) throw syncFailed(cause);
      throw cause;
    }
  }

  /** A write that was refused took nothing. One that took bytes and failed could not make them durable. */
  async #hasGrownBeyond(size: number): Promise<boolean> {
    return await sizeOf(this.#file).then(
      (now) => now > size,
      () => true,
    );
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (cause) {
      throw syncFailed(cause);
    }
  }

  /** Cuts the file, durably. */
  async truncate(size: number): Promise<void> {
    await this.#file.truncate(size);
    await this.#file.datasync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function syncFailed(cause: unknown): SyncFailed {
  return new SyncFailed(cause instanceof Error ? cause.message : String(cause), { cause });
}
