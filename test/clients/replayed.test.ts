/**
 * Requests of clients that are not run here, as they send them: request line, headers and body.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { exchange } from "../../conformance/src/http/exchange.ts";
import { samplesOf, startGateway } from "../support/gateway.ts";

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

async function replay(head: readonly string[], body: string): Promise<number | undefined> {
  const lines = [...head, "Connection: close"].map((line) => line.replace("{host}", `127.0.0.1:${gateway.port}`));
  const { answers } = await exchange(gateway.port, Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`));
  return answers[0]?.status;
}

const length = (text: string) => `Content-Length: ${Buffer.byteLength(text)}`;
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;

test("Java simpleclient, by HttpURLConnection", async () => {
  const body =
    "# HELP java_duration_seconds Duration.\n# TYPE java_duration_seconds gauge\njava_duration_seconds 1.5\n";
  const status = await replay(
    [
      "PUT /metrics/job/java/path@base64/L3Zhci90bXA= HTTP/1.1",
      "Content-Type: text/plain; version=0.0.4; charset=utf-8",
      "Cache-Control: no-cache",
      "Pragma: no-cache",
      "User-Agent: Java/17.0.13",
      "Host: {host}",
      "Accept: text/html, image/gif, image/jpeg, */*; q=0.2",
      length(body),
    ],
    body,
  );
  assert.equal(status, 200);
  assert.deepEqual(await samplesOf(gateway, "java_duration_seconds"), [
    'java_duration_seconds{instance="",job="java",path="/var/tmp"} 1.5',
  ]);
});

test(".NET prometheus-net MetricPusher, in chunks", async () => {
  const body = "# HELP dotnet_runs_total Runs\n# TYPE dotnet_runs_total counter\ndotnet_runs_total 3\n\n";
  const head = [
    "POST /metrics/job/dotnet/instance/host HTTP/1.1",
    "Host: {host}",
    "Transfer-Encoding: chunked",
    "Content-Type: text/plain; version=0.0.4; charset=utf-8",
  ];
  assert.equal(await replay(head, chunked(body)), 200);
  assert.deepEqual(await samplesOf(gateway, "dotnet_runs_total"), [
    'dotnet_runs_total{instance="host",job="dotnet"} 3',
  ]);
});

test("PHP prometheus_client_php, by Guzzle", async () => {
  const body = '# HELP php_value it\'s a value\n# TYPE php_value gauge\nphp_value{type="blue"} 6\n';
  const status = await replay(
    [
      "PUT /metrics/job/php/instance/foo HTTP/1.1",
      "Host: {host}",
      "User-Agent: GuzzleHttp/7",
      "Content-Type: text/plain; version=0.0.4",
      length(body),
    ],
    body,
  );
  assert.equal(status, 200);
  assert.deepEqual(await samplesOf(gateway, "php_value"), ['php_value{instance="foo",job="php",type="blue"} 6']);
});

test("Perl Net::Prometheus::Pushgateway, one metric a request", async () => {
  const body = '# TYPE perl_value gauge\nperl_value{perl_label="custom label"} 15\n';
  const status = await replay(
    [
      "POST /metrics/job/perl/instance/i HTTP/1.1",
      "TE: deflate,gzip;q=0.3",
      "Host: {host}",
      "User-Agent: libwww-perl/6.68",
      length(body),
    ],
    body,
  );
  assert.equal(status, 200);
  assert.deepEqual(await samplesOf(gateway, "perl_value"), [
    'perl_value{instance="i",job="perl",perl_label="custom label"} 15',
  ]);
});

test("PowerShell Invoke-WebRequest with a here-string: no last line feed, or CRLF, is refused and nothing is stored", async () => {
  const head = (body: string) => [
    "POST /metrics/job/powershell HTTP/1.1",
    "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.19041.3803",
    "Content-Type: application/x-www-form-urlencoded",
    "Host: {host}",
    length(body),
  ];
  for (const body of ["ps_value 1", "ps_value 1\r\nps_other 2\r\n"]) {
    assert.equal(await replay(head(body), body), 400);
    assert.deepEqual(await samplesOf(gateway, "ps_value"), []);
  }
  const body = "ps_value 1\nps_other 2\n";
  assert.equal(await replay(head(body), body), 200);
  assert.deepEqual(await samplesOf(gateway, "ps_value"), ['ps_value{instance="",job="powershell"} 1']);
});
