import assert from "node:assert/strict";
import { test } from "node:test";
import { groupingKey } from "@waystation/core";
import { pushPath } from "../../src/api-v2/group-id.ts";
import { startTestServer } from "../support/server.ts";
import { NO_BROWSER, TestPage } from "./browser.ts";
import { fill } from "./fill.ts";

const GROUPS = 10_000;
const row = "[role=row][data-index]";

/** Milliseconds below which the share lies. */
function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]!;
}

/** Pushes one after the other until the returned function is called, which gives the time that each took. */
function keepPushing(push: (nth: number) => Promise<unknown>): () => Promise<number[]> {
  let going = true;
  const times: number[] = [];
  const done = (async () => {
    for (let nth = 0; going; nth++) {
      const started = performance.now();
      await push(nth);
      times.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return async () => {
    going = false;
    await done;
    return times;
  };
}

test(`${GROUPS} groups: the list is there at once, scrolls, and pushes go on beside it`, {
  skip: NO_BROWSER,
}, async (t) => {
  const server = await startTestServer();
  await fill(server.gateway, GROUPS);
  const paths = [...server.gateway.groups()].map(({ key }) => pushPath(key));
  const push = (nth: number): Promise<unknown> =>
    server.request(`PUT /metrics/${paths[nth % GROUPS]}`, {
      body: `m ${nth}
`,
    });
  const stopAlone = keepPushing(push);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const alone = await stopAlone();

  const ui = await TestPage.open(server.port);
  const { page } = ui;
  await page.locator(`${row} a`).first().waitFor();
  const interactive = await page.evaluate(async () => {
    // Drawn, and free to react.
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now();
  });
  await page.getByText("10,000 groups").waitFor();
  t.diagnostic(`list of ${GROUPS} groups drawn and interactive ${Math.round(interactive)} ms after navigation began`);

  const stop = keepPushing(push);
  const frames = await page.evaluate(async () => {
    const list = document.querySelector(".list")!;
    const gaps: number[] = [];
    let last = performance.now();
    for (let i = 0; i < 180; i++) {
      await new Promise(requestAnimationFrame);
      gaps.push(performance.now() - last);
      last = performance.now();
      // Down by some rows, and now and then somewhere else.
      list.scrollTop = i % 60 === 59 ? Math.random() * list.scrollHeight : list.scrollTop + 90;
    }
    return gaps;
  });
  t.diagnostic(
    `frames while scrolling: median ${quantile(frames, 0.5).toFixed(1)} ms, 95 % within ${quantile(frames, 0.95).toFixed(1)} ms`,
  );
  await page.locator(".list").evaluate((list) => list.scrollTo(0, list.scrollHeight));
  await page.locator(`${row}[data-index="${GROUPS - 1}"] a`).waitFor();
  assert.ok((await page.locator(row).count()) < 60, "only what can be seen is drawn");

  const searched = performance.now();
  await page.getByRole("searchbox").fill("shard=9999");
  await page.getByText(/^1 of 10,00\d groups$/).waitFor();
  t.diagnostic(`searched in ${Math.round(performance.now() - searched)} ms, 120 of which it waits for the next letter`);
  const beside = await stop();
  const describe = (times: readonly number[]): string =>
    `median ${quantile(times, 0.5).toFixed(1)} ms, 99 % within ${quantile(times, 0.99).toFixed(1)} ms`;
  t.diagnostic(
    `pushes with nobody looking: ${describe(alone)}; with the page open, scrolled and searched: ${describe(beside)}`,
  );
  await ui.screenshot("ten-thousand");

  // Whoever deletes sees the same number that the list shows.
  await server.gateway.push({ key: groupingKey({ job: "single" }), body: "m 1\n" });
  await page.getByRole("searchbox").fill("job=single");
  await page.getByText(/^1 of 10,00\d groups$/).waitFor();
  await page.getByRole("button", { name: "Delete this group" }).click();
  await page.getByText("Delete 1 group?").waitFor();
  await ui.close();
});
