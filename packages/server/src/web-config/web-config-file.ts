import path from "node:path";
import { WaystationError } from "@waystation/core";
import { WatchedFiles } from "./watched-file.ts";
import { parseWebConfig, type WebConfig } from "./web-config.ts";

/** The `--web.config.file`, as it is now. */
export class WebConfigFile {
  readonly path: string;
  readonly #files = new WatchedFiles();
  #text: string | undefined;
  #config: WebConfig | undefined;

  constructor(file: string) {
    this.path = file;
  }

  /** @throws `CONFIG` if the file cannot be read or is not valid; an older version never stands in for it */
  current(): WebConfig {
    let text: string;
    try {
      text = this.#files.read(this.path);
    } catch (error) {
      throw new WaystationError("CONFIG", `--web.config.file: ${(error as Error).message}`, { cause: error });
    }
    if (text !== this.#text || this.#config === undefined) {
      this.#config = undefined;
      try {
        this.#config = parseWebConfig(text, path.dirname(this.path));
      } catch (error) {
        throw new WaystationError("CONFIG", `${this.path}: ${(error as Error).message}`, { cause: error });
      }
      this.#text = text;
    }
    return this.#config;
  }
}
