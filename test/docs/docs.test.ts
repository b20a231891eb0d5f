/**
 * Every code block of the documentation is run, in order, against a gateway that is started for its file. In the blocks 9091 stands for
 * that gateway's port, 9092 for one on the `./waystation.db` that earlier blocks have made, and `waystation` for the program. A block that
 * cannot be run says why in a comment on the line before it: `<!-- not run: … -->`.
 */
import assert from "node:assert/strict";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { WAYSTATION_COMMAND } from "../../conformance/src/waystation.ts";
import { startGateway } from "../support/gateway.ts";
import { findProgram, findPython, runProgram } from "../support/programs.ts";
import { NO_PROMETHEUS, Prometheus } from "../support/prometheus.ts";
import { type Block, blocksOf } from "./blocks.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** What the README tells a newcomer to run first: these are run by .ci/run, in a fresh clone and as its tests. */
const COMMANDS = ["npx -y pnpm@10 start\n", "npx -y pnpm@10 test\n"];

for (const file of ["README.md", ...globSync("{docs,examples}/**/*.md", { cwd: root, exclude: ["**/node_modules"] })]) {
  const blocks = blocksOf(file, readFileSync(join(root, file), "utf8"));
  if (blocks.length > 0) describe(file, () => runInOrder(blocks));
}

function runInOrder(blocks: readonly Block[]): void {
  let gateway: GatewayProcess;
  let second: GatewayProcess | undefined;
  let folder: string;
  let output = "";

  before(async () => {
    gateway = await startGateway("--web.enable-admin-api", "--web.enable-lifecycle");
    folder = mkdtempSync(join(tmpdir(), "docs-"));
    // Blocks import the packages as a program beside the server would.
    symlinkSync(join(root, "packages/server/node_modules"), join(folder, "node_modules"));
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/waystation"), `#!/bin/sh\nexec ${WAYSTATION_COMMAND} "$@"\n`, { mode: 0o755 });
  });
  after(async () => {
    await Promise.all([gateway?.stop(), second?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const run: Record<string, (content: string) => Promise<void>> = {
    async sh(content) {
      output = await succeed("bash", ["-euo", "pipefail", "-c", content]);
    },
    /** What the block before has printed, among other things. */
    async text(content) {
      for (const line of content.trimEnd().split("\n"))
        assert.ok(output.split("\n").includes(line), `not printed: ${line}\n${output}`);
    },
    async python(content) {
      await succeed(findPython("prometheus_client")!, ["-c", content]);
    },
    async js(content) {
      const program = join(folder, "block.mjs");
      writeFileSync(program, content);
      output = await succeed(process.execPath, [program]);
    },
    async ts(content) {
      const program = join(folder, "block.mts");
      writeFileSync(program, content);
      output = await succeed(process.execPath, [program]);
    },
    async yaml(content) {
      const path = join(folder, "block.yml");
      writeFileSync(path, content);
      const kind = content.includes("scrape_configs:") ? "config" : "rules";
      await succeed(findProgram("promtool")!, ["check", kind, path]);
      if (kind === "rules") return;
      await fetch(`${gateway.url}/metrics/job/checked/instance/here`, { method: "PUT", body: "pushed_for_docs 1\n" });
      await using prometheus = await Prometheus.start(`global: { scrape_interval: 1s }\n${content}`);
      const [found] = await prometheus.queryUntilFound("pushed_for_docs");
      assert.deepEqual(found?.metric, { __name__: "pushed_for_docs", job: "checked", instance: "here" });
    },
  };

  async function succeed(command: string, args: string[]): Promise<string> {
    const env = { PATH: `${join(folder, "bin")}${delimiter}${process.env["PATH"]}` };
    const { code, stdout, stderr } = await runProgram(command, args, { cwd: folder, env });
    assert.equal(code, 0, `${stdout}${stderr}`);
    return stdout;
  }

  async function withPorts(content: string): Promise<string> {
    if (content.includes("9092")) {
      second ??= await GatewayProcess.start(WAYSTATION_COMMAND, [`--storage=sqlite:${folder}/waystation.db`]);
    }
    return content.replaceAll("9091", String(gateway.port)).replaceAll("9092", String(second?.port));
  }

  for (const block of blocks) {
    if (block.notRun !== undefined) continue;
    test(`line ${block.line}, ${block.language}`, { skip: reasonToSkip(block) }, async () => {
      if (COMMANDS.includes(block.content)) {
        const runs = [".ci/run", "scripts/check-fresh-clone"].map((script) => readFileSync(join(root, script), "utf8"));
        assert.ok(runs.join().includes(block.content.trim()), "not run by .ci/run");
        return;
      }
      const runBlock = run[block.language];
      assert.ok(runBlock, `nobody knows how to run ${block.language}`);
      await runBlock(await withPorts(block.content));
    });
  }
}

function reasonToSkip({ language }: Block): string | false {
  if (language === "yaml") return NO_PROMETHEUS;
  if (language === "python" && findPython("prometheus_client") === undefined)
    return "no Python with prometheus_client here";
  return false;
}
