import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gateway, groupingKey, parseText } from "@waystation/core";
import { startTestServer } from "../support/server.ts";
import { NO_BROWSER, TestPage } from "./browser.ts";
import { jobMetrics } from "./fill.ts";

/** Jobs as there may be at some company, with the label that tells their instances apart, and the hours since each ran. */
const JOBS: Readonly<Record<string, readonly [label: string, Readonly<Record<string, number>>]>> = {
  backup: [
    "instance",
    {
      "db1.eu.example.net": 5.2,
      "db2.eu.example.net": 0.4,
      "git.example.net": 0.6,
      "mail.example.net": 41,
      "wiki.example.net": 0.7,
    },
  ],
  "cert-renewal": ["domain", { "example.com": 1.1, "example.net": 1.1, "example.org": 1.2 }],
  "etl-nightly": ["pipeline", { billing: 0.3, clickstream: 75, crm: 0.5, inventory: 0.2 }],
  "import-orders": ["region", { ap: 0.01, eu: 0.03, sa: 0.05, us: 0.02 }],
  "report-mailer": ["team", { finance: 0.8, growth: 3.1, ops: 0.9, sales: 0.4 }],
};

async function restore(gateway: Gateway, labels: Record<string, string>, age: number, body: string): Promise<void> {
  const stamp = BigInt(Math.round((Date.now() / 1000 - age) * 1000)) * 1_000_000n;
  await gateway.restore({
    key: groupingKey(labels),
    pushTime: Number(stamp) / 1e9,
    failureTime: 0,
    pushStamp: stamp,
    failureStamp: stamp,
    families: parseText(Buffer.from(body), { utf8Names: false }).map((family) => ({ time: stamp, family })),
  });
}

const BROKEN = `# HELP orders_imported_total Orders that were imported.
# TYPE orders_imported_total counter
orders_imported_total{region="eu"} 5210
# TYPE ordersRejected counter
ordersRejected 3
import_duration_ms 48213
import_last_file{path="/in/2026-11-20.csv} 1
`;

test("a gateway in use, as the documentation shows it", { skip: NO_BROWSER }, async () => {
  const server = await startTestServer();
  for (const [job, [label, ages]] of Object.entries(JOBS)) {
    for (const [i, [name, hours]] of Object.entries(ages).entries()) {
      await restore(server.gateway, { job, [label]: name }, hours * 3_600, jobMetrics(37 * i + 11));
    }
  }
  const refused = "# TYPE job_processed_bytes_total gauge\njob_processed_bytes_total 1\n";
  await server.request("POST /metrics/job/backup/instance/git.example.net", { body: refused });
  const backup = "/metrics/job/backup/instance/db2.eu.example.net";
  await server.request(`PUT ${backup}`, { body: jobMetrics(90), headers: { "User-Agent": "backup-agent/2.4" } });

  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.locator("[role=row] .age.red").first().waitFor();
  await page.locator("[role=row] .age.amber").first().waitFor();
  await page.locator("[role=row] .failed").waitFor();
  await ui.screenshot("docs/groups");
  await page.getByRole("link", { name: /db2\.eu/ }).click();
  await page.locator("canvas").nth(1).waitFor();
  await ui.screenshot("docs/group");
  await ui.go("check");
  await page.getByLabel("As a push to").fill("job/import-orders/region/eu");
  await page.getByRole("textbox", { name: "Exposition to check" }).fill(BROKEN);
  await page.getByText("It would be refused: 1 error").waitFor();
  await ui.screenshot("docs/check");
  await ui.close();

  const phone = await TestPage.open(server.port, { phone: true, dark: true });
  await phone.page.locator("[role=row] .age.red").first().waitFor();
  assert.equal(await phone.page.locator("[role=row] .failed").count(), 1);
  await phone.screenshot("docs/groups-phone-dark");
  await phone.close();
});
