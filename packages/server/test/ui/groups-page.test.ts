import assert from "node:assert/strict";
import { test } from "node:test";
import { groupingKey } from "@waystation/core";
import { startTestServer } from "../support/server.ts";
import { NO_BROWSER, TestPage } from "./browser.ts";
import { fill, pushedBefore } from "./fill.ts";

const skip = NO_BROWSER;
const row = "[role=row][data-index]";

test("an empty gateway teaches how to begin, with its own address, and follows when one has", { skip }, async () => {
  const server = await startTestServer();
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByRole("heading", { name: "Nothing has been pushed yet" }).waitFor();
  const command = await page.getByRole("region", { name: "Push from a shell" }).innerText();
  assert.ok(command.includes(`curl --data-binary @- ${ui.home}metrics/job/backup/instance/db1`));
  const config = await page.getByRole("region", { name: "prometheus.yml" }).innerText();
  assert.ok(config.includes(`targets: ["127.0.0.1:${server.port}"]`) && config.includes("honor_labels: true"));
  await page.getByRole("button", { name: "Copy Push from a shell" }).click();
  await page.getByText("Copied").waitFor();
  // The example tells the time.
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied.trim().replace(/\b1\d{9}\b/, "TIME"), command.trim().replace(/\b1\d{9}\b/, "TIME"));
  await ui.checkAccessibility("the empty page");
  await ui.screenshot("empty");
  await page.setViewportSize({ width: 375, height: 740 });
  await ui.checkWidth("the empty page");

  // What stands there works as it stands.
  const [, path, body] = /(\/metrics\S+)\n([\s\S]*)EOF/.exec(command)!;
  assert.equal((await server.request(`POST ${path}`, { body: body! })).status, 200);
  await page.getByText("1 group", { exact: true }).waitFor();
  await ui.close();
});

test("the page works below the path of an external URL, which its commands name", { skip }, async () => {
  const server = await startTestServer({ "web.external-url": "https://metrics.example.org/push" });
  const ui = await TestPage.open(server.port, {}, "/push/");
  await ui.page.getByText("https://metrics.example.org/push/metrics/job/backup").waitFor();
  const config = await ui.page.getByRole("region", { name: "prometheus.yml" }).innerText();
  assert.match(config, /scheme: https\n\s+metrics_path: \/push\/metrics\n/);
  await server.request("PUT /push/metrics/job/a", { body: "m 1\n" });
  await ui.page.locator(row).first().waitFor();
  await ui.page.locator(`${row} a`).first().click();
  await ui.page.getByRole("heading", { name: /Group.*job.*a/ }).waitFor();
  await ui.page.goto(`${ui.home}status`);
  await ui.page.getByText("1 group", { exact: true }).waitFor();
  await ui.close();
});

test("searching, filtering and sorting narrow the list as one types, and stand in the address", { skip }, async () => {
  const server = await startTestServer();
  await fill(server.gateway, 60);
  await server.request("PUT /metrics/job/broken", { body: "m 1 1\n" });
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByText("61 groups").waitFor();
  await ui.screenshot("groups");
  await page.keyboard.press("/");
  await page.keyboard.type("backup db3");
  await page.getByText("2 of 61 groups").waitFor();
  assert.match(page.url(), /#\/\?search=backup\+db3$/);
  await page.reload();
  await page.getByText("2 of 61 groups").waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "backup db3");

  await page.getByRole("searchbox").fill("no such thing");
  await page.getByText("No group matches.").waitFor();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByText("61 groups").waitFor();

  await page.getByLabel("Failed").check();
  await page.getByText("1 of 61 groups").waitFor();
  // The count may be there before the rows are.
  const failed = page.locator(row, { hasText: "pushed metrics must not have timestamps" });
  assert.match(await failed.innerText(), /never/);
  await page.getByLabel("Failed").uncheck();

  const first = (): Promise<string> => page.locator(`${row}[data-index="0"]`).innerText();
  await page.getByRole("button", { name: "Series" }).click();
  await page.waitForURL(/sort=series&order=desc/);
  await page.waitForFunction(() => !/broken/.test(document.querySelector("[data-index='0']")?.textContent ?? "broken"));
  await page.getByRole("button", { name: "Series" }).click();
  await page.waitForFunction(() => /broken/.test(document.querySelector("[data-index='0']")?.textContent ?? ""));
  assert.match(await first(), /broken/);
  assert.equal(await page.getByRole("columnheader", { name: "Series" }).getAttribute("aria-sort"), "ascending");
  await ui.close();
});

test("the age of the last push turns amber and red by thresholds of the user's own, which are kept", {
  skip,
}, async () => {
  const server = await startTestServer();
  for (const [job, age] of Object.entries({ fresh: 60, late: 7_200, dead: 400_000 })) {
    await pushedBefore(server.gateway, { job }, age);
  }
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  const level = async (job: string): Promise<string> => {
    const time = page.locator(row, { hasText: job }).locator("time");
    return ((await time.getAttribute("class")) ?? "").replace("age ", "");
  };
  await page.locator(row).nth(2).waitFor();
  assert.deepEqual([await level("fresh"), await level("late"), await level("dead")], ["fresh", "amber", "red"]);
  assert.equal(await page.locator(row, { hasText: "dead" }).locator("time").innerText(), "4 d ago");
  await ui.checkAccessibility("the list with late groups");
  await page.getByText("Late after 2h, 26h").click();
  await page.getByLabel("amber after").fill("30s");
  await page.getByLabel("amber after").press("Tab");
  await page.getByLabel("red after").fill("1h");
  await page.getByLabel("red after").press("Tab");
  await page.getByText("Late after 30s, 1h").waitFor();
  assert.deepEqual([await level("fresh"), await level("late")], ["amber", "red"]);
  await page.reload();
  await page.getByText("Late after 30s, 1h").waitFor();
  await page.getByText("Late after 30s, 1h").click();
  await page.getByLabel("red after").fill("soon");
  await page.getByText("Write them like 30m, 2h or 1d.").waitFor();

  await page.getByLabel("Older than").selectOption("1d");
  await page.getByText("1 of 3 groups").waitFor();
  await ui.close();
});

test("the list follows pushes and deletions, and nobody loses their place", { skip }, async () => {
  const server = await startTestServer();
  await fill(server.gateway, 400, (i) => `m ${i}\n`);
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByText("400 groups").waitFor();
  // At the top the list is made anew.
  await server.request("PUT /metrics/job/aaa", { body: "m 1\n" });
  await page.getByText("401 groups").waitFor();
  await page.locator(`${row}[data-index="0"]`, { hasText: "aaa" }).waitFor();

  // In the middle of it, every row stays where it is.
  await page.locator(".list").evaluate((list) => list.scrollTo(0, 200 * 46));
  const looked = page.locator(`${row}[data-index="202"]`);
  await looked.locator("a").waitFor();
  const before = (await looked.innerText()).split("\n");
  await server.request("PUT /metrics/job/aab", { body: "m 1\n" });
  await page.getByRole("button", { name: "The list has changed: show" }).waitFor();
  assert.deepEqual((await looked.innerText()).split("\n").slice(0, 4), before.slice(0, 4));
  // What happens to a row that is looked at is shown at once: here it is refused a push, and then deleted.
  const id = (await looked.locator("a").getAttribute("href"))!.replace("#/group/", "");
  const path = [...server.gateway.groups()].find(
    ({ key }) => Buffer.from(key.id, "latin1").toString("base64url") === id,
  )!;
  await server.gateway.push({ key: path.key, body: "m 1 5\n" }).catch(() => undefined);
  await looked.getByText("the newest push failed").waitFor();
  await server.gateway.delete(path.key);
  await looked.getByText("deleted").waitFor();

  await page.getByRole("button", { name: "The list has changed: show" }).click();
  await page.getByText("401 groups").waitFor();
  await page.waitForFunction(() => document.querySelector(".list")?.scrollTop === 0);
  await ui.close();
});

test("coming back from a group is coming back to the same place", { skip }, async () => {
  const server = await startTestServer();
  await fill(server.gateway, 600, (i) => `m ${i}\n`);
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByRole("searchbox").fill("db");
  await page.getByText("600 of 600 groups").waitFor();
  await page.locator(".list").evaluate((list) => list.scrollTo(0, 300 * 46));
  const opened = page.locator(`${row}[data-index="305"] a`);
  const href = await opened.getAttribute("href");
  await opened.click();
  await page.getByRole("heading", { name: "1 metric family" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main", "reading goes on in the new page");
  await page.goBack();
  await page.getByText("600 of 600 groups").waitFor();
  await page.locator(`${row}[data-index="305"] a[href="${href}"]`).waitFor();
  assert.equal(await page.locator(".list").evaluate((list) => list.scrollTop), 300 * 46);
  await opened.click();
  await page.locator(".crumbs a").click();
  await page.getByText("600 of 600 groups").waitFor();
  await opened.waitFor();

  // Another search begins at its top.
  await page.getByRole("searchbox").fill("db1");
  await page.getByText(/^1\d+ of 600 groups$/).waitFor();
  assert.equal(await page.locator(".list").evaluate((list) => list.scrollTop), 0);
  await ui.close();
});

test("groups are deleted in bulk: previewed, confirmed by their number, and only if there are still as many", {
  skip,
}, async () => {
  const server = await startTestServer();
  await fill(server.gateway, 60);
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByRole("searchbox").fill("etl-nightly");
  await page.getByText("10 of 60 groups").waitFor();
  await page.getByRole("button", { name: "Delete these 10 groups" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Delete 10 groups?").waitFor();
  await dialog.getByRole("listitem").nth(9).waitFor();
  assert.equal(await dialog.getByRole("listitem").count(), 10);
  await ui.checkAccessibility("the dialog that deletes");
  await ui.screenshot("delete");
  const confirm = dialog.getByRole("button", { name: "Delete 10 groups" });
  assert.equal(await confirm.isDisabled(), true);
  await page.keyboard.type("9");
  assert.equal(await confirm.isDisabled(), true);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(server.gateway.health().groups, 60);

  await page.getByRole("button", { name: "Delete these 10 groups" }).click();
  await dialog.getByText("Delete 10 groups?").waitFor();
  await server.gateway.push({ key: groupingKey({ job: "etl-nightly", late: "arrival" }), body: "m 1\n" });
  await dialog.getByRole("textbox").fill("10");
  ui.expect(/409 \(Conflict\)/);
  await dialog.getByRole("textbox").press("Enter");
  await dialog.getByText("10 were expected: look again, nothing was deleted").waitFor();
  await dialog.getByText("Delete 11 groups?").waitFor();
  assert.equal(server.gateway.health().groups, 61);
  await dialog.getByRole("textbox").fill("11");
  await dialog.getByRole("button", { name: "Delete 11 groups" }).click();
  await page.getByText("Deleted 11 groups.").waitFor();
  assert.equal(server.gateway.health().groups, 50);
  await page.getByText("No group matches.").waitFor();
  await ui.close();
});

test("everything can be done by keyboard alone", { skip }, async () => {
  const server = await startTestServer();
  await fill(server.gateway, 300);
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.locator(row).first().waitFor();
  const focused = (): Promise<string | null> => page.evaluate(() => document.activeElement!.getAttribute("data-index"));
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement!.textContent), "Skip to content");
  // From the search field through the heads of the columns to the first row.
  await page.keyboard.press("/");
  for (let i = 0; i < 20 && (await focused()) === null; i++) await page.keyboard.press("Tab");
  assert.equal(await focused(), "0");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "2");
  await page.keyboard.press("End");
  assert.equal(await focused(), "299");
  const row299 = page.locator(`${row}[data-index="299"]`);
  await row299.locator("a").waitFor();
  assert.equal(await row299.evaluate((element) => element.getBoundingClientRect().bottom <= window.innerHeight), true);
  await page.keyboard.press("PageUp");
  assert.ok(Number(await focused()) < 299);
  await page.keyboard.press("Home");
  assert.equal(await focused(), "0");

  // Selects two rows and deletes them.
  await page.keyboard.press(" ");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await page.getByText("Delete 2 selected").waitFor();
  await page.keyboard.press("Delete");
  await page.getByText("Delete 2 groups?").waitFor();
  await page.keyboard.type("2");
  await page.keyboard.press("Enter");
  await page.getByText("Deleted 2 groups.").waitFor();
  assert.equal(server.gateway.health().groups, 298);

  // Opens one.
  for (let i = 0; i < 30 && (await focused()) === null; i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "4 metric families" }).waitFor();
  await page.goBack();
  await page.getByText("298 groups").waitFor();
  await ui.close();
});

for (const dark of [false, true]) {
  const scheme = dark ? "dark" : "light";
  test(`on a phone, in ${scheme} colours, the list fits and can be used`, { skip }, async () => {
    const server = await startTestServer();
    await fill(server.gateway, 30);
    await server.request("PUT /metrics/job/a-job-with-a-rather-long-name-that-does-not-fit/instance/x", {
      body: "m 1 1\n",
    });
    const ui = await TestPage.open(server.port, { phone: true, dark });
    const { page } = ui;
    await page.locator(row).first().waitFor();
    await ui.checkWidth("the list");
    await ui.checkAccessibility(`the list on a phone, ${scheme}`);
    await ui.screenshot(`groups-phone-${scheme}`);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const lightness = Number(/\d+/.exec(background)![0]);
    assert.ok(dark ? lightness < 60 : lightness > 200, background);
    await page.getByLabel("Sort by").selectOption("series");
    await page.waitForURL(/sort=series/);
    await page.locator(`${row} a`).first().tap();
    await page.getByRole("heading", { name: "Recent pushes" }).waitFor();
    await ui.checkWidth("a group");
    await ui.close();
  });
}

test("colours are the system's, or the user's choice, which is kept", { skip }, async () => {
  const server = await startTestServer();
  const ui = await TestPage.open(server.port, { dark: true });
  const { page } = ui;
  const scheme = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  const lightness = (): Promise<number> =>
    page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)![0]));
  assert.ok((await lightness()) < 60);
  await page.getByRole("button", { name: "Colours: as the system" }).click();
  assert.equal(await scheme(), "dark");
  await page.getByRole("button", { name: "Colours: dark" }).click();
  assert.equal(await scheme(), "light");
  assert.ok((await lightness()) > 200);
  await page.reload();
  await page.getByRole("button", { name: "Colours: light" }).waitFor();
  assert.ok((await lightness()) > 200);
  await ui.close();
});

test("when the gateway does not answer the page says so, and goes on when it does again", { skip }, async () => {
  const server = await startTestServer();
  await fill(server.gateway, 5);
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.getByText("5 groups").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  ui.expect(/ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_INCOMPLETE_CHUNKED/);
  await page.context().setOffline(true);
  await page.getByRole("searchbox").fill("backup");
  await page.getByText("The gateway does not answer.").waitFor();
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("1 of 5 groups").waitFor();
  await server.stop();
  await page.getByText("Not live").waitFor();
  await ui.close();
});

test("labels and messages that look like HTML stay text", { skip }, async () => {
  const server = await startTestServer();
  const hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  await server.gateway.push({
    key: groupingKey({ job: hostile }),
    body: `# HELP m ${hostile}\nm{x="${hostile.replaceAll('"', '\\"')}"} 1\n`,
  });
  await server.request(`PUT /metrics/job@base64/${Buffer.from(hostile).toString("base64url")}`, {
    body: `${hostile}\n`,
    headers: { "User-Agent": hostile },
  });
  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.locator(`${row} a`).first().click();
  await page.getByText(hostile).first().waitFor();
  await page.getByText("Raw exposition").click();
  await page.getByRole("region", { name: "Raw exposition" }).waitFor();
  assert.equal(await page.evaluate(() => "hacked" in window), false);
  assert.equal(await page.locator("main img, main script").count(), 0);
  await ui.close();
});
