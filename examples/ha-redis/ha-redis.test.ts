import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../conformance/src/gateway-process.ts";
import { findProgram, runProgram } from "../../test/support/programs.ts";
import { Topology } from "./topology.ts";

const [redis, haproxy, prometheus, promtool] = ["redis-server", "haproxy", "prometheus", "promtool"].map(findProgram);
const skip =
  process.env["SKIP_REDIS"] === "1"
    ? "SKIP_REDIS=1"
    : redis === undefined || haproxy === undefined
      ? "no redis-server or no haproxy here (Debian: apt-get install redis-server haproxy)"
      : false;

suite("the topology of the example", { skip }, () => {
  let topology: Topology;

  before(async () => {
    const [first, second, third, fourth, fifth] = await Promise.all(Array.from({ length: 5 }, freePort));
    topology = await Topology.start({
      ports: { haproxy: first!, gateways: [second!, third!], redis: fourth!, prometheus: fifth! },
      programs: { redis: redis!, haproxy: haproxy!, prometheus },
      scrapeInterval: "1s",
    });
  });
  after(() => topology?.[Symbol.asyncDispose]());

  const push = async (value: number): Promise<void> => {
    const response = await fetch(`${topology.url}/metrics/job/example`, { method: "PUT", body: `example ${value}\n` });
    assert.equal(response.status, 200, await response.text());
  };
  const scrape = async (): Promise<string> => (await fetch(`${topology.url}/metrics?collect[]=pushed`)).text();

  test("a push is there for everybody, whoever scrapes", async () => {
    await push(1);
    for (let i = 0; i < 6; i++) assert.match(await scrape(), /^example\{instance="",job="example"\} 1$/m);
  });

  test("either gateway may be stopped in good order while pushes go on, and none fails", async () => {
    for (const which of [0, 1] as const) {
      const stopped = topology.stopGateway(which, "SIGTERM");
      let done = false;
      stopped.then(() => (done = true));
      for (let value = 2; !done; value++) {
        await push(value);
        assert.match(await scrape(), new RegExp(`^example\\{.*\\} ${value}$`, "m"));
        await sleep(20);
      }
      topology.startGateway(which);
      const url = `http://127.0.0.1:${topology.ports.gateways[which]}/-/ready`;
      for (let tries = 0; tries < 400; tries++) {
        if ((await fetch(url).catch(() => undefined))?.ok) break;
        await sleep(50);
      }
      await sleep(3000); // until the balancer has seen it again
    }
  });

  test("what was acknowledged is there when a gateway has crashed", async () => {
    await push(1_000_000);
    await topology.stopGateway(0, "SIGKILL");
    for (let tries = 0; tries < 100; tries++) {
      if ((await fetch(`${topology.url}/-/ready`).catch(() => undefined))?.ok) break;
      await sleep(50);
    }
    assert.match(await scrape(), /^example\{.*\} 1e\+06$/m);
    topology.startGateway(0);
  });

  test("Prometheus has what was pushed once, and each gateway's own metrics", {
    skip: prometheus === undefined && "no prometheus here: scripts/peers fetches it",
  }, async () => {
    const query = async (
      expression: string,
    ): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
      const parameters = new URLSearchParams({ query: expression });
      const response = await fetch(`http://127.0.0.1:${topology.ports.prometheus}/api/v1/query?${parameters}`);
      const { data } = (await response.json()) as { data: { result: never[] } };
      return data.result;
    };
    let found = await query("example == 1e6");
    for (let tries = 0; tries < 200 && found.length === 0; tries++) {
      await sleep(100);
      found = await query("example == 1e6");
    }
    assert.deepEqual(
      found.map(({ metric }) => metric),
      [{ __name__: "example", job: "example" }],
    );
    let own = await query('pushgateway_ready{job="waystation"}');
    for (let tries = 0; tries < 200 && own.length < 2; tries++) {
      await sleep(100);
      own = await query('pushgateway_ready{job="waystation"}');
    }
    assert.equal(own.length, 2);
  });
});

test("Prometheus accepts the configuration", { skip: promtool === undefined && "no promtool here" }, async () => {
  const file = new URL("prometheus.yml", import.meta.url).pathname;
  const { code, stdout, stderr } = await runProgram(promtool!, ["check", "config", file]);
  assert.equal(code, 0, stdout + stderr);
});

test("the compose file and the script start gateways alike", () => {
  const compose = readFileSync(new URL("compose.yaml", import.meta.url), "utf8");
  const script = readFileSync(new URL("topology.ts", import.meta.url), "utf8");
  for (const flag of ["--web.shutdown-delay=3s", "--storage=redis://"]) {
    assert.ok(compose.includes(flag) && script.includes(flag), flag);
  }
});
