import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { hashSync, verify } from "@node-rs/bcrypt";
import { type Credentials, PasswordChecker } from "./basic-auth.ts";

const credentials = (user: string, password: string): Credentials => ({ user, password: Buffer.from(password) });

test("who is no user is compared with the hash of one, always the same, and is never let in", async () => {
  const hashes = new Map(["a", "b", "c"].map((name, i) => [name, hashSync("secret", { cost: 4 + i })]));
  const compared: string[] = [];
  const checker = new PasswordChecker((password, hash, ...rest) => {
    compared.push(String(hash));
    return verify(password, hash, ...rest);
  });
  // Even with a password that fits the hash.
  for (const name of ["nobody", "__proto__", ""]) {
    compared.length = 0;
    for (const password of ["secret", "wrong", "other"]) {
      assert.equal(await checker.check(credentials(name, password), hashes), false, name);
    }
    assert.equal(compared.length, 3, "each is compared, as a user's would be");
    assert.ok([...hashes.values()].includes(compared[0]!));
    assert.equal(new Set(compared).size, 1);
  }
  compared.length = 0;
  for (const user of hashes.keys()) assert.equal(await checker.check(credentials(user, "wrong"), hashes), false);
  assert.deepEqual(compared, [...hashes.values()]);
  assert.equal(await checker.check(credentials("a", "secret"), hashes), true);
});

test("names that do not exist meet hashes of each cost about as often as there are such users", async () => {
  const hashes = new Map([
    ["a", hashSync("x", { cost: 4 })],
    ["b", hashSync("x", { cost: 5 })],
  ]);
  const met = new Map<string, number>();
  const checker = new PasswordChecker((_password, hash) => {
    met.set(String(hash), (met.get(String(hash)) ?? 0) + 1);
    return Promise.resolve(false);
  });
  for (let i = 0; i < 1_000; i++) await checker.check(credentials(`nobody-${i}`, "x"), hashes);
  // By a secret of the process; one in 10^9 would be outside by chance.
  for (const count of met.values()) assert.ok(count > 400 && count < 600, String(count));
});

test("what is known is not compared again, and a right password is no right one for others", async () => {
  let compared = 0;
  const hashes = new Map([["a", hashSync("secret", { cost: 4 })]]);
  const checker = new PasswordChecker((...all) => {
    compared++;
    return verify(...all);
  });
  for (let i = 0; i < 3; i++) {
    assert.equal(await checker.check(credentials("a", "secret"), hashes), true);
    assert.equal(await checker.check(credentials("nobody", "secret"), hashes), false);
    assert.equal(await checker.check(credentials("a", "wrong"), hashes), false);
  }
  assert.equal(compared, 3);
});

test("without users nothing is compared", async () => {
  const checker = new PasswordChecker(() => assert.fail("nothing to compare with"));
  assert.equal(await checker.check(credentials("a", "x"), new Map()), false);
});

/**
 * What an attacker measures is time, so this one test is about time. It compares the medians of many checks that take turns, on the
 * same thread pool in the same moments, so that whatever else the machine does hits both kinds alike; what it has to find is a whole
 * comparison that is missing, or is of another cost, and that is a factor of two and more.
 */
const timing = async (t: TestContext): Promise<void> => {
  const hashes = new Map([["admin", hashSync("secret", { cost: 8 })]]);
  const checker = new PasswordChecker();
  const known: number[] = [];
  const unknown: number[] = [];
  for (let i = 0; i < 400; i++) {
    for (const [user, times] of [
      ["admin", known],
      [`nobody-${i}`, unknown],
    ] as const) {
      const started = performance.now();
      assert.equal(await checker.check(credentials(user, `wrong-${i}`), hashes), false);
      times.push(performance.now() - started);
    }
  }
  const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length / 2]!;
  const [a, b] = [median(known), median(unknown)];
  t.diagnostic(`medians: known user ${a.toFixed(2)} ms, unknown user ${b.toFixed(2)} ms`);
  assert.ok(Math.abs(a - b) < 0.15 * Math.max(a, b), `${a} and ${b} ms`);
};
if (process.env["WAYSTATION_SOAK"] === "1") test("unknown users take as long as wrong passwords", timing);
