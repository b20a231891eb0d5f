import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { track } from "./child.ts";

type Message = { readonly output: unknown } | { readonly error: string };

/**
 * Runs a module of the bench in a process of its own: what it does neither delays this process nor finds code that was optimised for
 * something else. The module calls {@link answerWith}.
 *
 * @param input must survive JSON
 */
export async function runModule<Input, Output>(module: URL, input: Input): Promise<Output> {
  const child = track(fork(fileURLToPath(module), [JSON.stringify(input)], { execArgv: [] }));
  const exited = once(child, "exit").then(() => {
    throw new Error(`${fileURLToPath(module)} ended without an answer`);
  });
  exited.catch(() => {});
  const [message] = (await Promise.race([once(child, "message"), exited])) as [Message];
  if ("error" in message) throw new Error(message.error);
  return message.output as Output;
}

/** The other side of {@link runModule}. */
export async function answerWith<Input, Output>(job: (input: Input) => Promise<Output>): Promise<void> {
  const message: Message = await job(JSON.parse(process.argv[2]!)).then(
    (output) => ({ output }),
    (error: unknown) => ({ error: String((error as Error)?.stack ?? error) }),
  );
  // Whatever is still open, such as connections of a load that failed, must not keep it from ending.
  process.send!(message, () => process.exit());
}
