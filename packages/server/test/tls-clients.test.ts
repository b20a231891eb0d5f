/** TLS and passwords of the web config file, as `openssl s_client` and `curl` find them. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hashSync } from "@node-rs/bcrypt";
import { findProgram, type ProgramResult, runProgram } from "../../../test/support/programs.ts";
import { Authority, type Issued } from "./support/certificates.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const missing = ["openssl", "curl"].filter((name) => findProgram(name) === undefined);
const folder = mkdtempSync(path.join(tmpdir(), "waystation-tls-"));
after(() => rmSync(folder, { recursive: true }));

describe("real clients", { skip: missing.length > 0 && `there is no ${missing.join(" and no ")}` }, () => {
  let authority: Authority;
  let valid: Issued;
  before(() => {
    authority = new Authority(path.join(folder, "authority"));
    valid = authority.issue("server");
  });

  let files = 0;
  const start = (text: string): Promise<TestServer> => {
    const file = path.join(folder, `web-${files++}.yml`);
    writeFileSync(file, text);
    return startTestServer({ "web.config.file": file });
  };
  const tls = ({ cert, key }: Issued, more = ""): string =>
    `tls_server_config:\n  cert_file: ${cert}\n  key_file: ${key}\n${more}`;

  const curl = (server: TestServer, target: string, ...args: string[]): Promise<ProgramResult> =>
    runProgram("curl", [
      "-sS",
      "--max-time",
      "20",
      "--cacert",
      authority.cert,
      ...args,
      `https://127.0.0.1:${server.port}${target}`,
    ]);
  /** What the handshake came to, and the answer to a request. */
  const sClient = (server: TestServer, ...args: string[]): Promise<ProgramResult> =>
    runProgram(
      "openssl",
      [
        "s_client",
        "-connect",
        `127.0.0.1:${server.port}`,
        "-CAfile",
        authority.cert,
        "-verify_return_error",
        "-brief",
        "-ign_eof",
        ...args,
      ],
      { input: "GET /-/ready HTTP/1.0\r\n\r\n" },
    );
  const isServed = ({ code, stdout }: ProgramResult): boolean => code === 0 && stdout.startsWith("HTTP/1.1 200 OK");

  test("a client certificate that has expired, or is not valid yet, is refused", async () => {
    const policy = `  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ${authority.cert}\n`;
    const server = await start(tls(valid, policy));
    const names = "DNS:client.test";
    const clients: readonly [string, Issued, boolean][] = [
      ["valid", authority.issue("valid", { names }), true],
      ["expired", authority.issue("expired", { names, from: 2020, to: 2021 }), false],
      ["not valid yet", authority.issue("early", { names, from: 2110 }), false],
      ["of another authority", new Authority(path.join(folder, "other")).issue("stranger", { names }), false],
    ];
    for (const [what, { cert, key }, accepted] of clients) {
      const byCurl = await curl(server, "/-/ready", "--cert", cert, "--key", key);
      assert.equal(byCurl.code === 0, accepted, `${what}: ${byCurl.stderr}`);
      assert.equal(isServed(await sClient(server, "-cert", cert, "-key", key)), accepted, what);
    }
    assert.notEqual((await curl(server, "/-/ready")).code, 0, "without a certificate");
    assert.ok(server.logLines.some((line) => /connection refused.*CERT_HAS_EXPIRED/.test(line)));
  });

  test("curl sees that the server's certificate has expired", async () => {
    const server = await start(tls(authority.issue("server", { from: 2020, to: 2021 })));
    const { code, stderr } = await curl(server, "/-/ready");
    assert.equal(code, 60, "curl's code for a certificate that cannot be verified");
    assert.match(stderr, /expired/);
    assert.match((await sClient(server)).stderr, /certificate has expired/);
  });

  test("old versions are refused, unless min_version lets them in", async () => {
    // At its usual security level the client would not even offer these.
    const oldest = ["-cipher", "DEFAULT:@SECLEVEL=0"];
    const spoken = async (server: TestServer): Promise<string> => {
      const versions: string[] = [];
      for (const version of ["tls1", "tls1_1", "tls1_2", "tls1_3"]) {
        if (isServed(await sClient(server, `-${version}`, ...oldest))) versions.push(version);
      }
      return versions.join(" ");
    };
    for (const [setting, versions] of [
      ["", "tls1_2 tls1_3"],
      ["  min_version: TLS13\n", "tls1_3"],
      ["  min_version: TLS11\n", "tls1_1 tls1_2 tls1_3"],
      ["  min_version: TLS10\n  max_version: TLS12\n", "tls1 tls1_1 tls1_2"],
    ] as const) {
      assert.equal(await spoken(await start(tls(valid, setting))), versions, setting);
    }
    const refused = await sClient(await start(tls(valid)), "-tls1_1", ...oldest);
    assert.match(refused.stderr, /alert protocol version/);
  });

  test("weak ciphers are refused, whatever the certificate", async () => {
    const ciphers: readonly [string, "rsa" | "ec", boolean][] = [
      ["ECDHE-RSA-AES128-GCM-SHA256", "rsa", true],
      ["ECDHE-RSA-AES256-SHA", "rsa", true],
      ["ECDHE-ECDSA-CHACHA20-POLY1305", "ec", true],
      // Without forward secrecy, without encryption, without authentication.
      ["AES128-GCM-SHA256", "rsa", false],
      ["AES256-SHA", "rsa", false],
      ["NULL-SHA256", "rsa", false],
      ["ECDHE-ECDSA-NULL-SHA", "ec", false],
      ["AECDH-AES128-SHA", "ec", false],
    ];
    const servers = { rsa: await start(tls(authority.issue("rsa", { key: "rsa" }))), ec: await start(tls(valid)) };
    const narrow = await start(tls(valid, "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"));
    const by = (server: TestServer, cipher: string) => sClient(server, "-tls1_2", "-cipher", `${cipher}:@SECLEVEL=0`);
    for (const [cipher, kind, accepted] of ciphers) {
      const result = await by(servers[kind], cipher);
      assert.equal(isServed(result), accepted, `${cipher}: ${result.stderr}`);
      if (!accepted) assert.match(result.stderr, /alert handshake failure/, "the server refused, not the client");
    }
    assert.ok(isServed(await by(narrow, "ECDHE-ECDSA-AES256-GCM-SHA384")));
    assert.ok(!isServed(await by(narrow, "ECDHE-ECDSA-AES128-GCM-SHA256")));
    // Its own order counts: authenticated encryption is taken although the client would rather have something else.
    const { stderr } = await by(servers.ec, "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256");
    assert.match(stderr, /Ciphersuite: ECDHE-ECDSA-AES128-GCM-SHA256/);
  });

  test("plain HTTP on the TLS port is closed at once, and others are served on", async () => {
    const server = await start(tls(valid));
    const started = performance.now();
    const { code, stdout, stderr } = await runProgram("curl", [
      "-sS",
      "--max-time",
      "20",
      `http://127.0.0.1:${server.port}/metrics`,
    ]);
    assert.ok(code === 52 || code === 56, `curl's codes for an empty answer and for a reset, not ${code}: ${stderr}`);
    assert.equal(stdout, "");
    assert.ok(performance.now() - started < 10_000);
    assert.equal((await curl(server, "/-/ready")).code, 0);
    assert.ok(server.logLines.some((line) => /level=debug.*TLS handshake failed/.test(line)));
    assert.ok(server.logLines.every((line) => !line.includes("level=error")));
  });

  test("curl speaks HTTP/2 and HTTP/1.1, and pushes by both", async () => {
    const server = await start(tls(valid));
    for (const [flag, version] of [
      ["--http2", "2"],
      ["--http1.1", "1.1"],
    ] as const) {
      const shown = ["-o", path.join(folder, "answer"), "-w", "%{http_version} %{http_code}"];
      const push = await curl(server, `/metrics/job/v${version[0]}`, flag, ...shown, "--data-binary", "a 1\n");
      assert.equal(push.stdout, `${version} 200`, push.stderr);
      const { stdout } = await curl(server, "/metrics?collect[]=pushed", "--globoff", flag, "--compressed");
      assert.match(stdout, new RegExp(`^a\\{instance="",job="v${version[0]}"\\} 1$`, "m"));
    }
  });

  test("curl gets 401 for wrong passwords, with what it needs to know to send one", async () => {
    const server = await start(`${tls(valid)}basic_auth_users:\n  admin: ${hashSync("secret", { cost: 4 })}\n`);
    for (const version of ["--http2", "--http1.1"]) {
      for (const args of [
        [],
        ["-u", "admin:wrong"],
        ["-u", "nobody:secret"],
        ["-u", "admin:"],
        ["--oauth2-bearer", "secret"],
      ]) {
        const { stdout } = await curl(server, "/metrics", version, "-D", "-", ...args);
        assert.match(stdout, /^HTTP\/\S+ 401 .*^www-authenticate: Basic\r\n.*^Unauthorized$/ims, args.join(" "));
      }
      const right = ["-u", "admin:secret", "-o", path.join(folder, "answer"), "-w", "%{http_code}"];
      assert.equal((await curl(server, "/metrics", version, ...right)).stdout, "200");
      // Asks first, and goes by the answer.
      assert.equal((await curl(server, "/metrics", version, "--anyauth", ...right)).stdout, "200");
    }
    assert.ok(server.logLines.every((line) => !line.includes("secret")));
  });

  test("certificates are renewed under load: no request fails, and new connections get the new one", async (t) => {
    const used = { cert: path.join(folder, "used.pem"), key: path.join(folder, "used.key") };
    const put = (from: string, to: string): void => {
      copyFileSync(from, `${to}.new`);
      renameSync(`${to}.new`, to);
    };
    const pairs = Array.from({ length: 4 }, (_, i) => authority.issue(`renewed-${i}`));
    put(pairs[0]!.cert, used.cert);
    put(pairs[0]!.key, used.key);
    const server = await start(tls(used));
    const ca = readFileSync(authority.cert);

    let ended = false;
    let requests = 0;
    const failures: unknown[] = [];
    const running = async (push: () => Promise<number | undefined>): Promise<void> => {
      while (!ended) {
        const status = await push().catch((error: unknown) => error);
        if (status !== 200) failures.push(status);
        requests++;
        await sleep(2);
      }
    };
    const agent = new https.Agent({ keepAlive: true, ca, maxCachedSessions: 0 });
    const once = new https.Agent({ keepAlive: false, ca, maxCachedSessions: 0 });
    const sessions = Array.from({ length: 5 }, () => http2.connect(`https://127.0.0.1:${server.port}`, { ca }));
    const workers = [
      ...Array.from({ length: 20 }, (_, i) => running(() => pushBy(agent, server.port, `kept${i}`))),
      ...Array.from({ length: 3 }, (_, i) => running(() => pushBy(once, server.port, `once${i}`))),
      ...sessions.map((session, i) => running(() => pushBySession(session, `h2-${i}`))),
    ];

    for (const [i, pair] of pairs.entries()) {
      put(pair.cert, used.cert);
      // As a tool does it that knows of one file at a time: meanwhile the two do not fit.
      await sleep(50);
      put(pair.key, used.key);
      const { stderr } = await sClient(server);
      assert.match(stderr, new RegExp(`CN ?= ?renewed-${i}$`, "m"));
      await sleep(100);
    }
    // Cut off, as a tool leaves it that writes into the file itself.
    writeFileSync(used.cert, readFileSync(pairs[0]!.cert).subarray(0, 200));
    assert.ok(isServed(await sClient(server)));
    ended = true;
    await Promise.all(workers);
    for (const session of sessions) session.close();
    agent.destroy();
    assert.deepEqual(failures, []);
    const told = server.logLines.filter((line) => line.includes("the certificate before stays in use"));
    assert.ok(told.length > 0 && told.length <= pairs.length, told.join(""));
    t.diagnostic(`${requests} requests on 25 kept connections and on new ones, ${pairs.length} renewals, 0 failed`);
  });
});

function pushBy(agent: https.Agent, port: number, job: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const req = https.request({ agent, host: "127.0.0.1", port, method: "PUT", path: `/metrics/job/${job}` });
    req.on("response", (res) => res.resume().on("end", () => resolve(res.statusCode)));
    req.on("error", reject);
    req.end("a 1\n");
  });
}

function pushBySession(session: http2.ClientHttp2Session, job: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "PUT", ":path": `/metrics/job/${job}` });
    stream.on("response", (headers) => {
      stream.resume().on("end", () => resolve(headers[":status"]));
    });
    stream.on("error", reject);
    stream.end("a 1\n");
  });
}
