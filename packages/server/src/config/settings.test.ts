import assert from "node:assert/strict";
import { test } from "node:test";
import { FLAGS, type FlagName, type FlagValues } from "./flags.ts";
import { redactUrl, resolveSettings, type Settings } from "./settings.ts";

function resolve(given: Partial<FlagValues>): Settings {
  const defaults = Object.fromEntries(
    Object.entries(FLAGS).map(([name, flag]) => [name, flag.default]),
  ) as unknown as FlagValues;
  return resolveSettings({ values: { ...defaults, ...given }, given: new Set(Object.keys(given) as FlagName[]) });
}

test("the route prefix comes from its flag or the external URL, with slashes put right", () => {
  for (const [prefix, external, expected] of [
    ["", "", ""],
    ["/", "", ""],
    ["/pg", "", "/pg"],
    ["pg/", "", "/pg"],
    ["", "http://example.com/ext/", "/ext"],
    ["", "http://example.com", ""],
    ["/", "http://example.com/ext", ""],
    ["/int", "http://example.com/ext", "/int"],
  ] as const) {
    const settings = resolve({ "web.route-prefix": prefix, "web.external-url": external });
    assert.equal(settings.routePrefix, expected, `${prefix} ${external}`);
    assert.equal(settings.shown["web.route-prefix"], expected);
  }
});

test("the telemetry path stands below the prefix", () => {
  assert.equal(resolve({}).telemetryPath, "/metrics");
  assert.equal(resolve({ "web.route-prefix": "/pg", "web.telemetry-path": "stats" }).telemetryPath, "/pg/stats");
  assert.equal(resolve({ "web.telemetry-path": "/stats/" }).telemetryPath, "/stats");
  assert.throws(() => resolve({ "web.telemetry-path": "stats" }), { code: "CONFIG" });
});

test("the storage is said by one flag", () => {
  assert.equal(resolve({}).storageUrl, "sqlite:./waystation.db");
  assert.equal(resolve({ storage: "memory:" }).storageUrl, "memory:");
  assert.equal(resolve({ "persistence.file": "" }).storageUrl, "memory:");
  const persistent = resolve({ "persistence.file": "/data/pg" });
  assert.equal(persistent.storageUrl, "file:/data/pg.waystation");
  assert.deepEqual(persistent.persistence, { file: "/data/pg", directory: "/data/pg.waystation" });
  assert.equal(resolve({ "persistence.file": "", storage: "file:x" }).storageUrl, "file:x");
  assert.throws(() => resolve({ "persistence.file": "/data/pg", storage: "file:x" }), { code: "CONFIG" });
});

test("what is shown holds no secrets", () => {
  const { shown } = resolve({ storage: "redis://user:pw@host:6379/0?prefix=ws&sentinelPassword=pw2#x" });
  assert.equal(shown["storage"], "redis://…@host:6379/0?prefix=ws&sentinelPassword=…#x");
  assert.equal(shown["persistence.interval"], "5m0s");
  assert.equal(shown["web.enable-admin-api"], "false");
  assert.equal(redactUrl("sqlite:./a@b.db"), "sqlite:./a@b.db");
});
