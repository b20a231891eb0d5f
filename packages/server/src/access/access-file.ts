import { WaystationError } from "@waystation/core";
import { WatchedFiles } from "../web-config/watched-file.ts";
import { type AccessRules, parseAccessRules } from "./access-rules.ts";

/** The `--web.access-file`, as it is now. */
export class AccessFile {
  readonly path: string;
  readonly #files = new WatchedFiles();
  #text: string | undefined;
  #rules: AccessRules | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws `CONFIG` if the file cannot be read or is not valid; an older version never stands in for it */
  current(): AccessRules {
    try {
      const text = this.#files.read(this.path);
      if (text !== this.#text || this.#rules === undefined) {
        this.#rules = undefined;
        this.#rules = parseAccessRules(text);
        this.#text = text;
      }
      return this.#rules;
    } catch (error) {
      throw new WaystationError("CONFIG", `--web.access-file=${this.path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}
