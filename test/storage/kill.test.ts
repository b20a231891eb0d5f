/**
 * Gateways are killed in the middle of a storm of pushes, over HTTP, at random moments, again and again on one storage. Afterwards
 * every acknowledged push has to be there, and every push as a whole.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { WAYSTATION_COMMAND } from "../../conformance/src/waystation.ts";

const ROUNDS = Number(process.env["CRASH_ROUNDS"] ?? 3);
const PUSHERS = 8;

/** Pushes ascending numbers to a group of its own; two families carry the same number, so that a torn push would show. */
class Pusher {
  readonly group: string;
  attempted = 0;
  acknowledged = 0;

  constructor(index: number) {
    this.group = `pusher-${index}`;
  }

  /** Pushes until the gateway is gone. */
  async push(gateway: GatewayProcess): Promise<void> {
    while (gateway.running) {
      const number = ++this.attempted;
      const body = `first ${number}\n# TYPE second counter\nsecond ${number}\n`;
      const response = await fetch(`${gateway.url}/metrics/job/${this.group}`, { method: "PUT", body }).catch(
        () => undefined,
      );
      if (response === undefined) return;
      assert.equal(response.status, 200, await response.text().catch(() => ""));
      this.acknowledged = number;
    }
  }

  check(exposition: string): void {
    const [first, second] = ["first", "second"].map((family) => {
      const line = new RegExp(`^${family}\\{instance="",job="${this.group}"\\} (\\S+)$`, "m").exec(exposition);
      return Number(line?.[1] ?? 0);
    });
    const seen = `${first} after ${this.acknowledged} acknowledged of ${this.attempted}`;
    assert.equal(first, second, `${this.group}: a torn push: ${seen}`);
    assert.ok(first! >= this.acknowledged, `${this.group}: an acknowledged push is lost: ${seen}`);
    assert.ok(first! <= this.attempted, `${this.group}: ${seen}`);
  }
}

for (const storage of ["sqlite", "file"]) {
  test(`${storage}: nothing that was acknowledged is lost in ${ROUNDS} kills`, {
    timeout: ROUNDS * 20_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "killed-"));
    const pushers = Array.from({ length: PUSHERS }, (_, index) => new Pusher(index));
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await using gateway = await GatewayProcess.start(WAYSTATION_COMMAND, [`--storage=${storage}:${folder}/kept`]);
        const exposition = await (await fetch(`${gateway.url}/metrics`)).text();
        for (const pusher of pushers) pusher.check(exposition);
        const storm = pushers.map((pusher) => pusher.push(gateway));
        await sleep(randomInt(20, 500));
        await gateway.kill("SIGKILL");
        await Promise.all(storm);
      }
      await using gateway = await GatewayProcess.start(WAYSTATION_COMMAND, [`--storage=${storage}:${folder}/kept`]);
      const exposition = await (await fetch(`${gateway.url}/metrics`)).text();
      for (const pusher of pushers) pusher.check(exposition);
      assert.ok(
        pushers.some(({ acknowledged }) => acknowledged > ROUNDS),
        "hardly anything was pushed",
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
