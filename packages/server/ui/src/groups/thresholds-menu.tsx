import { useState } from "preact/hooks";
import { formatSpan, parseSpan, type Thresholds } from "../lib/thresholds.ts";

/** Lets the user say from which age on a push is late. */
export function ThresholdsMenu({ value, onChange }: { value: Thresholds; onChange: (value: Thresholds) => void }) {
  const [amber, setAmber] = useState(formatSpan(value.amber));
  const [red, setRed] = useState(formatSpan(value.red));
  const spans = { amber: parseSpan(amber), red: parseSpan(red) };
  const problem =
    spans.amber === undefined || spans.red === undefined
      ? "Write them like 30m, 2h or 1d."
      : spans.red < spans.amber
        ? "Red comes after amber."
        : undefined;
  const apply = (): void => {
    if (problem === undefined) onChange({ amber: spans.amber!, red: spans.red! });
  };
  return (
    <details class="menu">
      <summary>
        Late after {formatSpan(value.amber)}, {formatSpan(value.red)}
      </summary>
      <div class="panel">
        <p>A push that is this old is shown in</p>
        <label class="field inline">
          <span class="age amber">amber after</span>
          <input
            size={6}
            value={amber}
            onInput={({ currentTarget }) => setAmber(currentTarget.value)}
            onChange={apply}
          />
        </label>
        <label class="field inline">
          <span class="age red">red after</span>
          <input size={6} value={red} onInput={({ currentTarget }) => setRed(currentTarget.value)} onChange={apply} />
        </label>
        <p class="problem" role="status">
          {problem}
        </p>
      </div>
    </details>
  );
}
