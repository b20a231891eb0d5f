import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../conformance/src/gateway-process.ts";
import { findProgram } from "./programs.ts";

/** Why a test that needs it is skipped, or false if it can run. */
export const NO_PROMETHEUS = findProgram("prometheus") === undefined && "no prometheus here: scripts/peers fetches it";

/** An element of an instant vector, as Prometheus' HTTP API gives it. */
export interface QueriedSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** A real Prometheus with a data folder of its own. */
export class Prometheus implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #port: number;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#port = port;
  }

  /** Resolves once it answers queries. `configuration` is the content of its configuration file. */
  static async start(configuration: string): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), "prometheus-"));
    writeFileSync(join(folder, "prometheus.yml"), configuration);
    const port = await freePort();
    const child = spawn(
      findProgram("prometheus")!,
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: "ignore" },
    );
    const prometheus = new Prometheus(child, folder, port);
    for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
      const ready = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      if (ready?.ok) return prometheus;
      await sleep(50);
    }
    await prometheus[Symbol.asyncDispose]();
    throw new Error("Prometheus did not become ready");
  }

  async query(expression: string): Promise<QueriedSample[]> {
    const response = await fetch(
      `http://127.0.0.1:${this.#port}/api/v1/query?${new URLSearchParams({ query: expression })}`,
    );
    const answer = (await response.json()) as { status: string; error?: string; data?: { result: QueriedSample[] } };
    if (answer.status !== "success") throw new Error(`${expression}: ${answer.error}`);
    return answer.data!.result;
  }

  /** Repeats a query until it gives something, so until the next scrape; an empty list after 20 seconds. */
  async queryUntilFound(expression: string): Promise<QueriedSample[]> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const found = await this.query(expression);
      if (found.length > 0) return found;
      await sleep(200);
    }
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
