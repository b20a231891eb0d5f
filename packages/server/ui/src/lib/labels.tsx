import type { Labels } from "../../../src/api-v2/schema.ts";

/** Grouping labels as chips, the job first. */
export function LabelChips({ labels }: { labels: Labels }) {
  return (
    <span class="chips">
      {orderedLabels(labels).map(([name, value]) => (
        <span key={name} class={name === "job" ? "chip job" : "chip"}>
          <span class="name">{name}</span>
          <span class="off-screen">=</span>
          <span class="value">{value === "" ? <i>empty</i> : value}</span>
        </span>
      ))}
    </span>
  );
}

export function orderedLabels(labels: Labels): (readonly [name: string, value: string])[] {
  const rest = Object.entries(labels).filter(([name]) => name !== "job");
  return [["job", labels["job"] ?? ""], ...rest];
}

/** `job="backup", instance="db1"` */
export function describeLabels(labels: Labels): string {
  return orderedLabels(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ");
}
