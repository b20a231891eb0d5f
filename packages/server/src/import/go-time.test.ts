import assert from "node:assert/strict";
import { test } from "node:test";
import { isWaystationError } from "@waystation/core";
import { GO_ZERO_TIME, parseGoTimestamp, readGoTime } from "./go-time.ts";

const read = (hex: string) => readGoTime({ bytes: Buffer.from(hex.replaceAll(" ", ""), "hex"), offset: 1000 });

test("the binary form of times, with or without seconds in the zone", () => {
  assert.equal(read("01 0000000e7791f700 00000000 ffff"), 0n);
  assert.equal(read("01 0000000e7791f701 1dcd6501 003c"), 1_500_000_001n);
  assert.equal(read("02 0000000e7791f6ff 3b9ac9ff 003c 1e"), -1n);
  assert.equal(read("01 0000000000000000 00000000 ffff"), GO_ZERO_TIME);
});

test("what is no time is refused, with the byte", () => {
  const cases: [hex: string, message: RegExp][] = [
    ["", /version undefined in 0 bytes \(byte 1000\)/],
    ["03 0000000e7791f700 00000000 ffff", /version 3 in 15 bytes \(byte 1000\)/],
    ["01 0000000e7791f700 00000000 ff", /version 1 in 14 bytes \(byte 1000\)/],
    ["02 0000000e7791f700 00000000 ffff", /version 2 in 15 bytes \(byte 1000\)/],
    ["01 0000000e7791f700 3b9aca00 ffff", /1000000000 nanoseconds \(byte 1009\)/],
    ["01 0000000e7791f700 ffffffff ffff", /-1 nanoseconds \(byte 1009\)/],
  ];
  for (const [hex, message] of cases) {
    assert.throws(
      () => read(hex),
      (error) => isWaystationError(error, "CORRUPT") && message.test(error.message),
      hex,
    );
  }
});

test("times in JSON keep their nanoseconds", () => {
  const cases: [text: string, time: bigint | undefined][] = [
    ["1970-01-01T00:00:00Z", 0n],
    ["2026-11-20T05:58:31.602404552Z", 1_795_154_311_602_404_552n],
    ["2026-11-20T07:58:31.6+02:00", 1_795_154_311_600_000_000n],
    ["1969-12-31T23:59:59.999999999Z", -1n],
    ["0001-01-01T00:00:00Z", GO_ZERO_TIME],
    ["2026-11-20T05:58:31.602404552", undefined],
    ["2026-13-20T05:58:31Z", undefined],
    ["yesterday", undefined],
  ];
  for (const [text, time] of cases) assert.equal(parseGoTimestamp(text), time, text);
});
