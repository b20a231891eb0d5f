import assert from "node:assert/strict";
import { test } from "node:test";
import { isWaystationError } from "@waystation/core";
import { describeTarget, parseRedisUrl } from "./redis-url.ts";

const accepted: Readonly<Record<string, [target: object, settings?: object]>> = {
  "redis://localhost": [{ mode: "standalone", hosts: [{ host: "localhost", port: 6379 }], db: 0 }],
  "redis://10.0.0.1:7000/3": [{ mode: "standalone", hosts: [{ host: "10.0.0.1", port: 7000 }], db: 3 }],
  "redis://[::1]:7000": [{ mode: "standalone", hosts: [{ host: "::1", port: 7000 }], db: 0 }],
  "redis://h?db=2": [{ mode: "standalone", hosts: [{ host: "h", port: 6379 }], db: 2 }],
  "redis://:s%40cret%2F@h": [{ mode: "standalone", hosts: [{ host: "h", port: 6379 }], db: 0, password: "s@cret/" }],
  "redis://me:pass:word@h": [
    { mode: "standalone", hosts: [{ host: "h", port: 6379 }], db: 0, username: "me", password: "pass:word" },
  ],
  "rediss://h": [{ mode: "standalone", hosts: [{ host: "h", port: 6379 }], db: 0, tls: {} }],
  "rediss://h?ca=/etc/ca.pem&cert=c.pem&key=k.pem&servername=redis.example": [
    {
      mode: "standalone",
      hosts: [{ host: "h", port: 6379 }],
      db: 0,
      tls: { ca: "/etc/ca.pem", cert: "c.pem", key: "k.pem", servername: "redis.example" },
    },
  ],
  "redis+sentinel://a:1,b,[::2]:3/main?db=1&sentinel-user=u&sentinel-password=p": [
    {
      mode: "sentinel",
      hosts: [
        { host: "a", port: 1 },
        { host: "b", port: 26379 },
        { host: "::2", port: 3 },
      ],
      master: "main",
      db: 1,
      sentinelUsername: "u",
      sentinelPassword: "p",
    },
  ],
  "rediss+cluster://:p@a,b:7001?prefix=ws": [
    {
      mode: "cluster",
      hosts: [
        { host: "a", port: 6379 },
        { host: "b", port: 7001 },
      ],
      db: 0,
      password: "p",
      tls: {},
    },
    { prefix: "ws" },
  ],
  "redis://h?prefix=team/a&timeout=2s&connect-timeout=700ms&wait-timeout=50&restart-grace=1s&protocol=2&wait=2": [
    { mode: "standalone", hosts: [{ host: "h", port: 6379 }], db: 0 },
    { prefix: "team/a", timeout: 2000, connectTimeout: 700, waitTimeout: 50, restartGrace: 1000, protocol: 2, wait: 2 },
  ],
  "redis://h?waitaof=1,2": [
    { mode: "standalone", hosts: [{ host: "h", port: 6379 }], db: 0 },
    { waitaof: { local: 1, replicas: 2 } },
  ],
};

for (const [url, [target, settings = {}]] of Object.entries(accepted)) {
  test(`accepts ${url}`, () => assert.deepEqual(parseRedisUrl(url), { target, settings }));
}

/** Each holds the word `hunter2` where a password may be, and the message must say what the pattern asks for. */
const rejected: Readonly<Record<string, RegExp>> = {
  "http://:hunter2@h": /not the URL of a Redis journal/,
  "redis:hunter2": /not the URL of a Redis journal/,
  "redis://": /host:port/,
  "redis://hunter2:x:y": /host:port/,
  "redis://user:hunter2": /host:port/,
  "redis://h:99999": /host:port/,
  "redis://hunter2@h": /a user but no password/,
  "redis://:hunter2@@h": /percent-encode/,
  "redis://:hunter2/x@h": /percent-encode/,
  "redis://:hunter2?x@h": /percent-encode/,
  "redis://:hunter2%zz@h": /percent sign/,
  "redis://h/hunter2": /number of a database/,
  "redis://h/1?db=1": /twice/,
  "redis://a,b": /several hosts/,
  "redis+sentinel://a,b": /name the primary/,
  "redis+cluster://a/1": /database 0 only/,
  "redis://h?ca=x": /write rediss/,
  "rediss://h?cert=x": /needs both/,
  "redis://h?pool=5": /unknown option pool: known are .*prefix/,
  "redis://h?prefix": /without a value/,
  "redis://h?prefix=a&prefix=b": /twice/,
  "redis://h?timeout=soon": /duration such as/,
  "redis://h?wait=-1": /not a number/,
  "redis://h?waitaof=2": /waitaof=1,1/,
  "redis://h?protocol=4": /2 or 3/,
  "redis://h#hunter2": /not the URL of a Redis journal/,
};

for (const [url, reason] of Object.entries(rejected)) {
  test(`rejects ${url}`, () => {
    assert.throws(
      () => parseRedisUrl(url),
      (error) => {
        assert(isWaystationError(error, "CONFIG"), String(error));
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
}

test("a target is described without credentials", () => {
  const cases = {
    "redis://me:hunter2@h/1": "redis://h:6379/1",
    "rediss+sentinel://me:hunter2@[::1],b:1/main?sentinel-password=hunter2": "rediss+sentinel://[::1]:26379,b:1/main",
    "redis+cluster://:hunter2@a": "redis+cluster://a:6379/0",
  };
  for (const [url, description] of Object.entries(cases)) {
    assert.equal(describeTarget(parseRedisUrl(url).target), description);
  }
});
