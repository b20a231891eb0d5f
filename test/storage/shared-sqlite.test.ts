import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { WAYSTATION_COMMAND } from "../../conformance/src/waystation.ts";
import { samplesOf } from "../support/gateway.ts";

const folder = mkdtempSync(join(tmpdir(), "shared-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const start = () => GatewayProcess.start(WAYSTATION_COMMAND, [`--storage=sqlite:${folder}/waystation.db`]);

test("two gateways on one SQLite file show each other's pushes in the next scrape, and outlive each other", async () => {
  await using first = await start();
  const second = await start();
  try {
    for (let number = 1; number <= 20; number++) {
      const [here, there] = number % 2 === 0 ? [first, second] : [second, first];
      const pushed = await fetch(`${here.url}/metrics/job/shared`, { method: "PUT", body: `number ${number}\n` });
      assert.equal(pushed.status, 200);
      const expected = [`number{instance="",job="shared"} ${number}`];
      assert.deepEqual(await samplesOf(there, "number"), expected);
      assert.deepEqual(await samplesOf(here, "number"), expected);
    }
    // What one holds, a push to the other must not contradict.
    const contradiction = await fetch(`${second.url}/metrics/job/other`, {
      method: "PUT",
      body: "# TYPE number counter\nnumber 1\n",
    });
    assert.equal(contradiction.status, 400);

    await second.kill("SIGKILL");
    assert.equal((await fetch(`${first.url}/metrics/job/shared`, { method: "DELETE" })).status, 202);
    assert.deepEqual(await samplesOf(first, "number"), []);
  } finally {
    await second.stop();
  }
});

test("many concurrent pushes through two gateways are all there, in both", async () => {
  await using first = await start();
  await using second = await start();
  const gateways = [first, second];
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const gateway = gateways[index % 2]!;
      const response = await fetch(`${gateway.url}/metrics/job/many/n/${index}`, {
        method: "PUT",
        body: `many ${index}\n`,
      });
      assert.equal(response.status, 200, await response.text());
    }),
  );
  const [a, b] = await Promise.all(gateways.map((gateway) => samplesOf(gateway, "many")));
  assert.equal(a?.length, 200);
  assert.deepEqual(a, b);
});
