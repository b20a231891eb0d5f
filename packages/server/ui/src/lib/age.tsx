import { formatAge, formatTime } from "./format.ts";
import type { Thresholds } from "./thresholds.ts";

/** How long ago something was, coloured by the user's thresholds. Colour never stands alone: the age is there in words. */
export function Age({ time, now, thresholds }: { time: number | null; now: number; thresholds?: Thresholds }) {
  if (time === null) return <span class="age never">never</span>;
  const age = Math.max(0, now - time);
  const level =
    thresholds === undefined ? "" : age >= thresholds.red ? "red" : age >= thresholds.amber ? "amber" : "fresh";
  return (
    <time class={`age ${level}`} dateTime={new Date(time * 1000).toISOString()} title={formatTime(time)}>
      {formatAge(age)} ago
    </time>
  );
}
