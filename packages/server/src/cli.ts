#!/usr/bin/env node
import { isWaystationError } from "@waystation/core";
import { type CommandLine, createProgram } from "./config/command-line.ts";
import { resolveSettings } from "./config/settings.ts";
import { createLogger } from "./logging.ts";

async function run(commandLine: CommandLine): Promise<void> {
  const { values } = commandLine;
  const logger = createLogger({ level: values["log.level"], format: values["log.format"] });
  try {
    // Only now, as neither --help nor a wrong flag should wait for a whole server to load.
    const { startServer } = await import("./start-server.ts");
    const server = await startServer({ settings: resolveSettings(commandLine), logger });
    let stopping = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (stopping) process.exit(1);
        stopping = true;
        logger.info({ signal }, "stopping; a second signal stops at once");
        void server.stop();
      });
    }
    await server.stopped;
  } catch (error) {
    if (!isWaystationError(error)) throw error;
    logger.error({ code: error.code, err: error }, "cannot start");
    process.exitCode = 1;
  }
}

await createProgram(process.env, run).parseAsync();
