import fc from "fast-check";
import { del, post, put, type Step, send } from "../case.ts";

/**
 * Random sequences of requests over few names, values and groups, so that they often meet: in types, in series, in families named like
 * parts of histograms. Not generated is where the two gateways differ on purpose (`docs/differences.md`).
 */
const group = fc
  .record({
    job: fc.constantFrom("a", "b"),
    labels: fc.constantFrom(
      "",
      "/x/1",
      "/x/2",
      "/y/1",
      "/x/1/y/1",
      "/y/2/x/1",
      "/instance/i",
      "/x@base64/MQ",
      "/x@base64/=",
    ),
  })
  .map(({ job, labels }) => `/metrics/job/${job}${labels}`);

const value = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -3, max: 2_000_000 }).map(String) },
  { weight: 2, arbitrary: fc.double().map((number) => String(number).replace("Infinity", "Inf")) },
  { weight: 1, arbitrary: fc.constantFrom("NaN", "-0", "1e6", "+Inf", ".5", "1e-7", "x", "", "1 5") },
);

const labels = fc.constantFrom(
  "",
  '{x="1"}',
  '{x="2"}',
  '{y="1"}',
  '{x="1",y="2"}',
  '{y="2",x="1"}',
  '{instance="j"}',
  '{x=""}',
  '{job="z"}',
  '{z="\\"\\n"}',
);

/** Always the same for a name: of several help texts the Go Pushgateway shows one at random. */
const helpOf = (name: string) => (name === "m" || name === "h" ? `# HELP ${name} Some \\n help.\n` : "");

const simpleFamily = fc
  .record({
    name: fc.constantFrom("m", "n", "m_sum", "m_count", "m_bucket", "M"),
    type: fc.constantFrom("", "gauge", "counter", "untyped"),
    samples: fc.array(fc.tuple(labels, value), { minLength: 1, maxLength: 3 }),
  })
  .map(({ name, type, samples }) => {
    const typeLine = type === "" ? "" : `# TYPE ${name} ${type}\n`;
    // After a histogram this is a second count, and a difference on purpose if only one of the two is an integer.
    const isCount = name === "m_count" && type === "";
    return helpOf(name) + typeLine + samples.map(([of, number]) => `${name}${of} ${isCount ? "3" : number}\n`).join("");
  });

const withLabel = (of: string, name: string, number: string) =>
  of === "" ? `{${name}="${number}"}` : `${of.slice(0, -1)},${name}="${number}"}`;

const histogram = fc
  .record({ name: fc.constantFrom("m", "h"), of: labels, counts: fc.array(fc.nat(20), { maxLength: 3 }), sum: value })
  .map(({ name, of, counts, sum }) => {
    const buckets = counts.map((count, at) => `${name}_bucket${withLabel(of, "le", String(at))} ${count}\n`);
    return `${helpOf(name)}# TYPE ${name} histogram\n${buckets.join("")}${name}_sum${of} ${sum}\n${name}_count${of} ${counts.at(-1) ?? 0}\n`;
  });

const summary = fc
  .record({
    name: fc.constantFrom("m", "s"),
    of: labels,
    quantiles: fc.array(value, { maxLength: 2 }),
    count: fc.nat(9),
  })
  .map(({ name, of, quantiles, count }) => {
    const lines = quantiles.map((number, at) => `${name}${withLabel(of, "quantile", `0.${at + 1}`)} ${number}\n`);
    return `${helpOf(name)}# TYPE ${name} summary\n${lines.join("")}${name}_sum${of} 1\n${name}_count${of} ${count}\n`;
  });

const body = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: simpleFamily },
      { weight: 2, arbitrary: histogram },
      { weight: 2, arbitrary: summary },
    ),
    {
      maxLength: 3,
    },
  )
  .map((families) => families.join(""));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(group, body).map(([target, content]) => put(target, content)) },
  { weight: 5, arbitrary: fc.tuple(group, body).map(([target, content]) => post(target, content)) },
  { weight: 3, arbitrary: group.map((target) => del(target)) },
  { weight: 1, arbitrary: fc.constant(send("PUT", "/api/v1/admin/wipe")) },
);

export const sequences: fc.Arbitrary<Step[]> = fc.array(step, { minLength: 1, maxLength: 12 });
