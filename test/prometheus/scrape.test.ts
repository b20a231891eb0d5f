import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { startGateway } from "../support/gateway.ts";
import { findProgram, runProgram } from "../support/programs.ts";
import { NO_PROMETHEUS, Prometheus } from "../support/prometheus.ts";

describe("a real Prometheus that scrapes the gateway", { skip: NO_PROMETHEUS }, () => {
  let gateway: GatewayProcess;
  let prometheus: Prometheus;
  before(async () => {
    gateway = await startGateway();
    prometheus = await Prometheus.start(`
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
  - job_name: waystation
    honor_labels: true
    static_configs:
      - targets: ["127.0.0.1:${gateway.port}"]
`);
  });
  after(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await gateway?.stop();
  });

  const push = async (path: string, body: string) => {
    const response = await fetch(`${gateway.url}${path}`, { method: "PUT", body });
    assert.equal(response.status, 200, await response.text());
  };

  test("answers queries with what was pushed, job and instance as pushed", async () => {
    await push(
      "/metrics/job/batch/instance/host-1/zone/b",
      '# TYPE rows gauge\nrows{table="a"} 1.5\nrows{table="b"} -2e+300\n',
    );
    assert.equal((await prometheus.queryUntilFound('rows{table="b"}')).length, 1);
    const rows = await prometheus.query("sort_by_label(rows, 'table')").catch(() => prometheus.query("rows"));
    assert.deepEqual(
      rows
        .map(({ metric, value }) => [metric, value[1]])
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
      [
        [{ __name__: "rows", instance: "host-1", job: "batch", table: "a", zone: "b" }, "1.5"],
        [{ __name__: "rows", instance: "host-1", job: "batch", table: "b", zone: "b" }, "-2e+300"],
      ],
    );
  });

  test("leaves a group without an instance without one", async () => {
    await push("/metrics/job/no-instance", "lonely 1\n");
    const [lonely] = await prometheus.queryUntilFound("lonely");
    assert.deepEqual(lonely?.metric, { __name__: "lonely", job: "no-instance" });
  });

  test("finds the gateway up and with its own metrics under the target's labels", async () => {
    const [up] = await prometheus.queryUntilFound('up{job="waystation"} == 1');
    assert.equal(up?.metric["instance"], `127.0.0.1:${gateway.port}`);
    assert.equal((await prometheus.queryUntilFound('pushgateway_build_info{job="waystation"}')).length, 1);
  });

  test("gives the age of the last run and of the last success of a batch job", async () => {
    // As in the documentation of Prometheus: a script that reports when it ran and when it succeeded.
    const script = `cat <<EOF
# TYPE batch_last_run_timestamp_seconds gauge
batch_last_run_timestamp_seconds $(date +%s)
# TYPE batch_last_success_timestamp_seconds gauge
batch_last_success_timestamp_seconds $(($(date +%s) - 3600))
EOF`;
    const { stdout } = await runProgram("bash", ["-c", script]);
    await push("/metrics/job/nightly", stdout);
    const [run] = await prometheus.queryUntilFound('time() - batch_last_run_timestamp_seconds{job="nightly"}');
    const [success] = await prometheus.queryUntilFound(
      'time() - batch_last_success_timestamp_seconds{job="nightly"} > 1800',
    );
    const [pushed] = await prometheus.queryUntilFound('time() - push_time_seconds{job="nightly"}');
    assert.ok(Number(run?.value[1]) < 60);
    assert.ok(Math.abs(Number(success?.value[1]) - 3600) < 60);
    assert.ok(Number(pushed?.value[1]) < 60);
    assert.equal((await prometheus.query('push_failure_time_seconds{job="nightly"} > 0')).length, 0);
  });

  test("sees a deleted group go", async () => {
    await push("/metrics/job/gone", "short_lived 1\n");
    assert.equal((await prometheus.queryUntilFound("short_lived")).length, 1);
    await fetch(`${gateway.url}/metrics/job/gone`, { method: "DELETE" });
    assert.equal((await prometheus.queryUntilFound("absent(short_lived)")).length, 1);
  });

  test("stores histograms so that quantiles can be asked for", async () => {
    await push(
      "/metrics/job/histogram",
      '# TYPE took_seconds histogram\ntook_seconds_bucket{le="1"} 10\ntook_seconds_bucket{le="2"} 20\ntook_seconds_sum 15\ntook_seconds_count 20\n',
    );
    const [median] = await prometheus.queryUntilFound("histogram_quantile(0.5, took_seconds_bucket)");
    assert.equal(median?.value[1], "1");
  });
});

describe("promtool", {
  skip: findProgram("promtool") === undefined && "no promtool here: scripts/peers fetches it",
}, () => {
  test("finds nothing to complain about in the gateway's own metrics", async () => {
    const gateway = await startGateway();
    try {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      const { stdout, stderr } = await runProgram(findProgram("promtool")!, ["check", "metrics"], { input: metrics });
      const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
      // Gauges of prom-client, which dashboards for Node know by these names.
      const known = /^nodejs_active_(handles|requests|resources)_total non-counter/;
      assert.deepEqual(
        complaints.filter((line) => !known.test(line)),
        [],
      );
    } finally {
      await gateway.stop();
    }
  });
});
