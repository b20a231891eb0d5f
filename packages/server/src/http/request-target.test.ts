import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cleaningRedirect, cleanPath, parseRequestTarget } from "./request-target.ts";

test("a target is decoded once and split from its query", () => {
  for (const [url, path, query] of [
    ["/metrics/job/a", "/metrics/job/a", ""],
    ["/metrics/job/a%2Fb?x=%31", "/metrics/job/a/b", "?x=%31"],
    ["/%6detrics", "/metrics", ""],
    ["/a%252Fb", "/a%2Fb", ""],
    ["/\xc3\xbc", "/\xc3\xbc", ""],
    ["/a?", "/a", "?"],
    ["http://example.org/metrics?q", "/metrics", "?q"],
    ["http://example.org", "/", ""],
  ] as const) {
    const target = parseRequestTarget(url);
    assert.deepEqual({ path: target.path, query: target.query }, { path, query }, url);
  }
});

test("a target with bad escapes or control characters is refused", () => {
  for (const url of ["/%", "/%zz", "/a%4", "/a\x00b", "/a\x7fb"]) {
    assert.throws(() => parseRequestTarget(url), { code: "GROUPING_KEY" }, JSON.stringify(url));
  }
});

test("unclean paths are redirected, escaped a second time", () => {
  for (const [url, location] of [
    ["/metrics/job/a", undefined],
    ["/metrics/", undefined],
    ["/metrics/job/%2e%2e/x", undefined],
    ["/metrics/job/a%2F%2Fb", undefined],
    ["/", undefined],
    ["//metrics", "/metrics"],
    ["/metrics/job//instance/b", "/metrics/job/instance/b"],
    ["/metrics/job/a/../b/", "/metrics/job/b/"],
    ["/a/..", "/"],
    ["/x//%3D/%c3%bc?q=1", "/x/%253D/%25c3%25bc?q=1"],
  ] as const) {
    assert.equal(cleaningRedirect(parseRequestTarget(url)), location, url);
  }
});

test("cleaning leaves nothing to clean", () => {
  const path = fc
    .array(fc.constantFrom("", ".", "..", "a", "b.c", "..."), { maxLength: 8 })
    .map((parts) => `/${parts.join("/")}`);
  fc.assert(
    fc.property(path, (dirty) => {
      const clean = cleanPath(dirty);
      assert.equal(cleanPath(clean), clean);
      assert.doesNotMatch(clean, /\/\/|\/\.{1,2}(\/|$)/);
    }),
  );
});
