import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { Gateway, groupingKey, MemoryJournal, type MetricFamily, negotiateFormat } from "../index.ts";

const PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=";
const ACCEPT = [
  "text/plain",
  "application/openmetrics-text;version=1.0.0",
  `${PROTOBUF}delimited`,
  `${PROTOBUF}text`,
  `${PROTOBUF}compact-text`,
];
const BODIES: Readonly<Record<string, string>> = {
  a: "# TYPE shared gauge\nshared 1\nonly_a 1\n",
  b: '# TYPE shared gauge\nshared{x="1"} 2\nshared{x="2"} 3\n# HELP only_b Of b.\n# TYPE only_b counter\nonly_b 4\n',
  c: '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n',
};

test("an exposition of some groups is what it would be without the others, in all formats", async () => {
  for (const accept of ACCEPT) {
    const gateway = await Gateway.open({ journal: new MemoryJournal() });
    for (const [job, body] of Object.entries(BODIES)) await gateway.push({ key: groupingKey({ job }), body });
    const format = negotiateFormat(accept, { openMetrics: "by-weight" });
    const expose = async (groups?: (job: string) => boolean): Promise<Buffer> => {
      const { chunks } = await gateway.expose({
        format,
        collect: "pushed",
        ...(groups && { groups: ({ labels }) => groups(labels[0]!.value) }),
      });
      return Buffer.concat(chunks);
    };
    const everything = await expose();
    const some = await expose((job) => job !== "a");
    const none = await expose(() => false);
    assert.deepEqual(await expose(() => true), everything, accept);
    await gateway.delete(groupingKey({ job: "a" }));
    assert.deepEqual(some, await expose(), accept);
    assert.notDeepEqual(some, everything);
    for (const job of ["b", "c"]) await gateway.delete(groupingKey({ job }));
    assert.deepEqual(none, await expose(), accept);
    await gateway.close();
  }
});

test("it has nothing of the program, may be compressed, and others get everything meanwhile", async () => {
  const gateway = await Gateway.open({ journal: new MemoryJournal() });
  for (const [job, body] of Object.entries(BODIES)) await gateway.push({ key: groupingKey({ job }), body });
  const self: MetricFamily[] = [{ name: "own", type: "gauge", metrics: [{ labels: [], value: 1 }] }];
  const groups = () => true;
  const [some, all, zipped, zstd] = await Promise.all([
    gateway.expose({ self, groups: ({ labels }) => labels[0]!.value === "a" }),
    gateway.expose({ self }),
    gateway.expose({ self, groups, encoding: "gzip" }),
    gateway.expose({ self, groups, encoding: "zstd" }),
  ]);
  assert.doesNotMatch(some.text(), /own|only_b|job="b"/);
  assert.match(all.text(), /^own 1$/m);
  const expected = (await gateway.expose({ collect: "pushed" })).text();
  assert.equal(gunzipSync(Buffer.concat(zipped.chunks)).toString(), expected);
  assert.equal(zstdDecompressSync(Buffer.concat(zstd.chunks)).toString(), expected);
  await gateway.close();
});
