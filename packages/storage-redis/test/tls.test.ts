import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { ORIGIN } from "@waystation/core";
import { RedisJournal } from "../src/index.ts";
import { skipRedis } from "./find-redis.ts";
import { append, openJournal, readAll, rejectsWith, startRedis } from "./kit.ts";
import { findProgram, freePort } from "./redis-process.ts";

const run = promisify(execFile);

/** Files of a certificate authority, and of a server and a client that it has signed; removed with the test. */
async function certificates(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "waystation-tls-"));
  t.after(() => rm(folder, { recursive: true }));
  const openssl = findProgram("openssl");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const file = (name: string) => join(folder, name);
  await run(openssl, [
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=authority",
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
  ]);
  const signed = ["-CA", file("ca.pem"), "-CAkey", file("ca.key")];
  for (const [name, names] of [
    ["server", "IP:127.0.0.1,DNS:redis.example"],
    ["client", "DNS:gateway.example"],
  ]) {
    const out = ["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`)];
    await run(openssl, [
      "req",
      "-x509",
      ...signed,
      ...key,
      "-subj",
      `/CN=${name}`,
      "-addext",
      `subjectAltName=${names}`,
      ...out,
    ]);
  }
  return { ca: file("ca.pem"), file };
}

suite("TLS", { skip: skipRedis }, () => {
  test("with an authority, a client certificate and a password", async (t) => {
    const { ca, file } = await certificates(t);
    const port = await freePort();
    const files = [
      "--tls-cert-file",
      file("server.pem"),
      "--tls-key-file",
      file("server.key"),
      "--tls-ca-cert-file",
      ca,
    ];
    await startRedis(t, "--tls-port", String(port), ...files, "--requirepass", "hunter2");
    const url = `rediss://:hunter2@127.0.0.1:${port}?timeout=1s&ca=${ca}`;
    const own = `&cert=${file("client.pem")}&key=${file("client.key")}`;

    const journal = await openJournal(t, { url: url + own });
    await append(journal, ORIGIN, "encrypted");
    const renamed = await openJournal(t, { url: `${url}${own}&servername=redis.example` });
    assert.equal((await readAll(renamed)).length, 1);

    const failures: Readonly<Record<string, RegExp>> = {
      [url]: /certificate required|closed|alert|ECONNRESET|EPIPE/,
      [`${url}${own}&servername=other.example`]: /other\.example/,
      [`rediss://:hunter2@127.0.0.1:${port}?timeout=1s`]: /certificate|self-signed/,
      [`redis://:hunter2@127.0.0.1:${port}?timeout=1s`]: /closed|ECONNRESET|no connection/,
    };
    for (const [wrong, reason] of Object.entries(failures)) {
      const refused = new RedisJournal({ url: wrong, timeout: 400, connectTimeout: 300 });
      t.after(() => refused.close());
      const error = await rejectsWith(refused.open(), "UNAVAILABLE");
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /hunter2/);
    }
  });
});
