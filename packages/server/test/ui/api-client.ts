import assert from "node:assert/strict";
import http from "node:http";
import type { GroupList } from "../../src/api-v2/schema.ts";
import type { TestServer } from "../support/server.ts";
import { assertDescribed, assertSchema } from "./description.ts";

export interface ApiAnswer<Json = unknown> {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Undefined if the answer has no body. */
  readonly json: Json;
}

/** Calls the API of a server. Every answer is held against the OpenAPI document. */
export class ApiClient {
  readonly #server: TestServer;
  readonly #prefix: string;

  constructor(server: TestServer, routePrefix = "") {
    this.#server = server;
    this.#prefix = `${routePrefix}/api/v2`;
  }

  async call<Json>(line: string, body?: unknown): Promise<ApiAnswer<Json>> {
    const [method, target] = line.split(" ", 2) as [string, string];
    const given = typeof body === "string" ? body : JSON.stringify(body);
    const { status, headers, text } = await this.#server.request(`${method} ${this.#prefix}${target}`, {
      ...(given !== undefined && { body: given }),
      headers: typeof body === "object" ? { "Content-Type": "application/json" } : {},
    });
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["access-control-allow-origin"], undefined);
    const json = assertDescribed(method, target.replace(/\?.*/, ""), status, text) as Json;
    return { status, headers, json };
  }

  /** The JSON of a request that succeeds. */
  async get<Json>(target: string): Promise<Json> {
    const { status, json } = await this.call<Json>(`GET ${target}`);
    assert.equal(status, 200, JSON.stringify(json));
    return json;
  }

  /** The status and code of a request that fails. */
  async failure(line: string, body?: unknown): Promise<string> {
    const { status, json } = await this.call<{ error: { code: string } }>(line, body);
    assert.ok(status >= 400, `${line} answered ${status}`);
    return `${status} ${json.error.code}`;
  }

  /** Deletes all groups. */
  readonly wipe = async (): Promise<void> => {
    await this.#server.request("PUT /api/v1/admin/wipe");
  };

  /** Replaces a group. @param path behind `/metrics/`; returns the status of the answer */
  readonly push = async (path: string, body: string, headers: http.OutgoingHttpHeaders = {}): Promise<number> =>
    (await this.#server.request(`PUT /metrics/${path}`, { body, headers })).status;

  readonly list = (query = ""): Promise<GroupList> => this.get<GroupList>(`/groups?${query}`);

  /** Of the first group of a job. */
  readonly idOf = async (job: string): Promise<string> =>
    (await this.list(`job=${encodeURIComponent(job)}`)).groups[0]!.id;

  /** Listens to server-sent events until the returned function is called. */
  async events(port: number, onEvent: (name: string, data: unknown) => void): Promise<() => void> {
    const request = http.get({ port, host: "127.0.0.1", path: `${this.#prefix}/events`, agent: false });
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once("response", resolve).once("error", reject);
    });
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers["content-type"], "text/event-stream");
    let rest = "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        if (name === undefined) continue;
        const json = JSON.parse(data!) as unknown;
        assertSchema(name === "change" ? "ChangeEvent" : "ProcessSample", json);
        onEvent(name, json);
      }
    });
    response.once("error", () => undefined);
    request.once("error", () => undefined);
    return () => request.destroy();
  }
}

/** Resolves when the condition holds; rejects if it does not within ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const patience = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > patience) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
