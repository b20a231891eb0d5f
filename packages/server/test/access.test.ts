import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { hashSync } from "@node-rs/bcrypt";
import { parseAccessRules } from "../src/access/access-rules.ts";
import { groupId } from "../src/api-v2/group-id.ts";
import type { FlagValues } from "../src/config/flags.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "access-"));
after(() => rmSync(folder, { recursive: true }));

const sha256 = (token: string): string => createHash("sha256").update(token).digest("hex");
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const basic = (user: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

const ROLES = ["push", "scrape", "read", "delete", "admin"] as const;
const RULES = `
tokens:
${ROLES.map((role) => `  t-${role}: { sha256: ${sha256(`token-${role}`)}, roles: [${role}] }`).join("\n")}
  scoped: { sha256: ${sha256("token-scoped")}, roles: [push, delete], job: "backup-*", labels: { team: "db" } }
users:
  alice: { password: "${hashSync("wonderland", { cost: 4 })}", roles: [read, push] }
  __proto__: { password: "${hashSync("chain", { cost: 4 })}", roles: [scrape] }
`;

function accessFile(rules: string): string {
  const file = path.join(mkdtempSync(path.join(folder, "f-")), "access.yml");
  writeFileSync(file, rules);
  return file;
}

function start(rules: string, flags: Partial<FlagValues> = {}): Promise<TestServer> {
  return startTestServer({
    "web.access-file": accessFile(rules),
    "web.enable-admin-api": true,
    "web.enable-lifecycle": true,
    ...flags,
  });
}

const server = await start(RULES);

type Role = (typeof ROLES)[number];
/** Whom a request is for, besides the admin. "known": whoever has any role. */
type Needs = Role | "known";

const DELETE_BODY = JSON.stringify({ selector: 'job="gone"' });
const GROUP = groupId({ id: "job\xffseen" });

/** Every route, also those that exist only to be refused. Bodies are such that nothing that others look at changes. */
const ROUTES: readonly [line: string, needs: Needs, body?: string, type?: string][] = [
  ["GET /metrics", "scrape"],
  ["GET /metrics?collect[]=self", "scrape"],
  ["PUT /metrics/job/table", "push", "a 1\n"],
  ["POST /metrics/job/table", "push", "a 1\n"],
  ["PUT /metrics/job@base64/dGFibGU", "push", "a 1\n"],
  // Spelled so that it goes by way of the router.
  ["PUT /metrics/job/table/x/%22", "push", "a 1\n"],
  ["PUT /metrics/job/table/x/ü".replace("ü", "%C3%BC"), "push", "a 1\n"],
  ["DELETE /metrics/job/table", "delete"],
  ["DELETE /metrics/job/table/x/%22", "delete"],
  ["GET /", "read"],
  ["GET /status", "read"],
  ["GET /static/none.js", "read"],
  ["GET /api/v1/status", "read"],
  ["GET /api/v1/metrics", "read"],
  ["OPTIONS /api/v1/metrics", "read"],
  ["PUT /api/v1/admin/wipe", "admin"],
  ["PUT /-/quit", "admin"],
  ["POST /-/quit", "admin"],
  ["GET /-/quit", "known"],
  ["GET /-/healthy", "known"],
  ["GET /-/ready", "known"],
  ["GET /nowhere", "known"],
  ["PUT /metrics", "known"],
  ["GET /api/v2/openapi.yaml", "read"],
  ["GET /api/v2/status", "read"],
  ["GET /api/v2/groups", "read"],
  [`GET /api/v2/groups/${GROUP}`, "read"],
  [`GET /api/v2/groups/${GROUP}/text`, "read"],
  ["POST /api/v2/check", "read", "a 1\n"],
  ["POST /api/v2/groups/delete", "delete", DELETE_BODY, "application/json"],
  [`DELETE /api/v2/groups/${GROUP}`, "delete"],
  [`DELETE /api/v2/groups/${GROUP}/families/a`, "delete"],
  ["DELETE /api/v2/groups/bm9uZQ", "delete"],
  ["GET /api/v2/nowhere", "read"],
];

test("each route lets in who has its role, and the admin, and nobody else", async (t) => {
  const cases = [
    ...ROLES.map((role) => [role, bearer(`token-${role}`)] as const),
    ["nobody", {}] as const,
    ["nobody", bearer("token-wrong")] as const,
    ["nobody", basic("alice", "wrong")] as const,
    ["nobody", basic("bob", "wonderland")] as const,
  ];
  for (const [line, needs, body, type] of ROUTES) {
    for (const [who, credentials] of cases) {
      // Stopping is for the test after this one.
      if (line.includes("/-/quit") && who === "admin") continue;
      const headers = { ...credentials, ...(type && { "Content-Type": type }) };
      const { status, text } = await server.request(line, { headers, ...(body !== undefined && { body }) });
      const allowed = who !== "nobody" && (who === "admin" || needs === "known" || who === needs);
      if (allowed) assert.ok(status !== 401 && status !== 403, `${line} as ${who}: ${status} ${text}`);
      else assert.equal(status, who === "nobody" ? 401 : 403, `${line} as ${who}: ${text}`);
    }
  }
  // Server-sent events do not end by themselves.
  for (const role of ROLES.filter((role) => role !== "read" && role !== "admin")) {
    const { status } = await server.request("GET /api/v2/events", { headers: bearer(`token-${role}`) });
    assert.equal(status, 403);
  }
  t.diagnostic(`${ROUTES.length} routes for ${cases.length} clients`);
});

test("the admin may stop the gateway", async () => {
  const other = await start(RULES);
  assert.equal((await other.request("PUT /-/quit", { headers: bearer("token-admin") })).status, 200);
  await other.stopped;
});

test("patterns limit pushes and deletes to matching groups, however they are addressed", async () => {
  const headers = bearer("token-scoped");
  const paths: readonly [string, boolean][] = [
    ["job/backup-a/team/db", true],
    ["team/db/job/backup-a", false],
    ["job@base64/YmFja3VwLWE/team/db", true],
    ["job/backup-a/team@base64/ZGI", true],
    ["job/%62ackup-a/team/db", true],
    ["job/backup-a", false],
    ["job/backup-a/team/web", false],
    ["job/other/team/db", false],
    ["job/xbackup-a/team/db", false],
    // The last one of a name counts, as it does for the push.
    ["job/other/job/backup-a/team/db", false],
    ["job/backup-a/job/other/team/db", true],
    ["job/backup-a/team/web/team/db", true],
    ["job/backup-a/team/db/team/web", false],
    ["job/backup-a%2F..%2Fother/team/db", false],
    ["job/backup-a/../other/team/db", false],
  ];
  for (const [tail, allowed] of paths) {
    for (const method of ["PUT", "POST", "DELETE"]) {
      const { status } = await server.request(`${method} /metrics/${tail}`, { headers, body: "a 1\n" });
      const groups = [...server.gateway.groups()].filter(({ labels }) => labels.length > 1);
      for (const { labels } of groups) {
        const value = (name: string) => labels.find((label) => label.name === name)?.value ?? "";
        assert.ok(
          value("job").startsWith("backup-") && value("team") === "db",
          `${method} ${tail} made ${value("job")}`,
        );
      }
      if (allowed) assert.ok(status === 200 || status === 202, `${method} ${tail}: ${status}`);
      else assert.ok([301, 307, 400, 403, 404, 405].includes(status), `${method} ${tail}: ${status}`);
    }
  }
  const other = { key: server.gateway.parseKey("job/other"), body: "a 1\n" };
  await server.gateway.push(other);
  await server.gateway.push({ key: server.gateway.parseKey("job/backup-z/team/db"), body: "a 1\n" });
  const remove = async (line: string): Promise<number> => (await server.request(line, { headers })).status;
  assert.equal(await remove(`DELETE /api/v2/groups/${groupId(other.key)}`), 403);
  assert.equal(await remove("DELETE /api/v2/groups/bm9uZQ"), 403, "what is not there is not told");
  const own = groupId(server.gateway.parseKey("job/backup-z/team/db"));
  assert.equal(await remove(`DELETE /api/v2/groups/${own}`), 204);
  const bulk = { body: JSON.stringify({ ids: [own] }), headers: { ...headers, "Content-Type": "application/json" } };
  assert.equal((await server.request("POST /api/v2/groups/delete", bulk)).status, 403);
  assert.ok(server.gateway.group(other.key));
});

test("users come in by their passwords, and no combination is taken for another", async () => {
  const get = async (headers: Record<string, string>): Promise<number> =>
    (await server.request("GET /api/v2/status", { headers })).status;
  assert.equal(await get(basic("alice", "wonderland")), 200);
  // What is remembered of a right password must not let in another user, a longer name, or the hash itself.
  assert.equal(await get(basic("alicew", "onderland")), 401);
  assert.equal(await get(basic("alice", "wonderland ")), 401);
  assert.equal(await get(basic("alice", "")), 401);
  assert.equal(await get(basic("__proto__", "wonderland")), 401);
  assert.equal(await get(basic("constructor", "")), 401);
  assert.equal(await get({ Authorization: "Bearer wonderland" }), 401);
  assert.equal(await get(bearer(sha256("token-read"))), 401, "the hash is no token");
  assert.equal((await server.request("GET /metrics", { headers: basic("__proto__", "chain") })).status, 200);
  const { headers } = await server.request("GET /metrics");
  assert.match(String(headers["www-authenticate"]), /Basic.*Bearer/);
});

test("deletes, wipes and refusals are logged, in one line each, without secrets", async () => {
  const logged = await start(RULES);
  await logged.request("PUT /metrics/job/a", { headers: bearer("token-push"), body: "a 1\n" });
  await logged.request("DELETE /metrics/job/a%0Alevel=error", { headers: bearer("token-delete") });
  await logged.request("PUT /api/v1/admin/wipe", { headers: bearer("token-admin") });
  await logged.request("DELETE /metrics/job/a", { headers: bearer("token-push") });
  await logged.request("GET /metrics?x=secret-query", { headers: bearer("token-nobody") });
  await logged.stop();
  const audit = logged.logLines.filter((line) => line.includes("audit="));
  const shown = audit.map((line) => /audit=(\w+) who=("[^"]*"|\S+) method=(\w+) path=(\S+)/.exec(line)?.slice(1, 5));
  assert.deepEqual(shown, [
    ["done", '"token t-delete"', "DELETE", '"/metrics/job/a%0Alevel=error"'],
    ["done", '"token t-admin"', "PUT", "/api/v1/admin/wipe"],
    ["refused", '"token t-push"', "DELETE", "/metrics/job/a"],
    ["refused", "unknown", "GET", "/metrics"],
  ]);
  assert.match(audit[0]!, /status=202/);
  assert.doesNotMatch(logged.logLines.join(""), /token-|secret|\$2b\$/);
});

test("a changed file counts from the next request on; a broken or missing one lets nobody in", async () => {
  const file = accessFile(RULES);
  const reloaded = await startTestServer({ "web.access-file": file });
  const status = async (token: string) => (await reloaded.request("GET /metrics", { headers: bearer(token) })).status;
  assert.equal(await status("token-scrape"), 200);
  writeFileSync(file, `tokens: { t: { sha256: ${sha256("token-new")}, roles: [scrape] } }\n`);
  assert.deepEqual([await status("token-scrape"), await status("token-new")], [401, 200]);
  writeFileSync(file, "tokens: {");
  assert.equal(await status("token-new"), 500);
  rmSync(file);
  assert.equal(await status("token-new"), 500);
  writeFileSync(file, RULES);
  assert.equal(await status("token-scrape"), 200);
});

test("a file that is not right stops the start and says where", async () => {
  const digest = sha256("x");
  const wrong: readonly [string, RegExp][] = [
    ["", /nobody could do anything/],
    ["tokens: []", /tokens: must be a mapping/],
    ["token: {}", /token: there is no such setting/],
    ["tokens: { a: { sha256: x, roles: [push] } }", /tokens.a.sha256: must be 64/],
    [`tokens: { a: { sha256: ${digest}, roles: [root] } }`, /"root" is not one of push/],
    [`tokens: { a: { sha256: ${digest} } }`, /tokens.a.roles: must name/],
    [`tokens: { a: { sha256: ${digest}, roles: [push], jobs: x } }`, /tokens.a.jobs: there is no such/],
    [`tokens: { a: { sha256: ${digest}, roles: [push, admin], job: x } }`, /cannot limit the role admin/],
    [`tokens: { a: { sha256: ${digest}, roles: [push], job: x, labels: { job: y } } }`, /also given in labels/],
    [`tokens: { a: { sha256: ${digest}, roles: [push] }, b: { sha256: ${digest}, roles: [read] } }`, /has the same/],
    ["users: { a: { password: secret, roles: [push] } }", /users.a.password: must be a bcrypt hash/],
  ];
  for (const [rules, message] of wrong) {
    await assert.rejects(start(rules), { code: "CONFIG", message }, rules);
  }
  const webConfig = path.join(folder, "web.yml");
  writeFileSync(webConfig, `basic_auth_users: { a: "${hashSync("b", { cost: 4 })}" }\n`);
  await assert.rejects(start(RULES, { "web.config.file": webConfig }), {
    code: "CONFIG",
    message: /both say who may come in/,
  });
});

test("the example of docs/configuration.md is an access file", () => {
  const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
  const [, example] = /```yaml\n(.*?)```/s.exec(page.slice(page.indexOf("## Access file")))!;
  const { tokens, users } = parseAccessRules(example!);
  assert.equal(tokens.get(sha256("foo"))?.labels.get("job"), "backup-*");
  assert.deepEqual([...users.keys()], ["prometheus", "alice"]);
});

test("health can be left open, and nothing else with it", async () => {
  const open = await start(RULES, { "web.health-without-auth": true });
  const statuses = await Promise.all(
    ["GET /-/healthy", "GET /-/ready", "PUT /-/ready", "GET /-/ready/", "GET /metrics"].map((line) =>
      open.request(line),
    ),
  );
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [200, 200, 401, 401, 401],
  );
});

test("browsers may push from listed origins only", async () => {
  const origin = "https://ci.example.org";
  const listed = await start(RULES, { "web.cors-origin": [origin] });
  const ask = (from: string, line = "OPTIONS /metrics/job/a") =>
    listed.request(line, { headers: { Origin: from, "Access-Control-Request-Method": "PUT" } });
  const preflight = await ask(origin);
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers["access-control-allow-origin"], origin);
  assert.match(String(preflight.headers["access-control-allow-methods"]), /PUT/);
  for (const other of ["https://ci.example.org.evil.example", "https://evil.example", "null"]) {
    const refused = await ask(other);
    assert.equal(refused.status, 401);
    assert.equal(refused.headers["access-control-allow-origin"], undefined);
    // A browser that remembers a password sends it along: that must not be enough.
    const headers = { ...basic("alice", "wonderland"), Origin: other };
    assert.equal((await listed.request("POST /metrics/job/a", { headers, body: "a 1\n" })).status, 403);
  }
  assert.equal((await ask(origin, "OPTIONS /api/v2/groups")).status, 401, "for pushes only");
  const headers = { ...basic("alice", "wonderland"), Origin: origin };
  const pushed = await listed.request("PUT /metrics/job/a", { headers, body: "a 1\n" });
  assert.equal(pushed.status, 200);
  assert.equal(pushed.headers["access-control-allow-origin"], origin);
  assert.equal(pushed.headers["vary"], "Origin");
  const own = { ...basic("alice", "wonderland"), Origin: `http://127.0.0.1:${listed.port}` };
  assert.equal((await listed.request("PUT /metrics/job/a", { headers: own, body: "a 1\n" })).status, 200);
});

test("without an access file and origins nothing is different", async () => {
  const plain = await startTestServer();
  const headers = { Origin: "https://anywhere.example" };
  const pushed = await plain.request("PUT /metrics/job/a", { headers, body: "a 1\n" });
  assert.equal(pushed.status, 200);
  assert.equal(pushed.headers["access-control-allow-origin"], undefined);
  assert.equal(pushed.headers["vary"], undefined);
});
