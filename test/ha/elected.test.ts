/** `--exposition=elected`: every replica is scraped, and one of them exposes what was pushed. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { skipRedis } from "../../packages/storage-redis/test/find-redis.ts";
import { RedisCluster } from "./support/cluster.ts";
import type { ReplicaProcess } from "./support/replica.ts";

/** A scrape of one replica. */
interface Sample {
  readonly replica: number;
  readonly invoked: number;
  readonly returned: number;
  readonly exposes: boolean;
}

/** Milliseconds for which the lease is given: a replica that exposed cannot have lost and won it again in less. */
const LEASE = 5000;

/** Where somebody exposed while another did: between two of its scrapes that are too close for it to have lost the lease meanwhile. */
function doubleExposures(samples: readonly Sample[]): string[] {
  const exposing = samples.filter(({ exposes }) => exposes);
  return exposing.flatMap((inner) =>
    exposing.some((before) => {
      if (before.replica === inner.replica || before.returned >= inner.invoked) return false;
      return exposing.some(
        (later) =>
          later.replica === before.replica && later.invoked > inner.returned && later.returned - before.invoked < LEASE,
      );
    })
      ? [`replica ${inner.replica} at ${inner.invoked.toFixed(0)} ms, in the time of another`]
      : [],
  );
}

test("the check of samples sees two that expose at once", () => {
  const sample = (replica: number, invoked: number): Sample => ({
    replica,
    invoked,
    returned: invoked + 5,
    exposes: true,
  });
  assert.deepEqual(doubleExposures([sample(0, 0), sample(0, 50), sample(1, 100), sample(1, 150)]), []);
  assert.deepEqual(doubleExposures([sample(0, 0), sample(1, 100), sample(0, 9000)]), []);
  assert.equal(doubleExposures([sample(0, 0), sample(1, 100), sample(0, 200)]).length, 1);
});

suite("three replicas that elect one", { skip: skipRedis, concurrency: 1 }, () => {
  let cluster: RedisCluster;
  const samples: Sample[] = [];
  const stop = new AbortController();
  let sampling: Promise<unknown>;

  before(async () => {
    cluster = await RedisCluster.start({ flags: ["--exposition=elected"] });
    const { status } = await cluster.replicas[0]!.client.request("PUT", "/metrics/job/elected", { body: "pushed 1\n" });
    assert.equal(status, 200);
    sampling = Promise.all(
      cluster.replicas.map(async ({ client }, replica) => {
        while (!stop.signal.aborted) {
          const invoked = performance.now();
          const answer = await client.request("GET", "/metrics").catch(() => undefined);
          const exposes = answer !== undefined && /^pushed\{/m.test(answer.text);
          samples.push({ replica, invoked, returned: performance.now(), exposes });
          await sleep(20);
        }
      }),
    );
  });
  after(async () => {
    stop.abort();
    await cluster?.[Symbol.asyncDispose]();
    await sampling;
  });

  /** Waits until a replica exposes, in a scrape that began after `since`; not one of `others`. */
  async function untilExposed(since: number, ...others: readonly (number | undefined)[]): Promise<Sample> {
    for (const end = performance.now() + 20_000; performance.now() < end; await sleep(10)) {
      const found = samples.find(
        ({ replica, invoked, exposes }) => exposes && invoked > since && !others.includes(replica),
      );
      if (found) return found;
    }
    throw new Error("nobody exposes");
  }

  const replicaOf = ({ replica }: Sample): ReplicaProcess => cluster.replicas[replica]!;

  test("exactly one exposes, and all of them expose metrics of their own", async () => {
    const first = await untilExposed(performance.now());
    await sleep(1500);
    const recent = samples.filter(({ invoked }) => invoked > first.invoked);
    for (const { replica, exposes } of recent) assert.equal(exposes, replica === first.replica);
    for (const [i, { client }] of cluster.replicas.entries()) {
      const { text } = await client.request("GET", "/metrics");
      assert.match(text, new RegExp(`^pushgateway_exposition_elected ${i === first.replica ? 1 : 0}$`, "m"));
      assert.match(text, /^pushgateway_build_info\{/m);
    }
  });

  test("one that is killed is followed by another within seconds", async (t) => {
    const first = await untilExposed(performance.now());
    const killed = performance.now();
    await replicaOf(first).kill();
    const next = await untilExposed(killed, first.replica);
    t.diagnostic(`another exposed ${(next.returned - killed).toFixed(0)} ms after the kill`);
    assert.ok(next.returned - killed < LEASE + 3000);
    await replicaOf(first).start();
  });

  test("one that is stopped in good order is followed at once", async (t) => {
    const first = await untilExposed(performance.now());
    const stopped = performance.now();
    const gone = replicaOf(first).terminate();
    const next = await untilExposed(stopped, first.replica);
    await gone;
    const last = samples.findLast(({ replica, exposes }) => exposes && replica === first.replica)!;
    t.diagnostic(
      `another exposed ${(next.returned - last.returned).toFixed(0)} ms after the last exposition of the old one`,
    );
    assert.ok(next.returned - stopped < 3000);
    await replicaOf(first).start();
  });

  test("one that was held up does not expose when it comes back, since another does", async () => {
    const first = await untilExposed(performance.now());
    const held = replicaOf(first);
    held.pause();
    const paused = performance.now();
    const late = held.client.request("GET", "/metrics");
    const next = await untilExposed(paused, first.replica);
    await sleep(500);
    held.resume();
    assert.doesNotMatch((await late).text, /^pushed\{/m);
    await sleep(1500);
    const since = samples.filter(({ invoked }) => invoked > next.returned);
    assert.ok(since.some(({ replica }) => replica === first.replica));
    for (const { replica, exposes } of since) assert.equal(exposes, replica === next.replica);
  });

  test("in all that time never two exposed at once", (t) => {
    t.diagnostic(`${samples.length} scrapes, ${samples.filter(({ exposes }) => exposes).length} with what was pushed`);
    assert.deepEqual(doubleExposures(samples), []);
  });
});
