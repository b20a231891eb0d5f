/** What operators may count on, with three replicas, a real HAProxy and a real Redis. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { skipRedis } from "../../packages/storage-redis/test/find-redis.ts";
import type { Client } from "./support/client.ts";
import { RedisCluster } from "./support/cluster.ts";
import { HaProxy, NO_HAPROXY } from "./support/haproxy.ts";

const put = (client: Client, job: string, body: string) => client.request("PUT", `/metrics/job/${job}`, { body });

suite("three replicas behind HAProxy on one Redis", { skip: skipRedis || NO_HAPROXY, concurrency: 1 }, () => {
  let cluster: RedisCluster;
  let balancer: HaProxy;

  before(async () => {
    // A replica that leaves must be seen to by the balancer, which looks twice a second.
    cluster = await RedisCluster.start({ flags: ["--web.shutdown-delay=2s"] });
    balancer = await HaProxy.start(cluster.replicas.map(({ port }) => port));
  });
  after(async () => {
    await balancer?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  test("a push acknowledged by one is in the next scrape of every other", async () => {
    for (let number = 1; number <= 60; number++) {
      const writer = cluster.replicas[number % 3]!;
      assert.equal((await put(writer.client, "seen", `seen ${number}\n`)).status, 200);
      const texts = await Promise.all(cluster.replicas.map(({ client }) => client.scrapePushed()));
      for (const text of texts) assert.match(text, new RegExp(`^seen\\{instance="",job="seen"\\} ${number}$`, "m"));
    }
  });

  test("of two contradicting pushes to two replicas at once exactly one is accepted, whatever the contradiction", async () => {
    const [a, b, c] = cluster.replicas.map(({ client }) => client) as [Client, Client, Client];
    for (let round = 0; round < 25; round++) {
      const types = await Promise.all([
        put(a, "type-a", `# TYPE contested_${round} gauge\ncontested_${round} 1\n`),
        put(b, "type-b", `# TYPE contested_${round} counter\ncontested_${round} 2\n`),
      ]);
      const series = await Promise.all([
        put(b, `series/instance/${round}`, `shared_${round} 1\n`),
        put(c, "series", `shared_${round}{instance="${round}"} 2\n`),
      ]);
      for (const answers of [types, series]) {
        assert.deepEqual(
          answers.map(({ status }) => status).toSorted(),
          [200, 400],
          answers.map(({ text }) => text).join(),
        );
      }
    }
    const texts = await Promise.all(cluster.replicas.map(({ client }) => client.scrapePushed()));
    assert.equal(texts[1], texts[0]);
    assert.equal(texts[2], texts[0]);
  });

  test("PUT, POST and DELETE of many clients through the balancer end in the same bytes everywhere", async () => {
    await Promise.all(
      Array.from({ length: 16 }, async (_, client) => {
        for (let number = 0; number < 25; number++) {
          const method = ["PUT", "POST", "POST", "DELETE"][(number + client) % 4]!;
          const body = method === "DELETE" ? {} : { body: `many_${number % 3} ${number}\n` };
          const { status, text } = await balancer.client.request(method, `/metrics/job/many/n/${client % 5}`, body);
          assert.ok(status === 200 || status === 202, text);
        }
      }),
    );
    const texts = await Promise.all(cluster.replicas.map(({ client }) => client.scrapePushed()));
    assert.ok(texts[0]!.includes("many_"));
    assert.equal(texts[1], texts[0]);
    assert.equal(texts[2], texts[0]);
  });

  test("a rolling restart of all replicas under load fails no push and no scrape", async (t) => {
    const stop = new AbortController();
    const counts = { pushes: 0, scrapes: 0 };
    const failures: string[] = [];
    const acknowledged = new Map<string, number>();
    const load = Array.from({ length: 8 }, async (_, index) => {
      const job = `rolling-${index}`;
      for (let number = 1; !stop.signal.aborted; number++) {
        const push = put(balancer.client, job, `rolling ${number}\n`);
        const { status, text } = await push.catch((error) => ({ status: 0, text: String(error) }));
        counts.pushes++;
        if (status === 200) acknowledged.set(job, number);
        else failures.push(`push: ${status} ${text}`);
        if (number % 5 === 0) {
          counts.scrapes++;
          const seen = await balancer.client.scrapePushed().catch((error) => String(error));
          if (!seen.includes(`rolling{instance="",job="${job}"} ${number}\n`))
            failures.push(`scrape: ${seen.slice(0, 200)}`);
        }
        await sleep(5);
      }
    });
    for (const replica of cluster.replicas) {
      await replica.terminate();
      await replica.start();
      await sleep(3000); // until the balancer has seen it again
    }
    stop.abort();
    await Promise.all(load);
    t.diagnostic(`${counts.pushes} pushes and ${counts.scrapes} scrapes while every replica was restarted`);
    assert.deepEqual(failures, []);
    assert.ok(counts.pushes > 300, "too little load");
    const text = await cluster.replicas[0]!.client.scrapePushed();
    for (const [job, number] of acknowledged)
      assert.ok(text.includes(`rolling{instance="",job="${job}"} ${number}\n`), job);
  });

  test("a crash of a replica fails only what was under way there, and loses nothing", async (t) => {
    const stop = new AbortController();
    const acknowledged = new Map<string, number>();
    const failures: number[] = [];
    let pushes = 0;
    const load = Array.from({ length: 8 }, async (_, index) => {
      for (let number = 1; !stop.signal.aborted; number++) {
        const answer = await put(balancer.client, `crash-${index}`, `crash ${number}\n`).catch(() => undefined);
        pushes++;
        if (answer?.status === 200) acknowledged.set(`crash-${index}`, number);
        else failures.push(performance.now());
        await sleep(3);
      }
    });
    await sleep(500);
    const killed = performance.now();
    await cluster.replicas[2]!.kill();
    await sleep(2000);
    stop.abort();
    await Promise.all(load);
    const last = Math.max(0, ...failures.map((time) => time - killed));
    t.diagnostic(`${failures.length} of ${pushes} pushes failed, the last ${last.toFixed(0)} ms after the kill`);
    assert.ok(failures.length <= 8, `${failures.length} pushes failed`);
    const text = await balancer.client.scrapePushed();
    for (const [job, number] of acknowledged) {
      const shown = Number(new RegExp(`^crash\\{instance="",job="${job}"\\} (\\d+)$`, "m").exec(text)?.[1]);
      assert.ok(shown >= number, `${job}: ${shown} is shown, ${number} was acknowledged`);
    }
    await cluster.replicas[2]!.start();
  });

  test("a replica that was held up for long shows nothing old and acknowledges nothing that is not stored", async () => {
    const [held, other] = [cluster.replicas[0]!, cluster.replicas[1]!];
    assert.equal((await put(held.client, "held", "held 1\n")).status, 200);
    held.pause();
    // Sent to it while it cannot answer; and pushed elsewhere afterwards.
    const early = held.client.scrapePushed();
    const lateScrape = sleep(3000).then(() => held.client.request("GET", "/metrics?collect[]=pushed"));
    const latePush = put(held.client, "late", "late 1\n");
    await sleep(200);
    for (let number = 2; number <= 20; number++) {
      assert.equal((await put(other.client, "held", `held ${number}\n`)).status, 200);
    }
    await sleep(6000);
    held.resume();
    const scrape = await lateScrape;
    assert.equal(scrape.headers["x-waystation-state-age-seconds"], undefined);
    assert.match(scrape.text, /^held\{.*\} 20$/m);
    assert.match(await early, /^held\{.*\} \d+$/m);
    const pushed = await latePush;
    const stored = /^late\{/m.test(await other.client.scrapePushed());
    assert.ok(pushed.status === 200 || pushed.status === 503, pushed.text);
    if (pushed.status === 200) assert.ok(stored, "acknowledged, but not stored");
    if (pushed.text.startsWith("this was not stored")) assert.ok(!stored, "refused, but stored");
    await held.untilReady();
  });

  test("a replica that is held up in the middle of a scrape does not take that for a slow Redis", async () => {
    const [held, other] = [cluster.replicas[0]!, cluster.replicas[1]!];
    const [proxy] = cluster.proxies;
    proxy!.hold("down");
    assert.equal((await put(other.client, "middle", "middle 1\n")).status, 200);
    const scrape = held.client.request("GET", "/metrics?collect[]=pushed");
    await sleep(300); // it has asked Redis
    held.pause();
    proxy!.release("down");
    await sleep(3000);
    held.resume();
    const { headers, text } = await scrape;
    assert.equal(headers["x-waystation-state-age-seconds"], undefined);
    assert.match(text, /^middle\{.*\} 1$/m);
  });

  test("without Redis pushes are refused within bounds, scrapes go on and say how old they are, and all is well afterwards", async () => {
    assert.equal((await put(balancer.client, "outage", "outage 1\n")).status, 200);
    // What each of them knows last.
    await Promise.all(cluster.replicas.map(({ client }) => client.scrapePushed()));
    await cluster.redis.kill();
    const began = performance.now();
    const refused = await put(cluster.replicas[1]!.client, "outage", "outage 2\n");
    const took = performance.now() - began;
    assert.equal(refused.status, 503);
    assert.match(refused.headers["retry-after"]!, /^\d+$/);
    assert.ok(took < 15_000, `answered after ${took} ms`);
    const { headers, text } = await balancer.client.request("GET", "/metrics?collect[]=pushed");
    assert.match(text, /^outage\{.*\} 1$/m);
    assert.ok(Number(headers["x-waystation-state-age-seconds"]) > 0);
    await sleep(Math.max(0, 11_000 - (performance.now() - began)));
    const { client } = cluster.replicas[1]!;
    assert.equal((await client.request("GET", "/-/healthy")).status, 200);
    assert.equal((await client.request("GET", "/-/ready")).status, 503);
    await cluster.redis.restart();
    await Promise.all(cluster.replicas.map((replica) => replica.untilReady()));
    let status = 0;
    for (let tries = 0; tries < 100 && status !== 200; tries++) {
      status = (await put(client, "outage", "outage 3\n")).status;
      await sleep(50);
    }
    for (const replica of cluster.replicas) assert.match(await replica.client.scrapePushed(), /^outage\{.*\} 3$/m);
  });
});
