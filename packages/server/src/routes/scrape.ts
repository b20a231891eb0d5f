import { Readable } from "node:stream";
import { type Gateway, negotiateEncoding, negotiateFormat, WaystationError } from "@waystation/core";
import type { Context } from "koa";
import type { SelfMetrics } from "../metrics/self-metrics.ts";

/**
 * `GET` of the telemetry path: what was pushed and the gateway's own metrics, or with `?collect[]=pushed` or `?collect[]=self` one
 * of the two, so that replicas can be scraped apart for their own while the pushed ones are taken once.
 */
export function scrape(
  gateway: Gateway,
  selfMetrics: SelfMetrics,
  openMetrics: "alone" | "by-weight",
): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    const collect = collectParameter(ctx.querystring);
    const exposition = await gateway.expose({
      format: negotiateFormat(firstHeader(ctx, "accept"), { openMetrics }),
      encoding: negotiateEncoding(firstHeader(ctx, "accept-encoding"), { zstd: true }),
      self: collect === "pushed" ? [] : await selfMetrics.collect(),
      collect,
    });
    ctx.set("Content-Type", exposition.contentType);
    if (exposition.contentEncoding !== "identity") ctx.set("Content-Encoding", exposition.contentEncoding);
    ctx.body = Readable.from(exposition.chunks);
    ctx.length = exposition.length;
  };
}

/** @throws `PARSE` if it names anything else */
function collectParameter(query: string): "all" | "pushed" | "self" {
  const names = new Set(new URLSearchParams(query).getAll("collect[]"));
  for (const name of names) {
    if (name !== "pushed" && name !== "self") {
      throw new WaystationError(
        "PARSE",
        `cannot collect ${JSON.stringify(name)}: write collect[]=pushed or collect[]=self`,
      );
    }
  }
  if (names.size !== 1) return "all";
  return names.has("pushed") ? "pushed" : "self";
}

/** Of repeated headers the first one counts, as in Go; Node joins them. */
function firstHeader(ctx: Context, name: string): string | undefined {
  const { rawHeaders } = ctx.req;
  const at = rawHeaders.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name);
  return at < 0 ? undefined : rawHeaders[at + 1];
}
