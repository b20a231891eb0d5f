import { gunzipSync } from "node:zlib";
import type { Answer, QueryStep, ScrapeStep, Step } from "./case.ts";
import { exchange, type RawAnswer } from "./http/exchange.ts";
import { requestBytes } from "./http/request.ts";
import { byCodePoint, type Normaliser } from "./normalise.ts";
import { decodeFamilies, type Message } from "./protobuf.ts";

/** Carries out one step against the gateway at `port` and says what was seen. */
export async function observe(step: Step, port: number, normaliser: Normaliser): Promise<Answer> {
  switch (step.kind) {
    case "raw": {
      const { answers, ended } = await exchange(port, Buffer.from(step.bytes));
      return { status: answers.length === 0 ? endOf(ended) : answers.map(({ status }) => status) };
    }
    case "request": {
      const { answers, ended } = await exchange(port, requestBytes(step, port));
      const [answer] = answers;
      return answer ? seenInAnswer(answer) : { status: endOf(ended) };
    }
    case "scrape": {
      const request = { method: "GET", target: "/metrics", headers: step.headers ?? {} };
      const { answers, ended } = await exchange(port, requestBytes(request, port));
      const [answer] = answers;
      return answer ? seenInScrape(answer, step, normaliser) : { status: endOf(ended) };
    }
    case "query": {
      const { answers, ended } = await exchange(
        port,
        requestBytes({ method: "GET", target: `/api/v1/${step.of}` }, port),
      );
      const [answer] = answers;
      return answer ? seenInQuery(answer, step, normaliser) : { status: endOf(ended) };
    }
  }
}

function endOf(ended: "closed" | "timeout" | "refused"): "closed" | "timeout" {
  return ended === "timeout" ? "timeout" : "closed";
}

function seenInAnswer({ status, headers, body }: RawAnswer): Answer {
  return {
    status,
    ...(headers["location"] === undefined ? {} : { location: headers["location"] }),
    ...(headers["allow"] === undefined ? {} : { allow: headers["allow"] }),
    ...(status < 300 ? { body: body.toString() } : {}),
  };
}

function seenInScrape(answer: RawAnswer, step: ScrapeStep, normaliser: Normaliser): Answer {
  const { status, headers } = answer;
  if (status !== 200) return { status };
  const encoding = headers["content-encoding"] ?? "identity";
  const contentType = parametersSorted(headers["content-type"] ?? "");
  const body = encoding === "gzip" ? gunzipSync(answer.body) : answer.body;
  if (contentType.includes("encoding=delimited")) {
    return { status, contentType, encoding, data: pushedFamilies(decodeFamilies(body), normaliser) };
  }
  const lines = normaliser.exposition(body.toString("latin1"), step.ordered ?? false);
  return { status, contentType, encoding, lines: lines.map((line) => Buffer.from(line, "latin1").toString()) };
}

/** The order of parameters means nothing. */
function parametersSorted(contentType: string): string {
  const [type = "", ...parameters] = contentType.split(/\s*;\s*/);
  return [type, ...parameters.toSorted(byCodePoint)].join("; ");
}

function pushedFamilies(families: Message[], normaliser: Normaliser): Message[] {
  const pushed: Message[] = [];
  for (const family of families) {
    const metrics = ((family["metric"] ?? []) as Message[]).filter((metric) =>
      (metric["label"] as Message[] | undefined)?.some((label) => label["name"]?.[0] === "job"),
    );
    if (metrics.length === 0) continue;
    const name = String(family["name"]?.[0]);
    if (/^push(_failure)?_time_seconds$/.test(name)) {
      for (const metric of metrics) {
        const [gauge] = (metric["gauge"] ?? []) as Message[];
        if (gauge)
          gauge["value"] = [
            normaliser.time(`${name}${JSON.stringify(metric["label"])}`, String(gauge["value"]?.[0] ?? 0)),
          ];
      }
    }
    pushed.push({ ...family, metric: metrics.toSorted((a, b) => byCodePoint(JSON.stringify(a), JSON.stringify(b))) });
  }
  return pushed;
}

interface QueriedFamily {
  time_stamp?: string;
  metrics?: { value?: string }[];
}

function seenInQuery({ status, body }: RawAnswer, step: QueryStep, normaliser: Normaliser): Answer {
  if (status !== 200) return { status };
  const { status: verdict, data } = JSON.parse(body.toString()) as { status: string; data: unknown };
  if (step.of === "status")
    return { status, data: { verdict, keys: Object.keys(data as object).toSorted(byCodePoint) } };
  const groups = data as Record<string, QueriedFamily>[];
  for (const group of groups) {
    for (const [name, family] of Object.entries(group)) {
      if (typeof family !== "object" || family.time_stamp === undefined) continue;
      const seconds = Math.max(0, Date.parse(family.time_stamp) / 1000);
      family.time_stamp = Math.abs(seconds - Date.now() / 1000) < 60 ? "<recent>" : family.time_stamp;
      if (!/^push(_failure)?_time_seconds$/.test(name)) continue;
      for (const metric of family.metrics ?? []) {
        if (metric.value !== undefined)
          metric.value = normaliser.time(`query ${name}${JSON.stringify(group["labels"])}`, metric.value);
      }
    }
  }
  return {
    status,
    data: {
      verdict,
      groups: groups.map(keysSorted).toSorted((a, b) => byCodePoint(JSON.stringify(a), JSON.stringify(b))),
    },
  };
}

function keysSorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(keysSorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => byCodePoint(a, b))
      .map(([key, content]) => [key, keysSorted(content)]),
  );
}
