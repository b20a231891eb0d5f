import { fromByteString, type Label } from "@waystation/core";
import { ApiError } from "./api-error.ts";
import { compilePattern } from "./pattern.ts";

/** Which groups are meant, by their grouping labels. */
export type Selector = (labels: readonly Label[]) => boolean;

interface Matcher {
  readonly name: string;
  readonly accepts: (value: string) => boolean;
}

const MAX_LENGTH = 4_000;
const MAX_MATCHERS = 20;

/**
 * Reads matchers as in PromQL: `job="backup",instance=~"db.*"`, in braces or not. A label that a group does not have counts as empty.
 * Names outside the legacy character set are quoted.
 *
 * @throws `INVALID_SELECTOR`
 */
export function parseSelector(text: string): Selector {
  if (text.length > MAX_LENGTH) throw invalid(`it is longer than ${MAX_LENGTH} characters`);
  const matchers = new MatcherReader(text).read();
  if (matchers.every(({ accepts }) => accepts(""))) {
    // As in PromQL: what selects everything is most often a mistake.
    throw invalid("at least one matcher must not match the empty text");
  }
  return (labels) =>
    matchers.every(({ name, accepts }) => {
      const label = labels.find((candidate) => fromByteString(candidate.name) === name);
      return accepts(label === undefined ? "" : fromByteString(label.value));
    });
}

class MatcherReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Matcher[] {
    const matchers: Matcher[] = [];
    const braces = this.#take(/\{/y) !== undefined;
    while (this.#peek(/[^}]/y)) {
      matchers.push(this.#matcher());
      if (matchers.length > MAX_MATCHERS) throw invalid(`there are more than ${MAX_MATCHERS} matchers`);
      if (this.#take(/,/y) === undefined) break;
    }
    if (braces && this.#take(/\}/y) === undefined) throw this.#unexpected("a closing brace");
    this.#skipBlanks();
    if (this.#at < this.#text.length) throw this.#unexpected("a comma or the end");
    if (matchers.length === 0) throw invalid('there is no matcher: write job="backup"');
    return matchers;
  }

  #matcher(): Matcher {
    const name = this.#take(/[a-zA-Z_][a-zA-Z0-9_]*/y) ?? this.#string();
    if (name === undefined) throw this.#unexpected("a label name");
    const operator = this.#take(/=~|!~|!=|=/y);
    if (operator === undefined) throw this.#unexpected("=, !=, =~ or !~");
    const value = this.#string();
    if (value === undefined) throw this.#unexpected("a value in quotes");
    return { name, accepts: accepting(operator, value) };
  }

  /** In double or single quotes with Go's escapes, or in backquotes without. */
  #string(): string | undefined {
    const quoted = this.#take(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y);
    if (quoted === undefined) return undefined;
    const content = quoted.slice(1, -1);
    return quoted.startsWith("`") ? content : content.replace(ESCAPE, resolveEscape);
  }

  #peek(pattern: RegExp): boolean {
    this.#skipBlanks();
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #take(pattern: RegExp): string | undefined {
    this.#skipBlanks();
    pattern.lastIndex = this.#at;
    const taken = pattern.exec(this.#text)?.[0];
    if (taken !== undefined) this.#at += taken.length;
    return taken;
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #unexpected(wanted: string): ApiError {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return invalid(
      `${wanted} is expected at character ${this.#at + 1}, where ${rest === "" ? "it ends" : `${JSON.stringify(rest)} stands`}`,
    );
  }
}

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([\s\S]))/g;
const PLAIN_ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", '"': '"', "'": "'" };

function resolveEscape(spelled: string, hex2?: string, hex4?: string, plain?: string): string {
  const hex = hex2 ?? hex4;
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  const character = PLAIN_ESCAPES[plain!];
  if (character === undefined) throw invalid(`the escape ${spelled} has no meaning; a backslash is written \\\\`);
  return character;
}

function accepting(operator: string, value: string): (candidate: string) => boolean {
  switch (operator) {
    case "=":
      return (candidate) => candidate === value;
    case "!=":
      return (candidate) => candidate !== value;
    default: {
      const matches = compilePattern(value);
      return operator === "=~" ? matches : (candidate) => !matches(candidate);
    }
  }
}

function invalid(reason: string): ApiError {
  return new ApiError("INVALID_SELECTOR", `the selector cannot be read: ${reason}`);
}
