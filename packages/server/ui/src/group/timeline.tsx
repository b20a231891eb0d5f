import type { PushEvent } from "../../../src/api-v2/schema.ts";
import { Age } from "../lib/age.tsx";
import { formatBytes, formatDuration } from "../lib/format.ts";

const WORDS: Readonly<Record<PushEvent["method"], string>> = {
  PUT: "Replaced the group",
  POST: "Merged into the group",
  DELETE: "Deleted the group",
  PUSH: "Pushed to the group",
};

/** What was pushed to the group lately, newest first. */
export function Timeline({ pushes, now }: { pushes: readonly PushEvent[]; now: number }) {
  if (pushes.length === 0) {
    return <p class="nothing">None since this process started. It remembers the newest ten of a group, in memory.</p>;
  }
  return (
    <ol class="timeline">
      {pushes.map((push, i) => (
        <li key={`${push.time} ${i}`} class={push.outcome.replace(" ", "-")}>
          <p class="line">
            <Age time={push.time} now={now} />
            <b>{push.outcome === "stored" ? WORDS[push.method] : `${push.method} ${push.outcome}`}</b>
            <span class={`code s${Math.floor(push.status / 100)}`}>{push.status}</span>
          </p>
          <p class="meta">
            from {push.source ?? "somebody, forgotten since"}
            {push.client !== null && ` (${push.client})`}
            {push.bytes > 0 && ` · ${formatBytes(push.bytes)}`}
            {push.milliseconds !== null && ` · answered in ${formatDuration(push.milliseconds / 1000)}`}
          </p>
          {push.message !== null && <p class="problem">{push.message}</p>}
        </li>
      ))}
    </ol>
  );
}
