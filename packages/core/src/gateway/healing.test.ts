import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { listen, push, pushedText, valueIn } from "../../test/gateway-kit.ts";
import { RewindableJournal, RewindableStore } from "../../test/rewindable-journal.ts";
import { Gateway } from "./gateway.ts";

async function open(t: TestContext, store: RewindableStore): Promise<Gateway> {
  const gateway = await Gateway.open({ journal: new RewindableJournal(store) });
  t.after(() => gateway.close());
  return gateway;
}

const codeOf = (error: Error) => (error as { code?: string }).code;

for (const how of ["exposition", "push"] as const) {
  test(`what a journal has lost of a gateway's history is put back by its next ${how}`, async (t) => {
    const store = new RewindableStore();
    const gateway = await open(t, store);
    const rewound = listen(t, "waystation:rewound", gateway);
    const reloads = listen(t, "waystation:reload", gateway);
    for (let i = 0; i < 5; i++) await push(gateway, String(i), `m ${i}\n`);
    const before = store.entries;
    store.rewind(2);
    if (how === "push") await push(gateway, "5", "m 5\n");
    else await gateway.refresh();
    assert.deepEqual(store.entries.slice(0, 5), before);
    assert.deepEqual(rewound, [{ outcome: "restored", position: 5, gateway }]);
    assert.deepEqual(reloads, []);
    const late = await open(t, store);
    assert.equal((await late.expose()).text(), (await gateway.expose()).text());
    for (let i = 0; i < 5; i++) assert.equal(await valueIn(late, "m", String(i)), String(i));
  });
}

test("a journal that has lost everything gets everything back", async (t) => {
  const store = new RewindableStore();
  const gateway = await open(t, store);
  await push(gateway, "a", "m 1\n");
  await push(gateway, "b", "m 2\n");
  const before = store.entries;
  store.rewind(0);
  await gateway.refresh();
  assert.deepEqual(store.entries, before);
});

test("of several gateways each puts back what it holds, and all agree in the end", async (t) => {
  const store = new RewindableStore();
  const [one, other] = [await open(t, store), await open(t, store)];
  for (let i = 0; i < 6; i++) await push(i % 2 === 0 ? one : other, String(i), `m ${i}\n`);
  const before = store.entries;
  store.rewind(1);
  await Promise.all([one.refresh(), other.refresh()]);
  await Promise.all([push(one, "6", "m 6\n"), push(other, "7", "m 7\n")]);
  assert.deepEqual(store.entries.slice(0, 6), before);
  assert.equal((await one.expose()).text(), (await other.expose()).text());
});

test("where somebody has appended since, the loss stands: it is told about, and the new history is loaded", async (t) => {
  const store = new RewindableStore();
  const gateway = await open(t, store);
  const [rewound, reloads, lost] = [
    listen(t, "waystation:rewound", gateway),
    listen(t, "waystation:reload", gateway),
    listen(t, "waystation:lost", gateway),
  ];
  for (let i = 0; i < 4; i++) await push(gateway, String(i), `m ${i}\n`);
  const before = store.entries;
  store.rewind(2);
  const other = await open(t, store);
  await push(other, "new", "m 7\n");
  await gateway.refresh();
  assert.equal(await pushedText(gateway), await pushedText(other));
  assert.equal(await valueIn(gateway, "m", "new"), "7");
  assert.equal(await valueIn(gateway, "m", "3"), undefined);
  assert.deepEqual(rewound, [{ outcome: "diverged", position: 4, gateway }]);
  assert.deepEqual(
    reloads.map(({ reason }) => codeOf(reason)),
    ["REWOUND"],
  );
  const [{ from, to, bytes, entries }, ...more] = lost as [(typeof lost)[0]];
  assert.deepEqual(more, []);
  assert.deepEqual([from, to], [3, 4]);
  assert.equal(bytes, before[2]!.data.length + before[3]!.data.length);
  assert.deepEqual(
    entries.map(({ position, tag, data, records }) => [
      position,
      tag,
      Buffer.from(data),
      records.map(({ kind }) => kind),
    ]),
    before.slice(2).map(({ position, tag, data }) => [position, tag, Buffer.from(data), ["replace"]]),
  );
});
