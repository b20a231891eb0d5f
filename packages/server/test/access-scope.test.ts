/** What somebody sees whose roles are limited to some groups. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { groupId } from "../src/api-v2/group-id.ts";
import { startTestServer } from "./support/server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "access-scope-"));
after(() => rmSync(folder, { recursive: true }));

const sha256 = (token: string): string => createHash("sha256").update(token).digest("hex");
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

const RULES = `
tokens:
  all: { sha256: ${sha256("all")}, roles: [admin] }
  db: { sha256: ${sha256("db")}, roles: [read, scrape], job: "backup-*", labels: { team: "db" } }
  own-scrape: { sha256: ${sha256("own-scrape")}, roles: [scrape], labels: { team: "db" } }
  nothing: { sha256: ${sha256("nothing")}, roles: [read, scrape], job: "there-is-none" }
`;
const file = path.join(folder, "access.yml");
writeFileSync(file, RULES);
const server = await startTestServer({ "web.access-file": file, "web.enable-openmetrics": true });
const push = (tail: string, body: string) => server.gateway.push({ key: server.gateway.parseKey(tail), body });
const idOf = (tail: string): string => groupId(server.gateway.parseKey(tail));

const SEEN = "job/backup-a/team/db";
const HIDDEN = ["job/backup-secret", "job/backup-secret/team/web", "job/other-secret/team/db"];
await push(SEEN, "# TYPE shared gauge\nshared 1\nseen 1\n");
for (const tail of HIDDEN) await push(tail, "# TYPE shared gauge\nshared 2\nsecret_family 1\n");

/** Whatever shows in an answer that somebody saw more than they should. */
const TRACES = ["secret", ...HIDDEN.map(idOf)];
const untraced = (text: string, what: string): void => {
  for (const trace of TRACES) assert.ok(!text.includes(trace), `${what} shows ${trace}: ${text.slice(0, 2_000)}`);
};
const get = (line: string, token: string, headers: http.OutgoingHttpHeaders = {}) =>
  server.request(line, { headers: { ...bearer(token), ...headers } });

const ROUTES: readonly [line: string, status: number, seen: RegExp | undefined][] = [
  ["GET /metrics", 200, /^shared\{instance="",job="backup-a",team="db"\} 1$/m],
  ["GET /metrics?collect[]=pushed", 200, /^seen\{/m],
  ["GET /metrics?collect[]=self", 403, undefined],
  ["GET /api/v1/metrics", 200, /"backup-a"/],
  ["GET /api/v1/status", 200, undefined],
  ["GET /api/v2/groups", 200, /"backup-a"/],
  ["GET /api/v2/groups?sort=series&order=desc", 200, /"backup-a"/],
  ["GET /api/v2/groups?search=secret", 200, /"matched":0/],
  ["GET /api/v2/groups?metric=secret_family", 200, /"matched":0/],
  ["GET /api/v2/groups?job=other-secret", 200, /"matched":0/],
  [`GET /api/v2/groups/${idOf(SEEN)}`, 200, /"seen"/],
  [`GET /api/v2/groups/${idOf(SEEN)}/text`, 200, /^seen/m],
  ...HIDDEN.flatMap((tail): [string, number, undefined][] => [
    [`GET /api/v2/groups/${idOf(tail)}`, 403, undefined],
    [`GET /api/v2/groups/${idOf(tail)}/text`, 403, undefined],
  ]),
  ["GET /api/v2/groups/bm9uZQ", 403, undefined],
  ["GET /api/v2/status", 200, /"groups"/],
  ["GET /api/v2/openapi.yaml", 200, undefined],
  ["GET /", 200, undefined],
  ["GET /status", 200, undefined],
  ["GET /static/none.js", 404, undefined],
  // What changes something is for those who have the role.
  [`DELETE /${SEEN}`, 404, undefined],
  [`DELETE /metrics/${SEEN}`, 403, undefined],
  [`PUT /metrics/${SEEN}`, 403, undefined],
  [`DELETE /api/v2/groups/${idOf(SEEN)}`, 403, undefined],
  ["POST /api/v2/groups/delete", 403, undefined],
];

test("each route shows groups that match, and no trace of others", async () => {
  for (const [line, status, seen] of ROUTES) {
    const answer = await get(line, "db");
    assert.equal(answer.status, status, `${line}: ${answer.text}`);
    // A refusal may repeat what was asked for.
    if (status < 400) untraced(answer.text, line);
    if (seen !== undefined) assert.match(answer.text, seen, line);
  }
  const everything = await get("GET /api/v2/groups", "all");
  assert.equal((JSON.parse(everything.text) as { total: number }).total, 1 + HIDDEN.length);
  assert.equal((JSON.parse((await get("GET /api/v2/groups", "db")).text) as { total: number }).total, 1);
});

test("scrapes in all forms show what they would without the other groups, and nothing of the gateway itself", async () => {
  const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=";
  for (const accept of [
    "text/plain",
    "application/openmetrics-text;version=1.0.0",
    `${protobuf}delimited`,
    `${protobuf}text`,
  ]) {
    const { status, text } = await get("GET /metrics", "db", { Accept: accept });
    assert.equal(status, 200);
    untraced(text, accept);
    assert.match(text, /backup-a/);
    assert.doesNotMatch(text, /pushgateway_|process_|nodejs_/);
  }
  assert.equal((await get("GET /metrics", "nothing")).text, "");
  assert.match((await get("GET /metrics", "own-scrape")).text, /job="other-secret"/, "by one label only");
  assert.match((await get("GET /metrics", "all")).text, /^shared\{instance="",job="backup-secret",team="web"\} 2$/m);
});

test("an exposition may be checked as for a group that may be seen", async () => {
  const check = (tail: string) =>
    server.request(`POST /api/v2/check?path=${encodeURIComponent(tail)}`, { headers: bearer("db"), body: "a 1\n" });
  assert.equal((await check(SEEN)).status, 200);
  for (const tail of HIDDEN) assert.equal((await check(tail)).status, 403);
});

test("events say that something has changed, but not what", async () => {
  const listen = (token: string): Promise<{ text: () => string; stop: () => void }> =>
    new Promise((resolve, reject) => {
      let text = "";
      const options = { port: server.port, host: "127.0.0.1", path: "/api/v2/events", headers: bearer(token) };
      const req = http.get({ ...options, agent: false }, (res) => {
        res.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        res.on("error", () => undefined);
        resolve({ text: () => text, stop: () => req.destroy() });
      });
      req.on("error", reject);
    });
  const limited = await listen("db");
  const all = await listen("all");
  await push(HIDDEN[0]!, "secret_family 2\n");
  for (let i = 0; i < 200 && !(all.text().includes(TRACES[1]!) && limited.text().includes("change")); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(all.text().includes(TRACES[1]!), all.text());
  assert.match(limited.text(), /event: change\ndata: \{[^\n]*"groups":\[\],"more":true\}/);
  untraced(limited.text(), "events");
  limited.stop();
  all.stop();
});
