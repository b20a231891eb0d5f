import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import tls from "node:tls";
import { hashSync } from "@node-rs/bcrypt";
import { startTestServer, type TestServer } from "./support/server.ts";

const pem = (name: string): string => readFileSync(new URL(`fixtures/tls/${name}.pem`, import.meta.url), "utf8");
const pemFile = (name: string): string => new URL(`fixtures/tls/${name}.pem`, import.meta.url).pathname;
const hash = (password: string | Uint8Array): string => hashSync(password, { cost: 4 });
const basic = (user: string, password: string): { Authorization: string } => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

const directory = mkdtempSync(path.join(os.tmpdir(), "waystation-web-config-"));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

function webConfig(text: string): string {
  const file = path.join(directory, `web-${files++}.yml`);
  writeFileSync(file, text);
  return file;
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function start(text: string): Promise<TestServer> {
  return startTestServer({ "web.config.file": webConfig(text) });
}

test("with users, every path needs a password, and the right one opens it", async () => {
  const server = await start(`basic_auth_users:\n  admin: ${hash("secret")}\n  other: ${hash("pa:ss wörd")}\n`);
  for (const line of ["PUT /metrics/job/a", "GET /metrics", "GET /-/ready", "GET /nope", "PUT /metrics//job/a"]) {
    const answer = await server.request(line, { body: "m 1\n" });
    assert.equal(answer.status, 401, line);
    assert.equal(answer.text, "Unauthorized\n");
    assert.equal(answer.headers["www-authenticate"], "Basic");
  }
  for (const headers of [
    basic("admin", "nope"),
    basic("admin", ""),
    basic("nobody", "secret"),
    basic("", ""),
    { Authorization: "Basic %%%" },
    { Authorization: "Bearer secret" },
    { Authorization: `Basic ${Buffer.from("admin").toString("base64")}` },
  ]) {
    assert.equal((await server.request("GET /metrics", { headers })).status, 401, JSON.stringify(headers));
  }
  for (const headers of [basic("admin", "secret"), basic("other", "pa:ss wörd"), basic("admin", "secret")]) {
    assert.equal((await server.request("PUT /metrics/job/a", { body: "m 1\n", headers })).status, 200);
  }
  assert.ok(server.logLines.every((line) => !line.includes("secret")));
});

test("no two combinations of user and password are taken for each other", async () => {
  const server = await start(`basic_auth_users:\n  a: ${hash("b:c")}\n  "a:b": ${hash("x")}\n`);
  assert.equal((await server.request("GET /metrics", { headers: basic("a", "b:c") })).status, 200);
  for (const [user, password] of [
    ["a:b", "c"],
    ["ab", ":c"],
    ["a", "b:c\0"],
    ["", "a:b:c"],
  ] as const) {
    const expected = `${user}:${password}` === "a:b:c" ? 200 : 401;
    assert.equal((await server.request("GET /metrics", { headers: basic(user, password) })).status, expected, user);
  }
});

test("a changed file counts from the next request on, remembered passwords or not", async () => {
  const file = webConfig(`basic_auth_users:\n  admin: ${hash("old")}\n`);
  const server = await startTestServer({ "web.config.file": file });
  const status = async (password: string): Promise<number> =>
    (await server.request("GET /metrics", { headers: basic("admin", password) })).status;
  assert.equal(await status("old"), 200);
  replace(file, `basic_auth_users:\n  admin: ${hash("new")}\n`);
  assert.deepEqual([await status("old"), await status("new")], [401, 200]);
  replace(file, `basic_auth_users:\n  someone-else: ${hash("new")}\n`);
  assert.equal(await status("new"), 401);
  replace(file, "basic_auth_users: [\n");
  assert.equal(await status("new"), 500);
  rmSync(file);
  assert.equal(await status("new"), 500);
  replace(file, `basic_auth_users:\n  admin: ${hash("old")}\n`);
  assert.equal(await status("old"), 200);
});

test("health can be left open, and nothing else with it", async () => {
  const file = webConfig(`basic_auth_users:\n  admin: ${hash("secret")}\n`);
  const server = await startTestServer({
    "web.config.file": file,
    "web.health-without-auth": true,
    "web.route-prefix": "/pg",
  });
  for (const [line, status] of [
    ["GET /pg/-/healthy", 200],
    ["GET /pg/-/ready", 200],
    ["PUT /pg/-/ready", 401],
    ["GET /pg/-/ready/", 401],
    ["GET /pg/-/ready/../../metrics", 401],
    ["GET /pg/metrics", 401],
    ["GET /-/ready", 401],
  ] as const) {
    assert.equal((await server.request(line)).status, status, line);
  }
});

test("configured headers are on every answer", async () => {
  const server = await start(
    "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n    X-XSS-Protection: ''\n",
  );
  for (const line of ["PUT /metrics/job/a", "GET /metrics", "GET /nope", "PUT /metrics//job/a"]) {
    const { headers } = await server.request(line, { body: "m 1\n" });
    assert.equal(headers["x-frame-options"], "deny", line);
    assert.equal(headers["strict-transport-security"], "max-age=1");
    assert.equal(headers["x-xss-protection"], undefined);
  }
});

test("the rate limit lets a burst through and no more", async () => {
  const server = await start("rate_limit:\n  interval: 1h\n  burst: 3\n");
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await server.request("GET /-/ready")).status);
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
});

test("a file that is not right stops the start and says where", async () => {
  for (const [text, told] of [
    ["basic_auth_user:\n  a: b\n", /basic_auth_user: there is no such setting/],
    ["basic_auth_users:\n  a: plain\n", /basic_auth_users: the password of "a" is not a bcrypt hash/],
    ["basic_auth_users: text\n", /basic_auth_users: must be a mapping/],
    ["tls_server_config:\n  cert_file: x.pem\n", /missing one of key or key_file/],
    ["tls_server_config:\n  key: x\n", /missing one of cert or cert_file/],
    ["tls_server_config:\n  cert_file: gone.pem\n  key_file: gone.pem\n", /gone\.pem/],
    ["tls_server_config:\n  cert: x\n  key: y\n", /tls_server_config: /],
    ["tls_server_config:\n  min_version: SSL3\n", /min_version: "SSL3" is not one of TLS13/],
    ["tls_server_config:\n  cipher_suites: [TLS_NONE]\n", /cipher_suites: "TLS_NONE"/],
    [
      `tls_server_config:\n  cert_file: ${pemFile("server")}\n  key_file: ${pemFile("server.key")}\n  client_ca_file: x\n`,
      /client_auth_type/,
    ],
    ["http_server_config:\n  http2: maybe\n", /http2: must be true or false/],
    ["http_server_config:\n  headers:\n    Server: x\n", /"Server" cannot be configured/],
    ["http_server_config:\n  headers:\n    X-Frame-Options: allow\n", /X-Frame-Options: must be deny or sameorigin/],
    ["rate_limit:\n  interval: often\n", /invalid duration "often"/],
    ["a: 1\na: 2\n", /not valid YAML/],
    ["- a\n", /must be a mapping/],
  ] as const) {
    await assert.rejects(start(text), { code: "CONFIG", message: told }, text);
  }
  await assert.rejects(startTestServer({ "web.config.file": path.join(directory, "missing.yml") }), { code: "CONFIG" });
});

test("an empty file configures nothing", async () => {
  assert.equal((await (await start("")).request("GET /-/ready")).status, 200);
});

// What follows is about TLS.

const SERVER_TLS = `tls_server_config:\n  cert_file: ${pemFile("server")}\n  key_file: ${pemFile("server.key")}\n`;

function get(server: TestServer, options: https.RequestOptions = {}): Promise<{ status: number; peer: string }> {
  return new Promise((resolve, reject) => {
    const req = https.request({
      host: "127.0.0.1",
      port: server.port,
      path: "/-/ready",
      ca: pem("ca"),
      agent: false,
      ...options,
    });
    req.on("response", (res) => {
      const peer = (res.socket as tls.TLSSocket).getPeerCertificate().subject.CN as string;
      res.resume().on("end", () => resolve({ status: res.statusCode!, peer }));
    });
    req.on("error", reject);
    req.end();
  });
}

test("TLS is spoken, with HTTP/1.1 and HTTP/2", async () => {
  const server = await start(SERVER_TLS);
  assert.deepEqual(await get(server), { status: 200, peer: "server" });

  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca: pem("ca") });
  const stream = session.request({ ":method": "PUT", ":path": "/metrics/job/h2" });
  stream.end("m 1\n");
  const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
  assert.equal(headers[":status" as never], 200);
  const scrape = session.request({ ":path": "/metrics?collect[]=pushed" });
  let text = "";
  for await (const chunk of scrape.setEncoding("utf8")) text += chunk;
  assert.match(text, /^m{instance="",job="h2"} 1$/m);
  session.close();

  await assert.rejects(server.request("GET /-/ready"), { code: "ECONNRESET" });
});

test("stopping waits for a push over HTTP/2 that is under way, not for idle sessions", async () => {
  const server = await start(SERVER_TLS);
  const connect = () => http2.connect(`https://127.0.0.1:${server.port}`, { ca: pem("ca") });
  const idle = connect();
  const session = connect();
  await Promise.all([idle, session].map((each) => new Promise((resolve) => each.once("remoteSettings", resolve))));
  const stream = session.request({ ":method": "PUT", ":path": "/metrics/job/late" });
  const answered = new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
    stream.once("response", resolve).once("close", () => reject(new Error("cut off")));
  });
  stream.write("m");
  await new Promise((resolve) => session.ping(resolve));

  const idleClosed = new Promise((resolve) => idle.once("close", resolve));
  const stopped = server.stop();
  await idleClosed;
  stream.end(" 1\n");
  assert.equal((await answered)[":status"], 200);
  session.close();
  await stopped;
});

test("HTTP/2 can be switched off", async () => {
  const server = await start(`${SERVER_TLS}http_server_config:\n  http2: false\n`);
  assert.equal((await get(server)).status, 200);
  const socket = tls.connect({ port: server.port, ca: pem("ca"), ALPNProtocols: ["h2", "http/1.1"] });
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  assert.equal(socket.alpnProtocol, "http/1.1");
  socket.destroy();
});

test("a renewed certificate is used from the next connection on", async () => {
  const cert = path.join(directory, "cert.pem");
  const key = path.join(directory, "key.pem");
  replace(cert, pem("server"));
  replace(key, pem("server.key"));
  const server = await start(`tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n`);
  assert.equal((await get(server)).peer, "server");
  replace(cert, pem("other-server"));
  assert.equal((await get(server)).peer, "server", "as long as certificate and key do not fit");
  assert.ok(server.logLines.some((line) => /level=error.*the certificate before stays in use/.test(line)));
  replace(key, pem("other-server.key"));
  assert.equal((await get(server)).peer, "other-server");
});

test("client certificates are asked for, verified and matched as configured", async () => {
  const client = { cert: pem("client"), key: pem("client.key") };
  const stranger = { cert: pem("stranger"), key: pem("stranger.key") };
  const ca = `  client_ca_file: ${pemFile("ca")}\n`;
  for (const [policy, none, unknown, known] of [
    ["  client_auth_type: RequestClientCert\n", true, true, true],
    ["  client_auth_type: RequireAnyClientCert\n", false, true, true],
    [`  client_auth_type: VerifyClientCertIfGiven\n${ca}`, true, false, true],
    [`  client_auth_type: RequireAndVerifyClientCert\n${ca}`, false, false, true],
    [
      `  client_auth_type: RequireAndVerifyClientCert\n${ca}  client_allowed_sans: [other, client.test]\n`,
      false,
      false,
      true,
    ],
    [
      `  client_auth_type: RequireAndVerifyClientCert\n${ca}  client_allowed_sans: ["spiffe://test/client"]\n`,
      false,
      false,
      true,
    ],
    [`  client_auth_type: RequireAndVerifyClientCert\n${ca}  client_allowed_sans: [client]\n`, false, false, false],
  ] as const) {
    for (const http2Enabled of [true, false]) {
      const server = await start(`${SERVER_TLS}${policy}http_server_config:\n  http2: ${http2Enabled}\n`);
      for (const [who, options, accepted] of [
        ["nobody", {}, none],
        ["a stranger", stranger, unknown],
        ["a known client", client, known],
      ] as const) {
        const outcome = await get(server, options).then(
          ({ status }) => status === 200,
          () => false,
        );
        assert.equal(outcome, accepted, `${who} with ${policy}`);
      }
    }
  }
});

test("versions and ciphers can be narrowed", async () => {
  const server = await start(
    `${SERVER_TLS}  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n  curve_preferences: [CurveP384]\n`,
  );
  const connect = (options: tls.ConnectionOptions): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = tls.connect({ port: server.port, ca: pem("ca"), ...options }, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
        socket.destroy();
      });
      socket.once("error", reject);
    });
  assert.equal(await connect({}), "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384");
  await assert.rejects(connect({ minVersion: "TLSv1.3" }));
  await assert.rejects(connect({ ecdhCurve: "P-521" }));
});
