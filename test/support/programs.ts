import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The programs that tests use if the machine has them; `.ci/run` installs all of them. */
const PEERS = spawnSync(fileURLToPath(new URL("../../scripts/peers", import.meta.url)), ["--check"], {
  encoding: "utf8",
});

/** Path of a program: one that `scripts/peers` has fetched, else one on the PATH. */
export function findProgram(name: string): string | undefined {
  const folders = [
    ...(PEERS.status === 0 ? [PEERS.stdout.trim()] : []),
    ...(process.env["PATH"] ?? "").split(delimiter),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A Python that can import the module. The one that comes first on the PATH need not be the one with Debian's packages. */
export function findPython(module: string): string | undefined {
  return ["python3", "/usr/bin/python3"].find(
    (python) => spawnSync(python, ["-c", `import ${module}`], { stdio: "ignore" }).status === 0,
  );
}

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, giving it `input`. One that takes longer than a minute is killed; its code is null. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly input?: string | Uint8Array; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<ProgramResult> {
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    // A program that is run by a test is not itself part of the run.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env },
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve)),
  ]);
  return { code, stdout, stderr };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
