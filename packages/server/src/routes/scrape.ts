import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { type Gateway, negotiateEncoding, negotiateFormat, WaystationError } from "@waystation/core";
import type { Context } from "koa";
import { AccessError } from "../access/access-error.ts";
import { scopeOf } from "../access/group-scope.ts";
import type { SelfMetrics } from "../metrics/self-metrics.ts";
import type { ExpositionLease } from "../replicas/exposition-lease.ts";

/** How long a scrape waits for the journal at most, in milliseconds; then it shows what is known. */
const PATIENCE_MS = 1_000;
/** Seconds since the exposed state was known to be the newest: only there if it may not be that, and pushes of others may be missing. */
const STATE_AGE = "X-Waystation-State-Age-Seconds";

export interface ScrapeOptions {
  readonly gateway: Gateway;
  readonly selfMetrics: SelfMetrics;
  readonly openMetrics: "alone" | "by-weight";
  /** If only the replica that holds it is to expose what was pushed. */
  readonly lease?: ExpositionLease | undefined;
}

/**
 * `GET` of the telemetry path: what was pushed and the gateway's own metrics, or with `?collect[]=pushed` or `?collect[]=self` one
 * of the two, so that replicas can be scraped apart for their own while the pushed ones are taken once. Who may see some groups only
 * gets what was pushed to those.
 */
export function scrape({ gateway, selfMetrics, openMetrics, lease }: ScrapeOptions): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    const groups = scopeOf(ctx.req);
    const asked = collectParameter(ctx.querystring);
    if (groups !== undefined && asked === "self") throw new AccessError("the gateway's own metrics are of all groups");
    const patience = patienceOf(ctx) / (lease ? 2 : 1);
    const options = {
      format: negotiateFormat(firstHeader(ctx, "accept"), { openMetrics }),
      encoding: negotiateEncoding(firstHeader(ctx, "accept-encoding"), { zstd: true }),
      self: asked === "pushed" || groups !== undefined ? [] : await selfMetrics.collect(),
      freshnessTimeout: patience,
    };
    const elected = asked === "self" || lease === undefined || (await lease.confirm(patience));
    let exposition = await gateway.expose({
      ...options,
      ...(elected ? { collect: asked, groups } : { collect: "self" }),
    });
    // The lease may have run out while this was made, or this process was stopped for a while.
    if (elected && asked !== "self" && lease?.isHeld === false) {
      exposition.release();
      exposition = await gateway.expose({ ...options, collect: "self" });
    }
    if (exposition.age > 0) ctx.set(STATE_AGE, (exposition.age / 1000).toFixed(3));
    ctx.set("Content-Type", exposition.contentType);
    if (exposition.contentEncoding !== "identity") ctx.set("Content-Encoding", exposition.contentEncoding);
    ctx.body = Readable.from(inPieces(exposition.chunks));
    ctx.length = exposition.length;
    // Of a stream of HTTP/2, the session may still be writing when it is closed.
    if (ctx.req.httpVersionMajor === 1) whenClosed(ctx.res, () => exposition.release());
  };
}

/** Once all of an answer was written, or its connection closed. */
function whenClosed(response: ServerResponse, then: () => void): void {
  if (response.closed) then();
  else response.once("close", then);
}

/** By the progress of pieces it is told whether a client still reads: see `stallLimit`. */
const MAX_PIECE_BYTES = 2 ** 20;

function* inPieces(chunks: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += MAX_PIECE_BYTES) yield chunk.subarray(at, at + MAX_PIECE_BYTES);
  }
}

/** Half of what Prometheus says that it waits, so that a slow journal costs freshness and not the scrape. */
function patienceOf(ctx: Context): number {
  const seconds = Number(firstHeader(ctx, "x-prometheus-scrape-timeout-seconds"));
  return seconds > 0 ? Math.min(PATIENCE_MS, (seconds * 1000) / 2) : PATIENCE_MS;
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
