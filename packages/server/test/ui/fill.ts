import { type Gateway, groupingKey, parseText } from "@waystation/core";

/** What a batch job of some sort pushes: a counter, a gauge, a histogram and a summary. */
export function jobMetrics(seed: number): string {
  const bounds = [0.1, 0.5, 1, 2.5, 5, 10, 30];
  const count = 400 + (seed % 100);
  const buckets = bounds.map(
    (bound, i) => `steps_duration_seconds_bucket{le="${bound}"} ${Math.round(count * (1 - 0.6 ** (i + 1)))}`,
  );
  return `# HELP job_last_success_timestamp_seconds When the job last succeeded.
# TYPE job_last_success_timestamp_seconds gauge
job_last_success_timestamp_seconds ${Math.floor(Date.now() / 1000) - seed}
# HELP job_processed_bytes_total What was processed.
# TYPE job_processed_bytes_total counter
job_processed_bytes_total{kind="full"} ${seed * 1_234_567}
job_processed_bytes_total{kind="incremental"} ${seed * 7_654}
# HELP steps_duration_seconds How long the steps took.
# TYPE steps_duration_seconds histogram
${buckets.join("\n")}
steps_duration_seconds_bucket{le="+Inf"} ${count}
steps_duration_seconds_sum ${count * 1.7}
steps_duration_seconds_count ${count}
# HELP call_latency_seconds Latency of calls.
# TYPE call_latency_seconds summary
call_latency_seconds{quantile="0.5",service="billing"} 0.012
call_latency_seconds{quantile="0.99",service="billing"} 0.21
call_latency_seconds_sum{service="billing"} 1745.2
call_latency_seconds_count{service="billing"} 98234
`;
}

const JOBS = ["backup", "etl-nightly", "report-mailer", "cert-renewal", "db-vacuum", "import-orders"];

/** Pushes groups straight to the gateway. */
export async function fill(gateway: Gateway, count: number, body = jobMetrics): Promise<void> {
  for (let i = 0; i < count; ) {
    const batch: Promise<void>[] = [];
    for (const end = Math.min(count, i + 1_000); i < end; i++) {
      const key = groupingKey({ job: JOBS[i % JOBS.length]!, instance: `db${i % 40}.example.net`, shard: String(i) });
      batch.push(gateway.push({ key, body: body(i) }));
    }
    await Promise.all(batch);
  }
}

/** A group as it would be if it had been pushed so many seconds ago. */
export async function pushedBefore(gateway: Gateway, labels: Record<string, string>, seconds: number): Promise<void> {
  const stamp = BigInt(Math.round((Date.now() / 1000 - seconds) * 1000)) * 1_000_000n;
  await gateway.restore({
    key: groupingKey(labels),
    pushTime: Number(stamp) / 1e9,
    failureTime: 0,
    pushStamp: stamp,
    failureStamp: stamp,
    families: parseText(Buffer.from("m 1\n"), { utf8Names: false }).map((family) => ({ time: stamp, family })),
  });
}
