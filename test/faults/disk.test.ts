/** What a gateway does, over HTTP and as a process, when its disk is full, not writable, not there, or somebody else's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { GatewayChild } from "./gateway-child.ts";

const folder = mkdtempSync(join(tmpdir(), "faults-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command line in a mount namespace of its own, with a file system of 12 MiB at the first argument. */
const ON_SMALL_DISK = [
  "unshare",
  "--map-root-user",
  "--mount",
  "sh",
  "-c",
  'mount -t tmpfs -o size=12m tmpfs "$0" && exec "$@"',
];
const ON_READ_ONLY_DISK = ON_SMALL_DISK.with(-1, 'mount -t tmpfs -o ro tmpfs "$0" && exec "$@"');
const mayMount = spawnSync(ON_SMALL_DISK[0]!, [...ON_SMALL_DISK.slice(1), "/mnt", "true"]).status === 0;
const skip = !mayMount && "needs Linux and the right to mount a small file system (unshare)";

const STORAGES = {
  file: (path: string) => `file:${path}/journal`,
  sqlite: (path: string) => `sqlite:${path}/waystation.db`,
};

for (const [name, url] of Object.entries(STORAGES)) {
  test(`${name}: on a full disk pushes get 503 and scrapes go on; with room again pushes are taken, and nothing is lost`, {
    skip,
    timeout: 60_000,
  }, async (t) => {
    const mount = mkdtempSync(join(folder, "small-"));
    await using gateway = await GatewayChild.spawn([`--storage=${url(mount)}`], [...ON_SMALL_DISK, mount]);
    assert.equal(await gateway.settled(), undefined, gateway.output);
    // What the process sees, from outside of its namespace.
    const filler = join(`/proc/${gateway.process.pid}/root`, mount, "filler");
    const stored = new Map<string, number>();
    const push = async (group: number, value: number): Promise<number> => {
      const padding = "x".repeat(5_000);
      const { status } = await gateway.request("PUT", `/metrics/job/g${group}`, `v{padding="${padding}"} ${value}\n`);
      if (status === 200) stored.set(`g${group}`, value);
      return status;
    };
    for (let group = 0; group < 20; group++) assert.equal(await push(group, 1), 200);

    try {
      writeFileSync(filler, Buffer.alloc(12 * 2 ** 20));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
    const statuses = new Map<number, number>();
    for (let i = 0; i < 60; i++) {
      const status = await push(i % 20, 2 + i);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual(
      [...statuses.keys()].filter((status) => status !== 200),
      [503],
    );
    t.diagnostic(`on the full disk: ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(", ")}`);
    await checkScrape(gateway, stored);

    rmSync(filler);
    let status = 0;
    for (let i = 0; status !== 200 && i < 100; i++) {
      status = await push(0, 1_000);
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(status, 200, gateway.output);
    for (let group = 0; group < 20; group++) assert.equal(await push(group, 2_000 + group), 200);
    await checkScrape(gateway, stored);
    t.diagnostic(`${stored.size} groups, none lost`);
  });

  test(`${name}: a folder that cannot be written to stops the start, and says so`, {
    skip,
    timeout: 60_000,
  }, async () => {
    const mount = mkdtempSync(join(folder, "read-only-"));
    await using gateway = await GatewayChild.spawn(
      [`--storage=${url(mount)}`, "--storage.wait=0s"],
      [...ON_READ_ONLY_DISK, mount],
    );
    assert.equal(await gateway.settled(), 1, gateway.output);
    assert.match(gateway.output, /read-only|EROFS|readonly|unable to open/i);
  });

  test(`${name}: a path that cannot exist stops the start, and says so`, { timeout: 60_000 }, async () => {
    const inTheWay = join(mkdtempSync(join(folder, "missing-")), "file");
    writeFileSync(inTheWay, "");
    await using gateway = await GatewayChild.spawn([`--storage=${url(join(inTheWay, "below"))}`, "--storage.wait=0s"]);
    assert.equal(await gateway.settled(), 1, gateway.output);
    assert.ok(gateway.output.includes(inTheWay), gateway.output);
  });
}

test("a second process on a file journal is refused, and the first one goes on", { timeout: 60_000 }, async () => {
  const path = join(folder, "shared");
  mkdirSync(path);
  await using first = await GatewayChild.spawn([`--storage=file:${path}`]);
  assert.equal(await first.settled(), undefined, first.output);
  assert.equal((await first.request("PUT", "/metrics/job/a", "a 1\n")).status, 200);
  await using second = await GatewayChild.spawn([`--storage=file:${path}`, "--storage.wait=0s"]);
  assert.equal(await second.settled(), 1, second.output);
  assert.match(second.output, /code=LOCKED .*is in use/);
  assert.equal((await first.request("PUT", "/metrics/job/a", "a 2\n")).status, 200);
  // A process that was killed leaves no lock behind.
  await first.stop("SIGKILL");
  await using third = await GatewayChild.spawn([`--storage=file:${path}`]);
  assert.equal(await third.settled(), undefined, third.output);
  assert.match((await third.request("GET", "/metrics?collect[]=pushed")).text, /^a\{instance="",job="a"\} 2$/m);
});

async function checkScrape(gateway: GatewayChild, stored: ReadonlyMap<string, number>): Promise<void> {
  const { status, text } = await gateway.request("GET", "/metrics?collect[]=pushed");
  assert.equal(status, 200);
  for (const [job, value] of stored) {
    assert.match(text, new RegExp(`^v\\{instance="",job="${job}",padding="x*"\\} ${value}$`, "m"));
  }
}
