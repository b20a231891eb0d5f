import { test } from "node:test";
import { contractOn } from "./contract.ts";
import { findRedis, skipRedis } from "./find-redis.ts";

if (skipRedis) test("the journal contract on Redis", { skip: skipRedis });
else contractOn("redis journal", findRedis);
