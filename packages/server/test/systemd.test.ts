import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { request } from "./support/server.ts";

const CLI = new URL("../src/cli.ts", import.meta.url).pathname;

test("sockets that systemd passes are listened on", {
  skip: process.platform !== "linux" && "systemd is of Linux",
}, async (t) => {
  const socket = net.createServer();
  await new Promise<void>((resolve) => socket.listen(0, "127.0.0.1", resolve));
  const { port } = socket.address() as net.AddressInfo;
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  // Only the shell knows the process id that systemd would have put there.
  const command = `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`;
  const args = [process.execPath, CLI, "--storage=memory:", "--web.systemd-socket"];
  const child = spawn("/bin/sh", ["-c", command, ...args], { stdio: ["ignore", "ignore", "pipe", fd] });
  t.after(() => child.kill("SIGKILL"));
  socket.close();

  for await (const line of createInterface({ input: child.stderr! })) {
    if (line.includes("msg=listening")) break;
  }
  child.stderr!.resume();
  assert.equal((await request(port, "PUT /metrics/job/a", { body: "m 1\n" })).status, 200);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});
