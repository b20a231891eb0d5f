import { type GroupingKey, timeLabels } from "../../model/grouping-key.ts";
import { escapeLabelValue } from "../../model/labels.ts";
import { isLegacyLabelName } from "../../model/names.ts";
import { CLOSING_BRACE, COMMA, EQUALS, OPENING_BRACE, QUOTE, SPACE } from "./bytes.ts";

/**
 * Of each label: where its name begins and ends, where its value begins and ends (one byte before the pair does), and 1 if it only
 * stands in for one that samples may have, as `instance=""` does.
 */
export const SPAN = 5;

/**
 * The labels that a push adds to every sample, ready to be copied into lines. One object is set to one key after the other: with many
 * groups, texts that were kept for each of them would cost more than making them anew.
 */
export class GroupingText {
  /** `{a="1",b="2"} `: what follows the name of a sample that has no labels of its own; its first `length` bytes. */
  bytes = new Uint8Array(1024);
  length = 0;
  /** Number of labels. */
  count = 0;
  /** Where they are in `bytes`: {@link SPAN} numbers for each, in the order of names. */
  spans = new Int32Array(SPAN * 16);
  /** Are all names legacy ones, so that they need no quotes? */
  legacy = true;

  set(key: GroupingKey): void {
    const labels = timeLabels(key);
    this.#reserve(labels.length, key.id.length);
    this.legacy = true;
    this.count = labels.length;
    let at = 0;
    for (let i = 0; i < labels.length; i++) {
      const { name, value } = labels[i]!;
      if (!isLegacyLabelName(name)) this.legacy = false;
      this.bytes[at++] = i === 0 ? OPENING_BRACE : COMMA;
      const nameStart = at;
      const nameEnd = this.#write(name, at);
      this.bytes[nameEnd] = EQUALS;
      this.bytes[nameEnd + 1] = QUOTE;
      const valueEnd = this.#write(escapeLabelValue(value), nameEnd + 2);
      this.bytes[valueEnd] = QUOTE;
      at = valueEnd + 1;
      const span = i * SPAN;
      this.spans[span] = nameStart;
      this.spans[span + 1] = nameEnd;
      this.spans[span + 2] = nameEnd + 2;
      this.spans[span + 3] = valueEnd;
      this.spans[span + 4] = labels === key.labels || key.labels.includes(labels[i]!) ? 0 : 1;
    }
    this.bytes[at++] = CLOSING_BRACE;
    this.bytes[at++] = SPACE;
    this.length = at;
  }

  /** Escapes make a value at most twice as long. */
  #reserve(labels: number, idBytes: number): void {
    const bytes = 2 * idBytes + 4 * labels + 32;
    if (bytes > this.bytes.length) this.bytes = new Uint8Array(bytes);
    if (labels * SPAN > this.spans.length) this.spans = new Int32Array(labels * SPAN);
  }

  #write(text: string, start: number): number {
    for (let i = 0; i < text.length; i++) this.bytes[start + i] = text.charCodeAt(i);
    return start + text.length;
  }
}
