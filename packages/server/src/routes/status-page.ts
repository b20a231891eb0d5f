import { describeGroupingKey, fromByteString, type Gateway } from "@waystation/core";
import type { Context } from "koa";
import { escapeHtml } from "../http/html.ts";
import { VERSION } from "../version.ts";
import type { StatusFacts } from "./api.ts";
import { catchUp } from "./freshness.ts";

/** How many groups one page shows: a page for people should not cost what a scrape costs. */
const SHOWN_GROUPS = 200;

/** `GET /` and `GET /status`: groups, flags and build, as plain HTML. */
export function statusPage(gateway: Gateway, facts: StatusFacts): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    await catchUp(gateway);
    ctx.set("Content-Type", "text/html; charset=utf-8");
    ctx.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    ctx.body = page(groupRows(gateway), facts);
  };
}

function groupRows(gateway: Gateway): string[][] {
  const rows: string[][] = [];
  for (const group of gateway.groups()) {
    if (rows.length === SHOWN_GROUPS) {
      rows.push(["more groups: see /api/v1/metrics", "", "", ""]);
      break;
    }
    const names = group.families().map(({ family }) => fromByteString(family.name));
    const latest = new Date(Math.max(group.pushTime, group.failureTime) * 1000).toISOString();
    rows.push([
      describeGroupingKey(group.key),
      latest,
      group.lastPushSuccessful ? "succeeded" : "failed",
      names.join(", "),
    ]);
  }
  return rows;
}

function page(groups: string[][], { flags, startTime, buildInformation }: StatusFacts): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Waystation</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; margin-bottom: 2rem; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Waystation ${escapeHtml(VERSION)}</h1>
<p>Started ${escapeHtml(startTime.toISOString())}</p>
<h2>Groups</h2>
${table(["Grouping key", "Last push", "Result", "Metric families"], groups)}
<h2>Flags</h2>
${table(["Flag", "Value"], Object.entries(flags))}
<h2>Build</h2>
${table(["Fact", "Value"], Object.entries(buildInformation))}
</body>
</html>
`;
}

function table(head: string[], rows: string[][]): string {
  const row = (cell: string, values: string[]): string =>
    `<tr>${values.map((value) => `<${cell}>${escapeHtml(value)}</${cell}>`).join("")}</tr>`;
  return `<table>\n${[row("th", head), ...rows.map((values) => row("td", values))].join("\n")}\n</table>`;
}
