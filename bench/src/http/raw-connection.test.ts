import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { RawConnection, readAnswer } from "./raw-connection.ts";

test("an answer is complete with the last byte of its body", () => {
  const bytes = Buffer.from("HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nwrong");
  for (let end = 0; end < bytes.length; end++) assert.equal(readAnswer(bytes.subarray(0, end)), undefined);
  const next = Buffer.concat([bytes, Buffer.from("HTTP/1.1 ")]);
  assert.deepEqual(readAnswer(next), { status: 400, length: bytes.length });
  assert.throws(() => readAnswer(Buffer.from("HTTP/1.1 200 OK\r\n\r\n")), /without Content-Length/);
});

test("requests on one connection get their own answers, and an error when it is lost", async () => {
  const server = createServer((request, response) => {
    if (request.url === "/lost") request.socket.destroy();
    else response.writeHead(Number(request.url!.slice(1)), { "Content-Length": "2" }).end("ok");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const connection = await RawConnection.open((server.address() as AddressInfo).port);
    const get = (path: string) => connection.send(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`));
    assert.equal(await get("/200"), 200);
    assert.equal(await get("/503"), 503);
    const lost = get("/lost");
    assert.throws(() => get("/200"), /under way/);
    await assert.rejects(lost, /closed the connection/);
  } finally {
    server.close();
  }
});
