import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { type ErrorCode, isWaystationError } from "@waystation/core";
import { corpusOf, describeReport, type FuzzTarget, fuzz } from "../../../core/test/fuzz/fuzzer.ts";
import { parseAccessRules } from "../../src/access/access-rules.ts";
import { ApiError } from "../../src/api-v2/api-error.ts";
import { parseSelector } from "../../src/api-v2/selector.ts";
import { checkGzipHeader, decodeBody } from "../../src/http/content-encoding.ts";
import { cleaningRedirect, parseRequestTarget } from "../../src/http/request-target.ts";
import { readGoPersistenceFile } from "../../src/import/go-persistence-file.ts";
import { parseWebConfig } from "../../src/web-config/web-config.ts";
import { recorded } from "../go-pushgateway.ts";
import { startTestServer } from "../support/server.ts";

const corpus = (name: string): Buffer[] => corpusOf(new URL(`corpus/${name}/`, import.meta.url));

/** The outcome of a call that may fail with these codes and in no other way. */
function outcome(codes: readonly ErrorCode[], call: () => string): string {
  try {
    return call();
  } catch (error) {
    return refusal(codes, error);
  }
}

function refusal(codes: readonly ErrorCode[], error: unknown): string {
  assert.ok(
    isWaystationError(error, ...codes) || (error instanceof ApiError && error.status < 500),
    `not a refusal: ${(error as Error).stack}`,
  );
  // Whoever writes a configuration is trusted, and the answers of API v2 are JSON; the log escapes what it is given.
  if (isWaystationError(error) && error.code !== "CONFIG") assert.doesNotMatch(error.message, /[\0-\x1f]/);
  return `${error.code} ${error.message.replaceAll(/"[^"]*"/g, "…")}`;
}

async function run(t: { diagnostic(text: string): void }, target: FuzzTarget, shortRuns: number): Promise<void> {
  t.diagnostic(describeReport(await fuzz(target, shortRuns)));
  assert.deepEqual(Object.keys(Object.prototype), []);
}

const YAML_WORDS = [
  "\n",
  "\n  ",
  ": ",
  "- ",
  "{",
  "}",
  "[",
  "]",
  '"',
  "'",
  "&a ",
  "*a",
  "<<: ",
  "!!",
  "|",
  ">",
  "#",
  "__proto__",
  "users",
  "tokens",
  "roles",
  "\xc3\xa4",
  "\0",
];

test("a web config file is read or refused", (t) =>
  run(
    t,
    {
      corpus: corpus("web-config"),
      dictionary: YAML_WORDS,
      run: (input) => outcome(["CONFIG"], () => String(parseWebConfig(input.toString("utf8"), "/").users.size)),
    },
    2_000,
  ));

test("an access file is read or refused", (t) =>
  run(
    t,
    {
      corpus: corpus("access-file"),
      dictionary: YAML_WORDS,
      run: (input) => outcome(["CONFIG"], () => String(parseAccessRules(input.toString("utf8")).tokens.size)),
    },
    2_000,
  ));

test("a file of the Go Pushgateway is read or refused, wherever it is damaged", (t) =>
  run(
    t,
    {
      corpus: [recorded("everything", "pushgateway.data"), recorded("empty", "pushgateway.data")],
      dictionary: [
        "\0",
        "\x01",
        "\x7f",
        "\xff",
        "\xf8\x7f\xff\xff\xff\xff\xff\xff\xff",
        "\xfe\xff\xff",
        "\xfc\xff\xff\xff\xff",
      ],
      run: (input) =>
        outcome(["CORRUPT", "UNSUPPORTED"], () => String(Math.min(2, readGoPersistenceFile(input).length))),
    },
    5_000,
  ));

test("a request target is read or refused, and where it is redirected to is a path of this gateway", (t) =>
  run(
    t,
    {
      corpus: corpus("request-target"),
      dictionary: ["/", "//", ".", "..", "%2f", "%2e", "%00", "%", "?", "#", "\\", "\xff", "http://", ":"],
      run: (input) =>
        outcome(["GROUPING_KEY"], () => {
          const redirect = cleaningRedirect(parseRequestTarget(input.toString("latin1")));
          if (redirect === undefined) return "clean";
          assert.match(redirect, /^\/(?![/\\])[\x21-\x7e]*$/);
          return "redirected";
        }),
    },
    20_000,
  ));

test("a selector is read or refused, and answers soon", (t) =>
  run(
    t,
    {
      corpus: corpus("selector"),
      dictionary: [
        '"',
        "'",
        "`",
        "=~",
        "!~",
        "=",
        ",",
        "{",
        "}",
        "(",
        ")*",
        "+",
        "[",
        "]",
        "{1,9}",
        "\\",
        "\\x41",
        ".*",
        "|",
      ],
      run: (input) =>
        outcome([], () => {
          const selects = parseSelector(input.toString("latin1"));
          return String(selects([{ name: "job", value: "a".repeat(200) }]));
        }),
    },
    1_000,
  ));

test("a compressed body is opened or refused", (t) =>
  run(
    t,
    {
      corpus: [
        Buffer.from("H4sIAAAAAAAAA0tUMOQCAPOa4rYEAAAA", "base64"),
        Buffer.from("ff060000734e61507059", "hex"),
        Buffer.from("ff060000734e61507059010800000bd5a8cb61203120", "hex"),
      ],
      dictionary: ["\0", "\xff", "\x1f\x8b\x08", "\xff\x06\0\0sNaPpY", "\x01\x08\0\0", "\0\xff\xff\xff"],
      async run(input) {
        const encoding = input[0] === 0x1f ? "gzip" : "snappy";
        try {
          if (encoding === "gzip") checkGzipHeader(input);
          return String((await decodeBody(input, encoding, 10_000)).length);
        } catch (error) {
          return refusal(["ENCODING", "TOO_LARGE"], error);
        }
      },
    },
    3_000,
  ));

test("whatever is sent, the answers are HTTP and none of them says that the gateway failed", async (t) => {
  const server = await startTestServer({ "web.header-timeout": 1_000, "web.request-timeout": 1_000 });
  const send = (bytes: Buffer): Promise<string> =>
    new Promise((resolve) => {
      let text = "";
      const socket = net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: false }, () =>
        socket.end(bytes),
      );
      socket.setTimeout(5_000, () => socket.destroy());
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.length > 100_000) socket.destroy();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(text));
    });
  const target: FuzzTarget = {
    corpus: corpus("requests"),
    dictionary: [
      ..."\r\n|\n|\r|:|: |chunked|Transfer-Encoding: |Content-Length: |0\r\n\r\n|HTTP/1.1|HTTP/1.0|Host: x\r\n".split(
        "|",
      ),
      ..."GET |PUT |DELETE |/metrics/job/|/api/v2/groups|/static/|../|%2e%2e%2f|?|%00|\0|\xff|Expect: 100-continue\r\n".split(
        "|",
      ),
      ..."Content-Encoding: gzip\r\n|Accept: |Accept-Encoding: |Origin: |<script>|'\"><|Connection: close\r\n".split(
        "|",
      ),
    ],
    async run(input) {
      const text = await send(input);
      const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
      assert.ok(text === "" || text.startsWith("HTTP/1.1 "), text.slice(0, 200));
      for (const status of statuses) assert.ok(status < 500, text.slice(0, 1000));
      // Nothing that was sent came back as markup. In the text of a scrape it may: as what was pushed.
      for (const answer of text.split(/^(?=HTTP\/1\.1 )/m)) {
        if (/^content-type: text\/html/im.test(answer)) assert.doesNotMatch(answer, /<script>/);
      }
      return statuses.map((status) => "x".repeat(status - 99)).join();
    },
  };
  await run(t, target, 1_500);
  const defects = server.logLines.filter((line) => /level=error/.test(line));
  assert.deepEqual(defects, []);
  assert.equal((await server.request("GET /metrics")).status, 200);
});
