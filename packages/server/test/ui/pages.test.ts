import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { groupingKey } from "@waystation/core";
import { startTestServer } from "../support/server.ts";
import { NO_BROWSER, TestPage } from "./browser.ts";
import { fill, jobMetrics } from "./fill.ts";

const skip = NO_BROWSER;
const PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const native = readFileSync(
  new URL("../../../core/test/corpus/protobuf/push-native-and-classic-buckets.pb", import.meta.url),
);

const backup = groupingKey({ job: "backup", instance: "db1", path: "/var/lib/postgresql" });
const backupId = Buffer.from(backup.id, "latin1").toString("base64url");
const backupPath = `job/backup/instance/db1/path@base64/${Buffer.from("/var/lib/postgresql").toString("base64url")}`;

test("a group shows its families, values in words, charts, and what was pushed to it", { skip }, async () => {
  const server = await startTestServer();
  await server.request(`PUT /metrics/${backupPath}`, { body: jobMetrics(90), headers: { "User-Agent": "batch/1.0" } });
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await ui.go(`group/${backupId}`);
  await page.getByRole("heading", { name: "4 metric families" }).waitFor();
  const card = (name: string) => page.getByRole("article", { name });
  assert.match(await card("job_last_success_timestamp_seconds").innerText(), /1 min ago|2 min ago/);
  assert.match(await card("job_processed_bytes_total").innerText(), /kind="full"[\s\S]*111111030[\s\S]*106 MiB/);
  assert.match(await card("job_processed_bytes_total").innerText(), /counter[\s\S]*What was processed\./);

  // Charts are pictures with a description, and a table of the same.
  const histogram = card("steps_duration_seconds");
  await histogram
    .getByRole("img", { name: /Histogram of steps_duration_seconds: observations in 8 buckets/ })
    .waitFor();
  await histogram.locator("canvas").waitFor();
  assert.match(await histogram.innerText(), /490 observations/);
  await histogram.getByText("As a table").click();
  const cells = await histogram.getByRole("row").allInnerTexts();
  const counts = cells.slice(1).map((row) => Number(row.split("\t")[1]));
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    490,
    "buckets are shown apart, not cumulative",
  );
  await card("call_latency_seconds")
    .getByRole("img", { name: /2 quantiles/ })
    .waitFor();
  await page.locator("canvas").nth(1).waitFor();
  await ui.checkAccessibility("a group");
  await ui.screenshot("group");

  const pushes = page.getByRole("listitem").filter({ hasText: "Replaced the group" });
  assert.match(
    await pushes.first().innerText(),
    /200[\s\S]*from 127\.0\.0\.1 \(batch\/1\.0\) · 1\.\d+ KiB · answered in/,
  );
  assert.match(
    await page.getByRole("region", { name: "Delete this group" }).innerText(),
    new RegExp(`curl --fail --request DELETE ${ui.home}metrics/${backupPath}`),
  );

  // What the commands say works.
  await page.getByText("Raw exposition").click();
  const raw = await page.getByRole("region", { name: "Raw exposition" }).innerText();
  assert.equal(raw.trim(), (await server.request(`GET /api/v2/groups/${backupId}/text`)).text.trim());
  await page.getByRole("button", { name: "Copy the raw exposition" }).click();
  await page.getByText("Copied").waitFor();

  // It follows what is pushed.
  await server.request(`POST /metrics/${backupPath}`, { body: "# TYPE fresh gauge\nfresh 7\n" });
  await card("fresh").waitFor();
  await page.getByText("Merged into the group").waitFor();
  await page.getByRole("region", { name: "Raw exposition" }).getByText("# TYPE fresh gauge").waitFor();
  await server.request(`POST /metrics/${backupPath}`, { body: "fresh 7 7\n" });
  await page
    .getByText(
      /The newest push failed: pushed metrics must not have timestamps, .*\. What is below was pushed before\./,
    )
    .waitFor();
  await page.getByText("POST refused").waitFor();
  await ui.close();
});

test("native histograms are drawn, too", { skip }, async () => {
  const server = await startTestServer();
  const { status } = await server.request("PUT /metrics/job/native", {
    body: native,
    headers: { "Content-Type": PROTOBUF },
  });
  assert.equal(status, 200);
  const ui = await TestPage.open(server.port);
  await ui.page.locator("[role=row][data-index] a").first().click();
  await ui.page.getByText("native", { exact: true }).first().waitFor();
  await ui.page.locator("canvas").first().waitFor();
  await ui.page.getByText("As a table").first().click();
  await ui.page.getByRole("row").nth(2).waitFor();
  await ui.close();
});

test("a family and then the group are deleted, each after a question", { skip }, async () => {
  const server = await startTestServer();
  await server.gateway.push({ key: backup, body: jobMetrics(1) });
  await server.gateway.push({ key: groupingKey({ job: "other" }), body: "m 1\n" });
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await ui.go(`group/${backupId}`);
  await page.getByRole("button", { name: "Delete call_latency_seconds from this group" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete call_latency_seconds?" });
  await dialog.getByText('job="backup"').waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await page.getByRole("article").count(), 4);
  await page.getByRole("button", { name: "Delete call_latency_seconds from this group" }).click();
  await dialog.getByRole("button", { name: "Delete family" }).click();
  await page.getByRole("heading", { name: "3 metric families" }).waitFor();
  assert.equal(server.gateway.group(backup)!.heads.length, 3);

  await page.getByRole("button", { name: "Delete group …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete group" }).click();
  await page.getByText("1 group", { exact: true }).waitFor();
  assert.equal(server.gateway.group(backup), undefined);

  ui.expect(/404 \(Not Found\)/);
  await ui.go(`group/${backupId}`);
  await page.getByRole("heading", { name: "This group is gone" }).waitFor();
  await ui.close();
});

test("the status shows build, flags, storage and limits, and follows what the gateway does", { skip }, async () => {
  const server = await startTestServer();
  await fill(server.gateway, 20);
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByRole("link", { name: "Status" }).click();
  const storage = page.getByRole("region", { name: "Storage" });
  await storage.getByText("memory").waitFor();
  await storage.getByText("nothing: it is gone when this process ends").waitFor();
  await page.getByRole("region", { name: "Limits" }).getByText("--push.max-body-bytes").waitFor();
  await page.getByRole("region", { name: "Flags" }).getByText("--web.listen-address").waitFor();
  await page.getByRole("region", { name: "Build" }).getByText(`node${process.version}`).waitFor();
  await page.getByRole("img", { name: /^Groups, last minutes; now 20$/ }).waitFor();
  // More pushes than one, so that a rate can be seen.
  for (let i = 0; i < 40; i++) await server.request("PUT /metrics/job/rate", { body: "m 1\n" });
  await page.getByRole("img", { name: /^Groups, last minutes; now 21$/ }).waitFor();
  await page.waitForFunction(() => {
    const plots = [...document.querySelectorAll(".live-plot figcaption")].map(({ textContent }) => textContent ?? "");
    return plots.some((text) => /Pushes per second [1-9]/.test(text));
  });
  await page.locator("canvas").nth(5).waitFor();
  await ui.checkAccessibility("the status");
  await ui.screenshot("status");
  await ui.close();
});

test("what scrapes leave out is named on the status page, until it is put right", { skip }, async () => {
  const server = await startTestServer({ "push.disable-consistency-check": true });
  await server.request("PUT /metrics/job/first", { body: "# TYPE m counter\nm 1\n" });
  await server.request("PUT /metrics/job/second", { body: "# TYPE m gauge\nm 1\n" });
  await server.request("GET /metrics");
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await ui.go("status");
  const card = page.getByRole("region", { name: "Left out of scrapes" });
  await card.getByText('m of {job="second"}').waitFor();
  await ui.checkAccessibility("the status with conflicts");
  await server.request("DELETE /metrics/job/first");
  await server.request("GET /metrics");
  await card.waitFor({ state: "detached" });
  await ui.close();
});

test("the push tester marks lines, tells what would happen, and stores nothing", { skip }, async () => {
  const server = await startTestServer();
  await server.request("PUT /metrics/job/stored", { body: "# TYPE size_bytes gauge\nsize_bytes 1\n" });
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByRole("link", { name: "Push tester" }).click();
  const editor = page.getByRole("textbox", { name: "Exposition to check" });
  await page.getByRole("button", { name: "Example" }).click();
  await page.getByText("It would be refused: 1 error").waitFor();
  assert.deepEqual(await page.locator(".gutter .error").allInnerTexts(), ["7"]);
  assert.deepEqual(await page.locator(".gutter .warning").allInnerTexts(), ["4", "6"]);
  await ui.checkAccessibility("the push tester");
  await ui.screenshot("check");
  await page.getByRole("button", { name: "line 7" }).click();
  const selected = await editor.evaluate((area) => {
    const { value, selectionStart, selectionEnd } = area as HTMLTextAreaElement;
    return value.slice(selectionStart, selectionEnd);
  });
  assert.match(selected, /^backup_files/);

  await editor.fill("# HELP ok_total Fine.\n# TYPE ok_total counter\nok_total 1");
  await page.getByText(/It would be stored$/).waitFor();
  assert.equal(await page.locator(".gutter .error, .gutter .warning").count(), 0);
  await editor.fill("# TYPE size_bytes counter\nsize_bytes 1\n");
  await page.getByText('is gauge in group {job="stored"}').waitFor();
  await page.getByLabel("As a push to").fill("job/stored");
  await page.getByText("It would be stored, with 2 warnings").waitFor();
  await page.getByLabel("As a push to").fill("nonsense");
  ui.expect(/400 \(Bad Request\)/);
  await page.getByText("a grouping key begins with job").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByText("The verdict comes as you type.").waitFor();
  assert.equal(server.gateway.health().groups, 1);
  await ui.close();
});

for (const dark of [false, true]) {
  const scheme = dark ? "dark" : "light";
  test(`every page fits a phone and is accessible, in ${scheme} colours`, { skip }, async () => {
    const server = await startTestServer();
    await server.gateway.push({ key: backup, body: jobMetrics(50) });
    await server.gateway.push({ key: backup, body: "m 1 1\n" }).catch(() => undefined);
    const ui = await TestPage.open(server.port, { phone: true, dark });
    const { page } = ui;
    const pages: Readonly<Record<string, () => Promise<void>>> = {
      [`group/${backupId}`]: () => page.locator("canvas").nth(1).waitFor(),
      status: () => page.locator("canvas").nth(5).waitFor(),
      check: async () => {
        await page.getByRole("button", { name: "Example" }).click();
        await page.getByText("It would be refused").waitFor();
      },
    };
    for (const [path, ready] of Object.entries(pages)) {
      await ui.go(path);
      await ready();
      await ui.checkWidth(path);
      await ui.checkAccessibility(`${path} on a phone, ${scheme}`);
      await ui.screenshot(`${path.split("/")[0]}-phone-${scheme}`);
    }
    await ui.close();
  });
}
