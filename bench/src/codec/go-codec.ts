import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DataSet } from "../data/data-set.ts";
import { SHAPES, type ShapeName } from "../data/shapes.ts";
import { track } from "../programs/child.ts";
import { findProgram } from "../programs/programs.ts";

/** Where Debian's packages put the sources of Go libraries. */
const GOPATH = "/usr/share/gocode";
const SOURCE = fileURLToPath(new URL("../../go/codec.go", import.meta.url));
const run = promisify(execFile);

/** MB of text per second. */
export interface GoSpeeds {
  readonly parse: number;
  readonly encode: number;
}

/**
 * Builds the program that measures Go's expfmt.
 *
 * @param folder an empty one
 * @returns what measures one shape, or undefined without Go or the sources of expfmt
 */
export async function buildGoCodec(
  folder: string,
): Promise<((shape: ShapeName, milliseconds: number) => Promise<GoSpeeds>) | undefined> {
  const go = findProgram("go");
  if (go === undefined || !existsSync(join(GOPATH, "src/github.com/prometheus/common/expfmt"))) return undefined;
  const program = join(folder, "codec");
  const env = { ...process.env, GOPATH, GO111MODULE: "off", GOFLAGS: "" };
  await run(go, ["build", "-o", program, SOURCE], { env, timeout: 180_000 });
  return async (shape, milliseconds) => {
    const corpus = join(folder, shape);
    if (!existsSync(corpus)) writeCorpus(corpus, shape);
    const running = run(program, [`${milliseconds}`, corpus], { timeout: 60_000 + 10 * milliseconds });
    track(running.child);
    const { stdout } = await running;
    return JSON.parse(stdout) as GoSpeeds;
  };
}

function writeCorpus(folder: string, shape: ShapeName): void {
  mkdirSync(folder);
  const { bodies } = new DataSet(shape, SHAPES[shape].kinds.length);
  for (const [i, body] of bodies.entries()) writeFileSync(join(folder, `${i}`), body);
}
