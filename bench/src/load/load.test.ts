import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { DataSet } from "../data/data-set.ts";
import { AUTOCANNON } from "./autocannon.ts";
import { type LoadTool, runLoad } from "./load.ts";
import { runOpenLoop } from "./open-loop.ts";
import { findWrk } from "./wrk.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-load-"));
after(() => rmSync(folder, { recursive: true }));

interface Push {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly body: string;
}

/** A server that notes what is pushed, and answers as it is told. */
async function listen(answer: (response: ServerResponse) => void) {
  const pushes: Push[] = [];
  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        pushes.push({ method: request.method, url: request.url, body });
        answer(response);
      },
      // A load that is over closes its connections, be something under way or not.
      () => {},
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, pushes, port: (server.address() as AddressInfo).port };
}

const wrk = findWrk(folder);

function testTool(name: string, tool: LoadTool | undefined): void {
  const skip = tool === undefined && `no ${name} here`;

  test(`${name} pushes the groups of a data set in turn, in other versions each time`, { skip }, async () => {
    const { server, pushes, port } = await listen((response) =>
      response.writeHead(200, { "Content-Length": "0" }).end(),
    );
    try {
      const data = new DataSet("mixed", 7);
      const start = 5 * data.groups + 3;
      const result = await runLoad(tool!, { port, data, connections: 1, seconds: 1, start });
      assert.ok(result.requests > data.groups && result.requests <= pushes.length);
      assert.ok(result.rate > 0 && result.p50 <= result.p99 && result.p99 <= result.max);
      for (const [i, push] of pushes.entries()) {
        const group = (start + i) % data.groups;
        const body = data.body(group, Math.floor((start + i) / data.groups)).toString();
        assert.deepEqual(push, { method: "PUT", url: `/metrics/job/mixed/instance/${group}`, body });
      }
    } finally {
      server.close();
    }
  });

  test(`${name} counts what is refused, and such a load is an error`, { skip }, async () => {
    const { server, port } = await listen((response) => response.writeHead(400, { "Content-Length": "0" }).end());
    try {
      const load = { port, data: new DataSet("small-jobs", 1), connections: 2, seconds: 1, start: 0 };
      await assert.rejects(runLoad(tool!, load), /[1-9]\d* errors/);
    } finally {
      server.close();
    }
  });
}

testTool("wrk", wrk);
testTool("autocannon", AUTOCANNON);

test("an open loop counts how long pushes wait for those before them", async () => {
  const held: ServerResponse[] = [];
  let holding = true;
  const { server, pushes, port } = await listen((response) => {
    response.writeHead(202, { "Content-Length": "0" });
    if (!holding) response.end();
    else if (held.push(response) === 1) setTimeout(release, 600);
  });
  const release = () => {
    holding = false;
    for (const response of held) response.end();
  };
  try {
    const data = new DataSet("small-jobs", 20);
    const result = await runOpenLoop({ port, data, rate: 400, seconds: 0.5 });
    assert.equal(result.requests, 200);
    assert.equal(pushes.length, 200);
    assert.equal(new Set(pushes.map(({ url }) => url)).size, 20);
    // Two thirds find no free connection and are sent late. From when they were sent, the middle one took next to nothing.
    assert.ok(held.length < 100, `${held.length}`);
    assert.ok(result.p50 > 200, `${result.p50}`);
    assert.ok(result.max >= result.p99 && result.p99 >= result.p50);
  } finally {
    server.close();
  }
});

test("an open loop whose pushes are refused fails", async () => {
  const { server, port } = await listen((response) => response.writeHead(503, { "Content-Length": "0" }).end());
  try {
    const data = new DataSet("small-jobs", 1);
    await assert.rejects(runOpenLoop({ port, data, rate: 100, seconds: 0.2 }), /a push got 503/);
  } finally {
    server.close();
  }
});
