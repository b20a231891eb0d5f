import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { samplesOf, startGateway } from "../support/gateway.ts";
import { findProgram, runProgram } from "../support/programs.ts";

const skip = findProgram("curl") === undefined && "no curl here";
let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

/** Pushes `body` to /metrics/job/curl with the given options and returns the status. */
async function push(body: string | Uint8Array, ...options: string[]): Promise<string> {
  const url = `${gateway.url}/metrics/job/curl`;
  const { stdout, stderr } = await runProgram(
    "curl",
    ["-sS", "-o", "/dev/null", "-w", "%{http_code}", ...options, url],
    {
      input: body,
    },
  );
  return stdout + stderr;
}

const accepted = {
  "--data-binary": ["--data-binary", "@-"],
  "--data-binary with PUT": ["-X", "PUT", "--data-binary", "@-"],
  "--upload-file, in chunks": ["--upload-file", "-"],
  "Transfer-Encoding: chunked": ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"],
  "Expect: 100-continue": ["-H", "Expect: 100-continue", "--data-binary", "@-"],
  "HTTP/1.0": ["--http1.0", "--data-binary", "@-"],
  "an explicit content type": ["-H", "Content-Type: text/plain; version=0.0.4", "--data-binary", "@-"],
  "no content type at all": ["-H", "Content-Type:", "--data-binary", "@-"],
};
for (const [at, [name, options]] of Object.entries(accepted).entries()) {
  test(`curl with ${name}`, { skip }, async () => {
    // With -T, curl appends its own name for the upload to a URL that ends in a slash; this one does not.
    assert.equal(await push(`curl_value ${at}\n`, ...options), "200");
    assert.deepEqual(await samplesOf(gateway, "curl_value"), [`curl_value{instance="",job="curl"} ${at}`]);
  });
}

test("curl with a compressed body", { skip }, async () => {
  assert.equal(await push(gzipSync("curl_value 77\n"), "-H", "Content-Encoding: gzip", "--data-binary", "@-"), "200");
  assert.deepEqual(await samplesOf(gateway, "curl_value"), ['curl_value{instance="",job="curl"} 77']);
});

test("curl with a large body, for which it waits to be told to continue", { skip }, async () => {
  const lines = Array.from({ length: 60_000 }, (_, at) => `curl_many{n="${at}"} ${at}\n`).join("");
  assert.equal(await push(lines, "--data-binary", "@-"), "200");
  assert.equal((await samplesOf(gateway, "curl_many")).length, 60_000);
});

test("curl -d takes the line feeds out, which is refused and changes nothing", { skip }, async () => {
  await push("curl_value 1\n", "-X", "PUT", "--data-binary", "@-");
  assert.equal(await push("curl_value 2\ncurl_other 3\n", "-d", "@-"), "400");
  assert.deepEqual(await samplesOf(gateway, "curl_value"), ['curl_value{instance="",job="curl"} 1']);
});

test("curl --compressed reads the exposition", { skip }, async () => {
  const { stdout } = await runProgram("curl", ["-sS", "--compressed", `${gateway.url}/metrics`]);
  assert.match(stdout, /^curl_value\{instance="",job="curl"\} 1$/m);
});
