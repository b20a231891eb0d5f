import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isWaystationError } from "../errors.ts";
import { fromByteString, toByteString } from "./byte-string.ts";
import {
  compareGroupingKeys,
  compareSiblingIds,
  describeGroupingKey,
  type GroupingKey,
  type GroupingKeyOptions,
  groupingKey,
  groupingKeyFromId,
  parseGroupingKey,
  timeLabels,
} from "./grouping-key.ts";

const UTF8: GroupingKeyOptions = { utf8Names: true };

/** The labels of a key, decoded, in its own order. */
function labelsOf(key: GroupingKey): [string, string][] {
  return key.labels.map(({ name, value }) => [fromByteString(name), fromByteString(value)]);
}

function accepts(tail: string, labels: Record<string, string>, options: GroupingKeyOptions = {}): void {
  const key = parseGroupingKey(toByteString(tail), options);
  assert.deepEqual(Object.fromEntries(labelsOf(key)), labels, tail);
  assert.equal(key.id, groupingKey(labels, UTF8).id, tail);
}

function refuses(tail: string, message: RegExp, options: GroupingKeyOptions = {}): void {
  assert.throws(
    () => parseGroupingKey(toByteString(tail), options),
    (error) => isWaystationError(error, "GROUPING_KEY") && message.test(error.message),
    tail,
  );
}

// The tables are of what the Go Pushgateway 1.11 does, but for what stands under "differences".

test("a path names the job and pairs of label names and values", () => {
  accepts("job/a", { job: "a" });
  accepts("job/batch/instance/host-1:9100", { job: "batch", instance: "host-1:9100" });
  accepts("job/a/_foo/bar/_/x", { job: "a", _foo: "bar", _: "x" });
  accepts("job/a/quantile/0.5/le/1", { job: "a", quantile: "0.5", le: "1" });
  accepts("job/a/x/1/x/2", { job: "a", x: "2" });
  accepts("job/a/job/b", { job: "a" });
  accepts("job/a/job/", { job: "a" });
});

test("a trailing slash behind a name is an empty value, behind the job nothing", () => {
  accepts("job/a/", { job: "a" });
  accepts("job/a/x/", { job: "a", x: "" });
  accepts("job/a/x/1/y/", { job: "a", x: "1", y: "" });
});

test("a path is percent-decoded once, before it is split", () => {
  accepts("job/some%20job/instance/my%20host", { job: "some job", instance: "my host" });
  accepts("job/a%2Fx%2fy", { job: "a", x: "y" });
  accepts("job%2Fa", { job: "a" });
  accepts("job/a%252Fb", { job: "a%2Fb" });
  accepts("job/a%25b", { job: "a%b" });
  accepts("job/a+b/x/1+1", { job: "a+b", x: "1+1" });
  accepts("job/a%0Ab/x/%22q%22%5C", { job: "a\nb", x: '"q"\\' });
  accepts("job/%00/x/%7f", { job: "\0", x: "\x7f" });
  accepts("job/%2E/x/%2e%2e", { job: ".", x: ".." });
  accepts("job/a%c3%a4b", { job: "aäb" });
  accepts("job/aäb", { job: "aäb" });
  accepts("job/titan/name/%CE%A0%CF%81%CE%BF%CE%BC%CE%B7", { job: "titan", name: "Προμη" });
});

test("values may be spelled in URL-safe base64, loosely", () => {
  for (const value of ["dGVzdA", "dGVzdA=", "dGVzdA==", "dGVzdA=====", "dGV%0AzdA", "dGVz%0D%0AdB"]) {
    accepts(`job@base64/${value}`, { job: "test" });
    accepts(`job/a/x@base64/${value}`, { job: "a", x: "test" });
  }
  accepts("job@base64/YS9iL2M/instance/i", { job: "a/b/c", instance: "i" });
  accepts("job%40base64/dGVzdA/x%40base64/dGVzdA", { job: "test", x: "test" });
  accepts("job/a/path@base64/L3Zhci90bXA", { job: "a", path: "/var/tmp" });
  accepts("job/a/x@base64/w7_Dvg", { job: "a", x: "ÿþ" });
  accepts("job/a/first@base64/=/second/b", { job: "a", first: "", second: "b" });
  accepts("job/a/x@base64/", { job: "a", x: "" });
});

test("malformed paths are refused", () => {
  refuses("job/a/instance", /odd number of components in label string "\/instance"/);
  refuses("job/a/instance/b/", /odd number of components/);
  refuses("job/a/x/1/y", /odd number of components/);
  refuses("job/a//", /improper label name ""/);
  refuses("job/a%zz", /percent-encoding/);
  refuses("job/a%2", /percent-encoding/);
  refuses("job/", /job name is required/);
  refuses("job//instance/b", /job name is required/);
  refuses("job@base64/=", /job name is required/);
  refuses("job@base64/", /job name is required/);
  for (const tail of ["", "job", "/", "jobs/a", "instance/a", "Job/a", "job@base65/a", "job@base64@base64/YQ"]) {
    refuses(tail, /begins with job/);
  }
});

test("label names are those of Prometheus, and not reserved", () => {
  for (const name of ["", "1x", "x-y", "x.y", "x:y", " x", "ä", "@base64", "x@base64@base64", "x@BASE64"]) {
    refuses(`job/a/${encodeURIComponent(name)}/YQ`, /improper label name/);
  }
  for (const name of ["__name__", "__foo", "__", "__foo@base64"]) {
    refuses(`job/a/${name}/YQ`, /improper label name "__/);
    refuses(`job/a/${name}/YQ`, /improper label name "__/, UTF8);
  }
});

test("base64 that is none is refused", () => {
  for (const value of ["!!", "a+b_", "Pz8+", "foo.bar", "a", "abcde", "YQ=YQ", "dGV zdA"]) {
    refuses(`job@base64/${encodeURIComponent(value)}`, /invalid base64 encoding in job name/);
    refuses(`job/a/x@base64/${encodeURIComponent(value)}`, /invalid base64 encoding for label x=/);
  }
});

test("what is checked first is what the message is about", () => {
  refuses("job@base64/!/odd", /job name/);
  refuses("job@base64/=/odd", /odd number/);
  refuses("job@base64/=/1x/y", /improper label name/);
  refuses("job/a/1x@base64/!", /improper label name/);
});

test("differences: a value that is not UTF-8 is refused, and so is __ in any spelling", () => {
  refuses("job/%ff", /grouping label "job" is not valid UTF-8/);
  refuses("job/a/x/%c3", /grouping label "x" is not valid UTF-8/);
  refuses("job/a/x@base64/_w", /grouping label "x" is not valid UTF-8/);
  refuses("job/a/U______name____/x", /improper label name/, UTF8);
});

test("with UTF-8 names, names are anything, spelled as they are or in the U__ form", () => {
  const dotted = { job: "e", "foo.bar": "baz" };
  accepts("job/e/foo.bar/baz", dotted, UTF8);
  accepts("job/e/U__foo_2e_bar/baz", dotted, UTF8);
  accepts("job/e/U__foo_2E_bar@base64/YmF6", dotted, UTF8);
  accepts("job/e/U__foo_2e_bar/baz", { job: "e", U__foo_2e_bar: "baz" });
  accepts("job/e/%C3%BCber/x", { job: "e", über: "x" }, UTF8);
  accepts("job/e/U___fc_ber/x", { job: "e", über: "x" }, UTF8);
  accepts("job/e/U__a__b_5f_c/x", { job: "e", a_b_c: "x" }, UTF8);
  accepts("job/e/U__in_xxx_valid/y", { job: "e", U__in_xxx_valid: "y" }, UTF8);
  accepts("job/e/U__job/b", { job: "e" }, UTF8);
  accepts("job/e/a-b/y/1st/z", { job: "e", "a-b": "y", "1st": "z" }, UTF8);
  refuses("job/e//x", /improper label name ""/, UTF8);
  refuses("job/e/%ff/x", /improper label name/, UTF8);
});

test("a key made of strings is checked like one from a path", () => {
  assert.deepEqual(labelsOf(groupingKey({ zone: "ä", job: "j", instance: "" })), [
    ["instance", ""],
    ["job", "j"],
    ["zone", "ä"],
  ]);
  for (const labels of [{}, { job: "" }, { instance: "a" }, { job: "a", "b.c": "d" }, { job: "a", __b: "c" }] as Record<
    string,
    string
  >[]) {
    assert.throws(
      () => groupingKey(labels),
      (error) => isWaystationError(error, "GROUPING_KEY"),
    );
  }
  assert.equal(describeGroupingKey(groupingKey({ job: 'a"ü\\\n' })), '{job="a\\"ü\\\\\\n"}');
});

test("time metrics have the grouping labels, and an instance", () => {
  const names = (labels: Record<string, string>) => timeLabels(groupingKey(labels)).map(({ name }) => name);
  assert.deepEqual(names({ job: "a" }), ["instance", "job"]);
  assert.deepEqual(names({ job: "a", instance: "b" }), ["instance", "job"]);
  assert.deepEqual(names({ job: "a", a: "", z: "" }), ["a", "instance", "job", "z"]);
});

const anyText = fc.string({ unit: "binary", maxLength: 6 });
const anyName = anyText.filter((name) => name !== "" && !name.startsWith("__") && name.isWellFormed());
const anyValue = anyText.filter((value) => value.isWellFormed());
const anyLabels = fc
  .tuple(fc.dictionary(anyName, anyValue, { maxKeys: 4 }), anyValue.filter(Boolean))
  .map(([labels, job]): Record<string, string> => ({ ...labels, job }));

type Spelling = readonly [base64: boolean, encodeAll: boolean, escapeName: boolean, padding: number];
const spelling: fc.Arbitrary<Spelling> = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.nat(3));

/** A slash needs the U__ form, which has room for five digits. */
const isSpellable = (name: string) =>
  !name.includes("/") || [...name].every((character) => character.codePointAt(0)! <= 0xfffff);

const percent = (text: string, all: boolean) =>
  all
    ? [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
    : toByteString(text).replaceAll("%", "%25");

/** A value as a path segment; what has a slash in it needs base64. */
function spell(name: string, value: string, [base64, encodeAll, escapeName, padding]: Spelling): string {
  const escaped = [...name].map((character) => `_${character.codePointAt(0)!.toString(16)}_`);
  const inForm = (escapeName && escaped.every((form) => form.length < 8)) || name.includes("/");
  const label = name === "job" ? name : inForm ? `U__${escaped.join("")}` : name;
  if (!base64 && !value.includes("/")) return `${percent(label, encodeAll)}/${percent(value, encodeAll)}`;
  const digits = Buffer.from(value).toString("base64url") + "=".repeat(padding);
  return `${percent(`${label}@base64`, encodeAll)}/${digits}`;
}

test("the same labels are the same key, in any order and spelling", () => {
  // A name with `@base64` at its end, or in the U__ form, means something else as it stands.
  const plain = (name: string) => !name.endsWith("@base64") && !name.startsWith("U__") && isSpellable(name);
  const labels = anyLabels.filter((pairs) => Object.keys(pairs).every((name) => plain(name)));
  const property = fc.property(
    labels,
    fc.infiniteStream(spelling),
    fc.infiniteStream(fc.nat()),
    (pairs, spellings, ranks) => {
      const key = groupingKey(pairs, UTF8);
      const others = Object.entries(pairs)
        .filter(([name]) => name !== "job")
        .map((pair) => ({ pair, rank: ranks.next().value }))
        .toSorted((a, b) => a.rank - b.rank);
      const path = [["job", pairs["job"]!] as const, ...others.map(({ pair }) => pair)]
        .map(([name, value]) => spell(name, value, spellings.next().value))
        .join("/");
      assert.deepEqual(parseGroupingKey(path, UTF8), key);
      assert.deepEqual(groupingKeyFromId(key.id), key);
      assert.deepEqual(Object.fromEntries(labelsOf(key)), { ...pairs });
    },
  );
  fc.assert(property);
});

test("different labels are different keys", () => {
  const property = fc.property(anyLabels, anyLabels, (a, b) => {
    const equal = JSON.stringify(Object.entries(a).toSorted()) === JSON.stringify(Object.entries(b).toSorted());
    assert.equal(groupingKey(a, UTF8).id === groupingKey(b, UTF8).id, equal);
    assert.equal(compareGroupingKeys(groupingKey(a, UTF8), groupingKey(b, UTF8)) === 0, equal);
  });
  fc.assert(property);
});

test("keys are ordered by number of labels, then values in the order of names, then names", () => {
  const inOrder: Record<string, string>[] = [
    { job: "a" },
    { job: "b" },
    { job: "\u{1f600}" },
    { job: "z", instance: "" },
    { job: "a", x: "" },
    { job: "a", x: "a" },
    { job: "a", xx: "a" },
    { job: "a", y: "a" },
    { job: "b", a: "b" },
    // Bytes, not UTF-16 units: an emoji comes after the last character of the basic plane.
    { job: "c", a: "\uffff" },
    { job: "b", a: "\u{1f600}" },
    { job: "a", x: "", y: "" },
  ];
  const keys = inOrder.map((labels) => groupingKey(labels));
  const ids = keys.map(({ id }) => id);
  assert.deepEqual(
    keys
      .toReversed()
      .toSorted(compareGroupingKeys)
      .map(({ id }) => id),
    ids,
  );
});

test("the order of keys is total", () => {
  const few = fc.constantFrom("", "a", "b", "é", "\u{1f600}");
  const keys = fc
    .record({ job: few.filter(Boolean) }, { requiredKeys: ["job"] })
    .chain((base) =>
      fc.dictionary(fc.constantFrom("a", "instance", "z"), few).map((labels) => groupingKey({ ...labels, ...base })),
    );
  const property = fc.property(keys, keys, keys, (a, b, c) => {
    assert.equal(Math.sign(compareGroupingKeys(a, b)) + Math.sign(compareGroupingKeys(b, a)), 0);
    if (compareGroupingKeys(a, b) <= 0 && compareGroupingKeys(b, c) <= 0) assert.ok(compareGroupingKeys(a, c) <= 0);
  });
  fc.assert(property, { numRuns: 300 });
});

test("ids of keys with the same names have the order of the keys", () => {
  const value = fc.string({ unit: fc.constantFrom("a", "b", "", "é", "\u{1f600}"), maxLength: 4 });
  const names = fc.uniqueArray(fc.constantFrom("a", "instance", "z"));
  const property = fc.property(names, fc.array(value, { minLength: 8, maxLength: 8 }), (names, values) => {
    const [a, b] = [0, 4].map((from) =>
      groupingKey({
        ...Object.fromEntries(names.map((name, i) => [name, values[from + i]!])),
        job: `a${values[from + 3]!}`,
      }),
    );
    assert.equal(Math.sign(compareSiblingIds(a!.id, b!.id)), compareGroupingKeys(a!, b!));
  });
  fc.assert(property, { numRuns: 1_000 });
});

test("property: a path is read alike by the short way and, with one byte of it escaped, by the long one", () => {
  const name = fc.oneof(
    fc.constantFrom("job", "instance", "a", "b", "_c", "U__d", "__e", "9", "", "f@base64", "zone"),
    fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,4}$/),
  );
  const value = fc.oneof(fc.constantFrom("", "YQ", "x.y", "a b", "-", "=", "@"), fc.stringMatching(/^[^%]{0,5}$/));
  const outcome = (tail: string, options: GroupingKeyOptions): unknown => {
    try {
      return parseGroupingKey(tail, options);
    } catch (error) {
      assert.ok(isWaystationError(error, "GROUPING_KEY"));
      return error.message;
    }
  };
  const property = fc.property(
    value,
    fc.array(fc.tuple(name, value), { maxLength: 5 }),
    fc.boolean(),
    (job, pairs, utf8Names) => {
      const rest = pairs.map(([label, of]) => `/${label}/${of}`).join("");
      assert.deepEqual(outcome(`job/${job}${rest}`, { utf8Names }), outcome(`%6Aob/${job}${rest}`, { utf8Names }));
    },
  );
  fc.assert(property, { numRuns: 2_000 });
});

test("a path with as many labels as fit into a head is read in any order of them", () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `l${100_000 + i}`);
  const tail = (list: readonly string[]): string => `job/a${list.map((name) => `/${name}/v`).join("")}`;
  const key = parseGroupingKey(tail(names.toReversed()));
  assert.deepEqual(
    key.labels.map(({ name }) => name),
    ["job", ...names],
  );
  assert.deepEqual(key, parseGroupingKey(tail(names)));
});
