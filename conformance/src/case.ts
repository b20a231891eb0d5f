import type { Request } from "./http/request.ts";

/**
 * Cases are data: requests to send, and which answers to look at. Neither expected answers nor code stand in them, since what the Go
 * Pushgateway answers is what Waystation has to answer, unless the step says that it deliberately differs.
 */
export interface Case {
  readonly name: string;
  /** Flags that the gateway is started with. */
  readonly flags?: readonly string[];
  readonly steps: readonly Step[];
}

export type Step = (RequestStep | RawStep | ScrapeStep | QueryStep) & { readonly differs?: Difference };

/** Compared: status, `Location`, `Allow`, and the body if the request succeeded. The wording of errors is not compared. */
export interface RequestStep extends Request {
  readonly kind: "request";
}

/** Bytes for requests that no well-behaved client would send. Compared: the statuses. */
export interface RawStep {
  readonly kind: "raw";
  readonly bytes: string;
}

/** Compared: status, content type, encoding, and the pushed families in full, spelling included. */
export interface ScrapeStep {
  readonly kind: "scrape";
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Must the samples of a family come in the same order, too? Not where several groups share a family: there the Go Pushgateway
   * sorts by all labels, Waystation by groups.
   */
  readonly ordered?: boolean;
}

/** A query to the HTTP API below `/api/v1`. */
export interface QueryStep {
  readonly kind: "query";
  readonly of: "metrics" | "status";
}

/** Where Waystation answers otherwise, on purpose. */
export interface Difference {
  /** The heading in `docs/differences.md` that gives the reason, as an anchor. */
  readonly reason: string;
  /** What is expected instead of the Go Pushgateway's answer. */
  readonly answer: Answer;
}

/** What was looked at in one step, in a form that can be compared and kept: plain JSON, with times and own metrics taken out. */
export interface Answer {
  readonly status?: number | "closed" | "timeout" | readonly (number | "closed" | "timeout")[];
  readonly location?: string;
  readonly allow?: string;
  readonly contentType?: string;
  readonly encoding?: string;
  readonly body?: string;
  /** Of a scrape in text form. */
  readonly lines?: readonly string[];
  /** Of a scrape in protobuf, or of a query. */
  readonly data?: unknown;
}

type Extra = Partial<Request> & { readonly differs?: Difference };

export const put = (target: string, body: Request["body"], extra: Extra = {}): Step =>
  send("PUT", target, { body, ...extra });
export const post = (target: string, body: Request["body"], extra: Extra = {}): Step =>
  send("POST", target, { body, ...extra });
export const del = (target: string, extra: Extra = {}): Step => send("DELETE", target, extra);
export const get = (target: string, extra: Extra = {}): Step => send("GET", target, extra);

export function send(
  method: string,
  target: string,
  extra: Partial<Omit<Request, "body">> & { body?: Request["body"] | undefined; differs?: Difference } = {},
): Step {
  const { body, ...rest } = extra;
  return { kind: "request", method, target, ...rest, ...(body === undefined ? {} : { body }) };
}

export const raw = (bytes: string, extra: { readonly differs?: Difference } = {}): Step => ({
  kind: "raw",
  bytes,
  ...extra,
});
export const scrape = (extra: Omit<ScrapeStep, "kind"> & { readonly differs?: Difference } = {}): Step => ({
  kind: "scrape",
  ordered: true,
  ...extra,
});
export const query = (of: QueryStep["of"], extra: { readonly differs?: Difference } = {}): Step => ({
  kind: "query",
  of,
  ...extra,
});

/** Names the cases of an area `area/name`. */
export function area(name: string, cases: Record<string, readonly Step[] | Omit<Case, "name">>): Case[] {
  return Object.entries(cases).map(([title, content]) =>
    Array.isArray(content)
      ? { name: `${name}/${title}`, steps: content }
      : { name: `${name}/${title}`, ...(content as Omit<Case, "name">) },
  );
}
