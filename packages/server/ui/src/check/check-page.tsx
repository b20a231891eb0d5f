import { useEffect, useRef, useState } from "preact/hooks";
import type { CheckResult } from "../../../src/api-v2/schema.ts";
import { api } from "../api/client.ts";
import { formatCount, plural } from "../lib/format.ts";
import { type LineMark, MarkedText } from "./marked-text.tsx";

const EXAMPLE = `# HELP backup_duration_seconds How long the backup took.
# TYPE backup_duration_seconds gauge
backup_duration_seconds{kind="full"} 341.2
# TYPE backupErrors counter
backupErrors 2
backup_size_mb 4200
backup_files{path="/var/lib} 12
`;
/** After the last keystroke. */
const PATIENCE_MS = 300;

export function CheckPage() {
  const [text, setText] = useState("");
  const [path, setPath] = useState("job/check");
  const [result, setResult] = useState<CheckResult>();
  const [failure, setFailure] = useState<string>();
  const editor = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    setFailure(undefined);
    if (text.trim() === "") {
      setResult(undefined);
      return;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      // What is sent by a program ends in a line feed; what is typed often does not.
      api.check(text.endsWith("\n") ? text : `${text}\n`, path, controller.signal).then(setResult, (error: Error) => {
        if (controller.signal.aborted) return;
        setResult(undefined);
        setFailure(error.message);
      });
    }, PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text, path]);

  const goTo = (line: number): void => {
    const area = editor.current!;
    const lines = text.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    area.scrollTop = (line - 4) * Number.parseFloat(getComputedStyle(area).lineHeight);
  };

  return (
    <section class="check">
      <h1>Push tester</h1>
      <p>
        Paste what a job would push. It is read as a push to this gateway would be, held against what is stored, and
        against the naming conventions, as <code>promtool check metrics</code> does. Nothing is stored.
      </p>
      <div class="check-bar">
        <label class="field inline">
          As a push to <span class="prefix">/metrics/</span>
          <input
            value={path}
            onInput={({ currentTarget }) => setPath(currentTarget.value)}
            spellcheck={false}
            autocomplete="off"
          />
        </label>
        <span class="space" />
        <button type="button" class="quiet" onClick={() => setText(EXAMPLE)}>
          Example
        </button>
        <button type="button" class="quiet" onClick={() => setText("")} disabled={text === ""}>
          Clear
        </button>
      </div>
      <div class="check-body">
        <MarkedText
          label="Exposition to check"
          placeholder={"# HELP some_metric What it measures.\n# TYPE some_metric gauge\nsome_metric 42"}
          text={text}
          marks={marksOf(result)}
          editor={editor}
          onChange={setText}
        />
        <div class="verdict" aria-live="polite">
          {failure !== undefined && <p class="problem">{failure}</p>}
          {result === undefined && failure === undefined && <p class="nothing">The verdict comes as you type.</p>}
          {result !== undefined && <Verdict result={result} onLine={goTo} />}
        </div>
      </div>
    </section>
  );
}

function Verdict({ result, onLine }: { result: CheckResult; onLine: (line: number) => void }) {
  const { valid, errors, warnings, families, series } = result;
  return (
    <>
      <p class={valid ? "outcome good" : "outcome bad"}>
        <span aria-hidden="true">{valid ? "✓" : "✕"}</span>{" "}
        {valid ? "It would be stored" : `It would be refused: ${plural(errors.length, "error")}`}
        {valid && warnings.length > 0 && `, with ${plural(warnings.length, "warning")}`}
      </p>
      {errors.length > 0 && (
        <ul class="findings">
          {errors.map((error) => (
            <li key={`${error.line} ${error.message}`} class="error">
              <LineButton line={error.line} onLine={onLine} />
              <span>
                {error.message}
                {error.column !== null && <span class="meta"> at column {error.column}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
      {warnings.length > 0 && (
        <ul class="findings">
          {warnings.map(({ metric, rule, message, line }) => (
            <li key={`${metric} ${rule} ${message}`} class="warning">
              <LineButton line={line} onLine={onLine} />
              <span>
                <b>{metric}</b> {message}
              </span>
            </li>
          ))}
        </ul>
      )}
      {families.length > 0 && (
        <table>
          <caption>
            {plural(families.length, "family", "families")}, {plural(series, "metric")}
          </caption>
          <thead>
            <tr>
              <th scope="col">Family</th>
              <th scope="col">Type</th>
              <th scope="col" class="number">
                Metrics
              </th>
            </tr>
          </thead>
          <tbody>
            {families.map(({ name, type, metrics }) => (
              <tr key={name}>
                <td class="wrap">{name}</td>
                <td>{type.replace("_", " ")}</td>
                <td class="number">{formatCount(metrics)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function LineButton({ line, onLine }: { line: number | null; onLine: (line: number) => void }) {
  if (line === null) return <span class="where">all</span>;
  return (
    <button type="button" class="where" onClick={() => onLine(line)}>
      line {line}
    </button>
  );
}

function marksOf(result: CheckResult | undefined): ReadonlyMap<number, LineMark> {
  const marks = new Map<number, LineMark>();
  for (const { line } of result?.warnings ?? []) if (line !== null) marks.set(line, "warning");
  for (const { line } of result?.errors ?? []) if (line !== null) marks.set(line, "error");
  return marks;
}
