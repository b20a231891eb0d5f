import assert from "node:assert/strict";
import { test } from "node:test";
import { Child } from "./child.ts";

const patience = 20_000;

test("a program that is ready can be measured, and is gone when it was stopped", async () => {
  const child = new Child(process.execPath, ["--eval", "console.log('ready'); setInterval(() => {}, 1000)"]);
  await child.waitUntil(async () => child.output.includes("ready"), patience, 5);
  if (process.platform === "linux") {
    assert.ok(child.residentBytes > 1e6, `${child.residentBytes}`);
    assert.ok(child.cpuSeconds > 0, `${child.cpuSeconds}`);
  }
  await child.stop();
  assert.equal(child.running, false);
  assert.throws(() => process.kill(child.pid, 0), { code: "ESRCH" });
});

test("one that ends before it is ready is reported with what it said", async () => {
  const child = new Child(process.execPath, ["--eval", "console.error('no such flag'); process.exit(1)"]);
  await assert.rejects(
    child.waitUntil(async () => false, patience, 5),
    /did not become ready:\nno such flag/,
  );
});

test("one that is not there is reported", async () => {
  const child = new Child("/nowhere/program", []);
  await assert.rejects(
    child.waitUntil(async () => true, patience, 5),
    /ENOENT/,
  );
});
