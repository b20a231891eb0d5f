import type { RefObject } from "preact";
import { useRef } from "preact/hooks";

export type LineMark = "error" | "warning";

export interface MarkedTextProps {
  readonly label: string;
  readonly placeholder: string;
  readonly text: string;
  readonly marks: ReadonlyMap<number, LineMark>;
  readonly editor: RefObject<HTMLTextAreaElement | null>;
  onChange(text: string): void;
}

/** Lines that get a number; beyond, the text is still checked. */
const MAX_NUMBERED = 5_000;

/** A field for text with the numbers of its lines beside it, some of them marked. */
export function MarkedText({ label, placeholder, text, marks, editor, onChange }: MarkedTextProps) {
  const gutter = useRef<HTMLOListElement>(null);
  const count = Math.min(MAX_NUMBERED, Math.max(3, text.split("\n").length));
  return (
    <div class="marked-text">
      {/* What it says stands in the findings, too. */}
      <ol ref={gutter} class="gutter" aria-hidden="true">
        {Array.from({ length: count }, (_, i) => (
          <li key={i} class={marks.get(i + 1) ?? ""}>
            {i + 1}
          </li>
        ))}
      </ol>
      <textarea
        ref={editor}
        aria-label={label}
        placeholder={placeholder}
        value={text}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
        onScroll={({ currentTarget }) => {
          if (gutter.current) gutter.current.scrollTop = currentTarget.scrollTop;
        }}
        spellcheck={false}
        autocomplete="off"
        wrap="off"
      />
    </div>
  );
}
