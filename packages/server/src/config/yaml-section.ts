import { WaystationError } from "@waystation/core";
import { parse } from "yaml";

/** @throws `CONFIG` */
export function parseYaml(text: string): unknown {
  try {
    // Its warnings would go to standard error, with parts of the text, which has secrets in it.
    return parse(text, { logLevel: "error" });
  } catch (error) {
    throw new WaystationError("CONFIG", `it is not valid YAML: ${(error as Error).message.split("\n", 1)[0]}`, {
      cause: error,
    });
  }
}

/** A YAML mapping, read key by key; keys that nobody asked for are found out. All methods throw `CONFIG`, naming the key. */
export class Section {
  readonly name: string;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #known = new Set<string>();

  constructor(value: unknown, name: string) {
    if (value !== null && value !== undefined && (typeof value !== "object" || Array.isArray(value))) {
      throw invalid(`${name || "the file"}: must be a mapping`);
    }
    this.name = name;
    this.#values = new Map(Object.entries(value ?? {}));
  }

  section(key: string): Section {
    return new Section(this.#take(key), this.#path(key));
  }

  /** All entries, each a mapping of its own. */
  sections(): [string, Section][] {
    return [...this.#values].map(([key, value]) => [key, new Section(value, this.#path(key))]);
  }

  text(key: string): string | undefined {
    const value = this.#take(key);
    return value === undefined || value === null ? undefined : this.#scalar(key, value);
  }

  /** All entries, as text. */
  texts(): [string, string][] {
    return [...this.#values].map(([key, value]) => [key, value === null ? "" : this.#scalar(key, value)]);
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#take(key) ?? fallback;
    if (typeof value !== "boolean") throw invalid(`${this.#path(key)}: must be true or false`);
    return value;
  }

  integer(key: string): number {
    const value = this.#take(key) ?? 0;
    if (typeof value !== "number" || !Number.isSafeInteger(value))
      throw invalid(`${this.#path(key)}: must be a whole number`);
    return value;
  }

  list(key: string): readonly string[] | undefined {
    const value = this.#take(key);
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) throw invalid(`${this.#path(key)}: must be a list`);
    return value.map((item: unknown) => this.#scalar(key, item));
  }

  choice<Value, Fallback>(key: string, choices: ReadonlyMap<string, Value>, fallback: Fallback): Value | Fallback {
    const text = this.text(key);
    return text === undefined || text === "" ? fallback : this.#oneOf(key, text, choices);
  }

  choices<Value>(key: string, choices: ReadonlyMap<string, Value>): Value[] {
    return (this.list(key) ?? []).map((text) => this.#oneOf(key, text, choices));
  }

  requireNothingElse(): void {
    for (const key of this.#values.keys()) {
      if (!this.#known.has(key)) throw invalid(`${this.#path(key)}: there is no such setting`);
    }
  }

  #oneOf<Value>(key: string, text: string, choices: ReadonlyMap<string, Value>): Value {
    const value = choices.get(text);
    if (value !== undefined) return value;
    throw invalid(`${this.#path(key)}: ${JSON.stringify(text)} is not one of ${[...choices.keys()].join(", ")}`);
  }

  #scalar(key: string, value: unknown): string {
    if (typeof value === "object") throw invalid(`${this.#path(key)}: must be text`);
    return String(value);
  }

  #take(key: string): unknown {
    this.#known.add(key);
    return this.#values.get(key);
  }

  #path(key: string): string {
    return this.name === "" ? key : `${this.name}.${key}`;
  }
}

function invalid(message: string, cause?: unknown): WaystationError {
  return new WaystationError("CONFIG", message, { cause });
}
