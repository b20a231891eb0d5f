import { CopyButton } from "./copy-button.tsx";

/** Commands or configuration, ready to be copied. */
export function CodeBlock({ label, text }: { label: string; text: string }) {
  return (
    <figure class="code">
      <figcaption>
        {label}
        <CopyButton text={text} what={label} />
      </figcaption>
      {/* Can be scrolled, and so must be reachable by keyboard. */}
      <pre tabIndex={0} aria-label={label} role="region">
        {text}
      </pre>
    </figure>
  );
}
