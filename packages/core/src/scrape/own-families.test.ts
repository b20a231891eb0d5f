import assert from "node:assert/strict";
import { test } from "node:test";
import { Gateway, groupingKey, MemoryJournal, type MetricFamily, negotiateFormat } from "../index.ts";

const PROTOBUF_TEXT = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text";

function openFiles(value: number): MetricFamily {
  return { name: "process_open_fds", type: "gauge", help: "Own.", metrics: [{ labels: [], value }] };
}

async function gatewayWith(body: string): Promise<Gateway> {
  const gateway = await Gateway.open({ journal: new MemoryJournal() });
  await gateway.push({ key: groupingKey({ job: "a" }), body });
  return gateway;
}

test("a family that is both pushed and the program's own appears once, with its present values at each scrape", async () => {
  const gateway = await gatewayWith(
    "# HELP process_open_fds Pushed.\n# TYPE process_open_fds gauge\nprocess_open_fds 7\n",
  );
  for (const value of [1, 2]) {
    for (const encoding of ["identity", "gzip"] as const) await gateway.expose({ self: [openFiles(value)], encoding });
    const text = (await gateway.expose({ self: [openFiles(value)] })).text();
    const family = `# HELP process_open_fds Own.\n# TYPE process_open_fds gauge\nprocess_open_fds ${value}\nprocess_open_fds{instance="",job="a"} 7\n`;
    assert.ok(text.includes(family), text);
    assert.equal(text.split("# TYPE process_open_fds").length, 2);
  }
  await gateway.close();
});

test("in protobuf it is one message", async () => {
  const gateway = await gatewayWith("# TYPE process_open_fds gauge\nprocess_open_fds 7\n");
  const text = (await gateway.expose({ self: [openFiles(3)], format: negotiateFormat(PROTOBUF_TEXT) })).text();
  assert.equal(text.split('name:"process_open_fds"').length, 2, text);
  assert.match(text, /gauge:\{value:3\}.*gauge:\{value:7\}/);
  await gateway.close();
});

test("collected apart, each of the two shows its own part", async () => {
  const gateway = await gatewayWith("# TYPE process_open_fds gauge\nprocess_open_fds 7\n");
  const own = (await gateway.expose({ self: [openFiles(3)], collect: "self" })).text();
  assert.equal(own, "# HELP process_open_fds Own.\n# TYPE process_open_fds gauge\nprocess_open_fds 3\n");
  const pushed = (await gateway.expose({ self: [openFiles(3)], collect: "pushed" })).text();
  assert.ok(pushed.startsWith('# TYPE process_open_fds gauge\nprocess_open_fds{instance="",job="a"} 7\n'));
  await gateway.close();
});

test("the program's own families that nobody pushes come after the pushed ones; of another type, not at all", async () => {
  const gateway = await gatewayWith("# TYPE later counter\nlater 1\nzzz 1\n");
  const later: MetricFamily = { name: "later", type: "gauge", metrics: [{ labels: [], value: 9 }] };
  const text = (await gateway.expose({ self: [later, openFiles(3)] })).text();
  assert.ok(text.endsWith("# HELP process_open_fds Own.\n# TYPE process_open_fds gauge\nprocess_open_fds 3\n"));
  assert.ok(!text.includes("later 9"));
  await gateway.close();
});

test("expositions that are asked for together, some with and some without the program's own families, do not mix", async () => {
  const gateway = await gatewayWith("# TYPE process_open_fds gauge\nprocess_open_fds 7\n");
  const self = [openFiles(3)];
  const apart = { self, collect: "pushed" } as const;
  const texts = (await Promise.all([apart, { self }, apart].map((options) => gateway.expose(options)))).map((each) =>
    each.text(),
  );
  assert.deepEqual(
    texts.map((text) => [text.split("# TYPE process_open_fds").length - 1, /^process_open_fds 3$/m.test(text)]),
    [
      [1, false],
      [1, true],
      [1, false],
    ],
  );
  const format = negotiateFormat(PROTOBUF_TEXT);
  const messages = await Promise.all(
    [
      { ...apart, format },
      { self, format },
    ].map((options) => gateway.expose(options)),
  );
  assert.deepEqual(
    messages.map((each) => each.text().split('name:"process_open_fds"').length - 1),
    [1, 1],
  );
  assert.match(messages[1]!.text(), /gauge:\{value:3\}.*gauge:\{value:7\}/);
  await gateway.close();
});
