import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { request } from "./support/server.ts";

const CLI = new URL("../src/cli.ts", import.meta.url).pathname;
const directory = mkdtempSync(path.join(os.tmpdir(), "waystation-cli-"));
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function launch(args: readonly string[], env: NodeJS.ProcessEnv = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: directory, env: { ...process.env, ...env } });
  running.add(child);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const ended = once(child, "close").then(([code]) => {
    running.delete(child);
    return { code: code as number | null, out, err };
  });
  return { child, ended };
}

/** Starts a gateway on a free port and waits until it listens. */
async function serve(args: readonly string[]): Promise<{ child: ChildProcess; ended: Promise<Ended>; port: number }> {
  const { child, ended } = launch(["--web.listen-address=127.0.0.1:0", "--log.format=json", ...args]);
  for await (const line of createInterface({ input: child.stderr! })) {
    const { msg, address } = JSON.parse(line) as { msg: string; address?: string };
    if (msg === "listening") {
      child.stderr!.resume();
      return { child, ended, port: Number(address!.split(":").at(-1)) };
    }
  }
  throw new Error(`it did not listen: ${(await ended).err}`);
}

test("--version and --help go to standard output and end well", async () => {
  const version = await launch(["--version"]).ended;
  assert.deepEqual([version.code, version.err], [0, ""]);
  assert.match(version.out, /pushgateway, version/);
  const help = await launch(["--help"]).ended;
  assert.deepEqual([help.code, help.err], [0, ""]);
  assert.match(help.out, /--web\.listen-address/);
});

test("mistakes go to standard error and end with code 1", async () => {
  for (const args of [
    ["--no-such-flag"],
    ["positional"],
    ["--log.level=loud"],
    ["--storage=nowhere"],
    ["--web.telemetry-path=metrics"],
    ["--storage=memory:", "--persistence.file=x"],
    ["--storage=memory:", "--web.config.file=missing.yml"],
    ["--storage=memory:", "--web.systemd-socket"],
  ]) {
    const { code, out, err } = await launch(args).ended;
    assert.equal(code, 1, args.join(" "));
    assert.equal(out, "");
    assert.ok(err.length > 0 && !err.includes("    at "), err);
  }
});

test("pushes are answered, and SIGTERM and SIGINT end the gateway well", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const { child, ended, port } = await serve(["--storage=memory:"]);
    assert.equal((await request(port, "PUT /metrics/job/a", { body: "m 1\n" })).status, 200);
    child.kill(signal);
    assert.equal((await ended).code, 0);
  }
});

test("a second signal ends it at once", async () => {
  const { child, ended, port } = await serve(["--storage=memory:"]);
  const busy = net.connect(port, "127.0.0.1");
  busy.on("error", () => {});
  busy.write("PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  await once(busy, "data");
  child.kill("SIGTERM");
  // It has heard the first one when it no longer listens.
  while (await accepts(port)) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill("SIGTERM");
  assert.equal((await ended).code, 1);
  busy.destroy();
});

async function accepts(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  const accepted = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return accepted;
}

test("by default pushes outlive the gateway, in a file of the working directory", async () => {
  const first = await serve([]);
  assert.equal((await request(first.port, "PUT /metrics/job/kept", { body: "m 1\n" })).status, 200);
  first.child.kill("SIGKILL");
  await first.ended;
  const second = await serve([]);
  const { text } = await request(second.port, "GET /metrics?collect[]=pushed");
  assert.match(text, /^m{instance="",job="kept"} 1$/m);
  second.child.kill("SIGTERM");
  assert.equal((await second.ended).code, 0);
});
