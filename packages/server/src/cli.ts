#!/usr/bin/env node
import { isWaystationError } from "@waystation/core";
import { type CommandLine, createProgram } from "./config/command-line.ts";
import { resolveSettings, type Settings } from "./config/settings.ts";
import { keepHeapSmall, keepYoungGenerationSmall } from "./heap-settings.ts";
import { createLogger, type Logger } from "./logging.ts";
import type { RunningServer } from "./start-server.ts";
import type { ImportOptions } from "./take-over/import-command.ts";

// Modules are loaded where they are needed: neither --help nor a wrong flag should wait for a whole server.

async function serve(settings: Settings, logger: Logger): Promise<void> {
  keepYoungGenerationSmall();
  const { startServer } = await import("./start-server.ts");
  let server: RunningServer | undefined;
  let stopping = false;
  // Before it listens: whoever reads that it does may stop it at once.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (server === undefined) {
        // Nothing is served yet, so it ends as without a handler.
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
        return;
      }
      if (stopping) process.exit(1);
      stopping = true;
      logger.info({ signal }, "stopping; a second signal stops at once");
      // How it went is told by `stopped`.
      server.stop().catch(() => {});
    });
  }
  server = await startServer({ settings, logger });
  keepHeapSmall();
  await server.stopped;
}

async function importGroups(options: ImportOptions, settings: Settings, logger: Logger): Promise<void> {
  const command = await import("./take-over/import-command.ts");
  await command.importGroups(options, settings, logger);
}

/** What an operator can mend ends with a line in the log and code 1; anything else is a defect and shows its stack. */
async function run(
  commandLine: CommandLine,
  command: (settings: Settings, logger: Logger) => Promise<void>,
): Promise<void> {
  const { values } = commandLine;
  const logger = createLogger({ level: values["log.level"], format: values["log.format"] });
  try {
    await command(resolveSettings(commandLine), logger);
  } catch (error) {
    if (!isWaystationError(error)) throw error;
    logger.error({ code: error.code, err: error }, "giving up");
    process.exitCode = 1;
  }
}

await createProgram(process.env, {
  serve: (commandLine) => run(commandLine, serve),
  importGroups: (options, commandLine) =>
    run(commandLine, (settings, logger) => importGroups(options, settings, logger)),
}).parseAsync();
