/**
 * Gateways as processes whose disk fails below Node: a library that is preloaded makes the C library's writes and synchronisations
 * fail, by errors or by writing less than they were given. Nothing in the gateway knows of it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findProgram } from "../support/programs.ts";
import { GatewayChild } from "./gateway-child.ts";
import { Ledger } from "./ledger.ts";

const SOAK = process.env["WAYSTATION_SOAK"] === "1";
const ROUNDS = SOAK ? 60 : 5;
const GROUPS = Array.from({ length: 12 }, (_, i) => `g${i}`);

const compiler = ["cc", "g++"].map(findProgram).find((path) => path !== undefined);
const skip =
  process.platform !== "linux" ? "LD_PRELOAD needs Linux" : compiler === undefined && "there is no C compiler";

const folder = mkdtempSync(join(tmpdir(), "below-node-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A folder on a disk that fails when it is told to. */
class FaultyDisk {
  static #library: string | undefined;
  readonly path: string;
  readonly #control: string;
  readonly #log: string;

  constructor() {
    const base = mkdtempSync(join(folder, "disk-"));
    this.path = join(base, "storage");
    mkdirSync(this.path);
    this.#control = join(base, "control");
    this.#log = join(base, "log");
    writeFileSync(this.#log, "");
  }

  /** @param fault `OPERATIONS ACTION EVERY`: see disk-faults.c; empty: all is well */
  set(fault: string): void {
    // At once, so that no call reads half of it.
    writeFileSync(`${this.#control}.new`, fault);
    renameSync(`${this.#control}.new`, this.#control);
  }

  /** How many calls were made to fail. */
  get faults(): number {
    return statSync(this.#log).size;
  }

  async start(storage: string): Promise<GatewayChild> {
    FaultyDisk.#library ??= compile();
    const environment = [
      `LD_PRELOAD=${FaultyDisk.#library}`,
      `FAULTS_UNDER=${this.path}`,
      `FAULTS_CONTROL=${this.#control}`,
      `FAULTS_LOG=${this.#log}`,
    ];
    const url = storage === "file" ? `file:${this.path}/journal` : `sqlite:${this.path}/waystation.db`;
    return GatewayChild.spawn([`--storage=${url}`, "--storage.wait=0s"], ["env", ...environment]);
  }
}

function compile(): string {
  const library = join(folder, "disk-faults.so");
  const source = fileURLToPath(new URL("disk-faults.c", import.meta.url));
  const { status, stderr } = spawnSync(
    compiler!,
    ["-x", "c", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl"],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, stderr);
  return library;
}

/** Each of some clients pushes to groups of its own. */
async function storm(gateway: GatewayChild, ledger: Ledger, rounds: number): Promise<void> {
  await Promise.all(
    GROUPS.map(async (group) => {
      for (let i = 0; i < rounds; i++) if ((await ledger.push(gateway, group)) === 0) return;
    }),
  );
}

/** Is a push acknowledged before long? */
async function recovers(gateway: GatewayChild, ledger: Ledger): Promise<boolean> {
  for (let i = 0; i < 60; i++) {
    if ((await ledger.push(gateway, GROUPS[0]!)) === 200) return true;
    await sleep(50);
  }
  return false;
}

const FAULTS: readonly { fault: string; needsRestart: readonly string[] }[] = [
  { fault: "write EIO 1", needsRestart: ["sqlite"] },
  { fault: "write ENOSPC 1", needsRestart: [] },
  { fault: "write partial 1", needsRestart: [] },
  { fault: "sync EIO 1", needsRestart: ["sqlite"] },
  { fault: "sync ENOSPC 1", needsRestart: ["sqlite"] },
  { fault: "write,sync EIO 1", needsRestart: ["sqlite"] },
];

describe("below Node", { skip }, () => {
  for (const storage of ["file", "sqlite"]) {
    for (const { fault, needsRestart } of FAULTS) {
      test(`${storage}, ${fault}: nothing is acknowledged, scrapes go on, and what was acknowledged stays`, {
        timeout: 120_000,
      }, async (t) => {
        const disk = new FaultyDisk();
        const ledger = new Ledger();
        await using first = await disk.start(storage);
        assert.equal(await first.settled(), undefined, first.output);
        await storm(first, ledger, 3);
        assert.deepEqual(ledger.takeStatuses(), { 200: 3 * GROUPS.length });
        assert.equal(disk.faults, 0);

        disk.set(fault);
        await storm(first, ledger, 1);
        assert.deepEqual(ledger.takeStatuses(), { 503: GROUPS.length }, first.output);
        assert.ok(disk.faults > 0, "no call was made to fail");
        await ledger.check(first, "on the failing disk");
        t.diagnostic(`${disk.faults} calls failed`);

        disk.set("");
        if (needsRestart.includes(storage)) {
          assert.equal(await ledger.push(first, GROUPS[0]!), 503);
          assert.match(first.output, /until a restart/);
          await ledger.check(first, "before the restart");
          await first.stop();
        } else {
          assert.ok(await recovers(first, ledger), first.output);
          await storm(first, ledger, 2);
          await ledger.check(first, "on the disk that works again");
          await first.stop("SIGKILL");
        }
        await using second = await disk.start(storage);
        assert.equal(await second.settled(), undefined, second.output);
        await ledger.check(second, "after the restart");
        assert.ok(await recovers(second, ledger), second.output);
      });
    }

    test(`${storage}, short writes: nobody notices`, { timeout: 120_000 }, async () => {
      const disk = new FaultyDisk();
      const ledger = new Ledger();
      disk.set("write short 1");
      await using gateway = await disk.start(storage);
      assert.equal(await gateway.settled(), undefined, gateway.output);
      await storm(gateway, ledger, 5);
      assert.deepEqual(ledger.takeStatuses(), { 200: 5 * GROUPS.length });
      assert.ok(disk.faults > 5 * GROUPS.length, "hardly any write was cut short");
      await gateway.stop("SIGKILL");
      await using again = await disk.start(storage);
      assert.equal(await again.settled(), undefined, again.output);
      await ledger.check(again, "after the kill");
    });

    test(`${storage}: kills and faults by chance, ${ROUNDS} times on one journal, lose nothing`, {
      timeout: ROUNDS * 30_000,
    }, async (t) => {
      const disk = new FaultyDisk();
      const ledger = new Ledger();
      let refusedStarts = 0;
      for (let round = 0; round < ROUNDS; round++) {
        await using gateway = await disk.start(storage);
        if ((await gateway.settled()) !== undefined) {
          // The disk still failed; with a disk that works it has to start.
          refusedStarts++;
          disk.set("");
          continue;
        }
        await ledger.check(gateway, `round ${round}`);
        const pushing = storm(gateway, ledger, SOAK ? 200 : 60);
        const what = `${["write", "sync", "write,sync"][randomInt(3)]} ${["EIO", "ENOSPC", "partial"][randomInt(3)]}`;
        await sleep(randomInt(20, 300));
        disk.set(`${what} ${randomInt(1, 12)}`);
        await sleep(randomInt(20, 300));
        await gateway.request("GET", "/metrics?collect[]=pushed").then(({ status }) => assert.equal(status, 200));
        if (randomInt(2) === 0) disk.set("");
        await sleep(randomInt(0, 200));
        await gateway.stop("SIGKILL");
        await pushing;
      }
      disk.set("");
      await using gateway = await disk.start(storage);
      assert.equal(await gateway.settled(), undefined, gateway.output);
      await ledger.check(gateway, "at the end");
      const statuses = ledger.takeStatuses();
      assert.ok(disk.faults > 0 && (statuses[200] ?? 0) > 0);
      t.diagnostic(
        `${disk.faults} faults, pushes by status ${JSON.stringify(statuses)}, ${refusedStarts} starts refused`,
      );
    });
  }
});
