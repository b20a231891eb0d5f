import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isValidUtf8, toByteString } from "./byte-string.ts";
import type { MetricFamily } from "./metric-family.ts";
import {
  ESCAPING_SCHEMES,
  type EscapingScheme,
  escapeFamily,
  escapeLabelName,
  escapeName,
  isLegacyLabelName,
  isLegacyMetricName,
  isUtf8Name,
  unescapeName,
} from "./names.ts";

const anyName = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).map(toByteString);

test("legacy names are letters, digits and underscores, in metric names also colons", () => {
  for (const name of ["a", "_", "A9", "_a_9", "job"]) {
    assert.ok(isLegacyMetricName(name) && isLegacyLabelName(name), name);
  }
  assert.ok(isLegacyMetricName("a:b") && !isLegacyLabelName("a:b"));
  for (const name of ["", "9", "a.b", "a b", "a\n", "ä", " a"]) {
    assert.ok(!isLegacyMetricName(name) && !isLegacyLabelName(name), JSON.stringify(name));
  }
});

test("a UTF-8 name is anything that is UTF-8 and not empty", () => {
  assert.ok(isUtf8Name("a.b") && isUtf8Name(toByteString("日本")) && isUtf8Name("\0"));
  assert.ok(!isUtf8Name("") && !isUtf8Name("\xff") && !isUtf8Name("\xc3"));
});

test("names are escaped as the scraper wishes", () => {
  // As answered by the Go Pushgateway 1.11.2.
  const table: [string, Partial<Record<EscapingScheme, string>>][] = [
    ["", { underscores: "", dots: "", values: "" }],
    ["plain", { underscores: "plain", dots: "plain", values: "plain" }],
    ["with_underscore", { underscores: "with_underscore", dots: "with__underscore", values: "with_underscore" }],
    ["my.metric", { underscores: "my_metric", dots: "my_dot_metric", values: "U__my_2e_metric" }],
    ["a.b_c:d", { underscores: "a_b_c:d", dots: "a_dot_b__c:d", values: "U__a_2e_b__c:d" }],
    ["größe.x-y", { underscores: "gr__e_x_y", dots: "gr____e_dot_x__y", values: "U__gr_f6__df_e_2e_x_2d_y" }],
    ["1a.b", { underscores: "_a_b", dots: "__a_dot_b", values: "U___31_a_2e_b" }],
    ["🔥x", { underscores: "_x", dots: "__x", values: "U___1f525_x" }],
    [" ", { underscores: "_", dots: "__", values: "U___20_" }],
  ];
  for (const [name, spellings] of table) {
    assert.equal(escapeName(toByteString(name), "allow-utf-8"), toByteString(name));
    for (const [scheme, expected] of Object.entries(spellings)) {
      assert.equal(escapeName(toByteString(name), scheme as EscapingScheme), expected, `${name} as ${scheme}`);
    }
  }
});

test("a colon is escaped in label names", () => {
  assert.equal(escapeLabelName("c:d", "underscores"), "c_d");
  assert.equal(escapeLabelName("c:d_e", "dots"), "c__d__e");
  assert.equal(escapeLabelName("c:d", "values"), "U__c_3a_d");
  assert.equal(escapeLabelName("c:d", "allow-utf-8"), "c:d");
  assert.equal(escapeLabelName("c_d", "values"), "c_d");
});

test("bytes that are not UTF-8 are escaped one by one", () => {
  assert.equal(escapeName("a\xff\xc3b", "underscores"), "a__b");
  assert.equal(escapeName(`\xff${toByteString("ö")}\xe2\x82`, "values"), "U___fffd__f6__fffd__fffd_");
});

test("escaped names are legacy names", () => {
  fc.assert(
    fc.property(anyName, fc.constantFrom(...ESCAPING_SCHEMES.slice(1)), (name, scheme) => {
      assert.ok(isLegacyMetricName(escapeName(name, scheme)));
      assert.ok(isLegacyLabelName(escapeLabelName(name, scheme)));
    }),
  );
});

test("the values scheme can be undone, up to the length of a code point", () => {
  fc.assert(
    fc.property(anyName, (name) => {
      // Code points of six digits (planes 16 and up) are written, but not read, upstream too.
      fc.pre(!name.includes("\xf4"));
      fc.pre(!name.startsWith("U__"));
      assert.equal(unescapeName(escapeName(name, "values")), name);
    }),
  );
});

test("the U__ form is read strictly", () => {
  const table: [string, string][] = [
    ["U__foo_2e_bar", "foo.bar"],
    ["U__a__b", "a_b"],
    ["U__a_2E_b", "a.b"],
    ["U____", "_"],
    ["U__", ""],
    ["U___1f525_x", toByteString("🔥x")],
    ["U___ffff_", toByteString("\uffff")],
    ["U___00041_", "A"],
  ];
  for (const [escaped, name] of table) {
    assert.equal(unescapeName(escaped), name, escaped);
  }
  for (const name of [
    "",
    "foo_2e_",
    "u__a",
    "U__a_",
    "U__a_2e",
    "U__a_2g_",
    "U___10ffff_",
    "U___000041_",
    "U___d800_",
  ]) {
    assert.equal(unescapeName(name), name);
  }
});

test("a family that needs no escaping is returned as it is", () => {
  const family: MetricFamily = {
    name: "a_b:c",
    type: "gauge",
    metrics: [{ labels: [{ name: "x_y", value: "p.q" }], value: 1 }],
  };
  for (const scheme of ESCAPING_SCHEMES) {
    assert.equal(escapeFamily(family, scheme), family);
  }
});

test("a family is escaped without changing what was given, sharing what stays", () => {
  const family: MetricFamily = {
    name: "a.b",
    help: "Help.",
    type: "counter",
    metrics: [
      { labels: [{ name: "x_y", value: "p.q" }], value: 1 },
      {
        labels: [
          { name: "x_y", value: "1" },
          { name: "x.y", value: "2.0" },
        ],
        value: 2,
        timestamp: 5n,
      },
    ],
  };
  const before = structuredClone(family);
  const escaped = escapeFamily(family, "dots");
  assert.deepEqual(family, before);
  assert.deepEqual(escaped, {
    name: "a_dot_b",
    help: "Help.",
    type: "counter",
    metrics: [
      { labels: [{ name: "x_y", value: "p.q" }], value: 1 },
      {
        labels: [
          { name: "x_y", value: "1" },
          { name: "x_dot_y", value: "2.0" },
        ],
        value: 2,
        timestamp: 5n,
      },
    ],
  });
  assert.equal(escaped.metrics[0], family.metrics[0]);
  assert.equal(escapeFamily(family, "allow-utf-8"), family);
  assert.ok(isValidUtf8(escaped.name));
});
