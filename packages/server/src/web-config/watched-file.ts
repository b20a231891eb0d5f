import { readFileSync, statSync } from "node:fs";

/**
 * The content of files, read again when they change. `read` looks at the files' metadata each time, which takes a few
 * microseconds: a change counts from the next request or connection on, and however files are replaced (renamed over, linked anew
 * by Kubernetes), nothing has to be told.
 */
export class WatchedFiles {
  readonly #seen = new Map<string, { stamp: string; text: string }>();

  /** @throws what `node:fs` throws if the file cannot be read */
  read(path: string): string {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    const stamp = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    let seen = this.#seen.get(path);
    if (seen?.stamp !== stamp) {
      seen = { stamp, text: readFileSync(path, "utf8") };
      this.#seen.set(path, seen);
    }
    return seen.text;
  }
}
