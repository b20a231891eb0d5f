import { isWaystationError } from "@waystation/core";
import { Command, Option } from "commander";
import type { ImportOptions } from "../take-over/import-command.ts";
import { versionText } from "../version.ts";
import {
  environmentVariable,
  FLAG_GROUPS,
  FLAG_NAMES,
  FLAGS,
  type Flag,
  type FlagName,
  type FlagValues,
} from "./flags.ts";

/** What the command line and the environment say; `given` holds the flags that were set in either, be it to their default. */
export interface CommandLine {
  readonly values: FlagValues;
  readonly given: ReadonlySet<FlagName>;
}

const DESCRIPTION = `A Prometheus Pushgateway that keeps what it acknowledges.

Batch jobs push metrics over HTTP; Waystation stores the last value of each, and Prometheus scrapes them.`;

const EPILOGUE = `
Every flag has an environment variable: --${"web.listen-address"} is ${environmentVariable("web.listen-address")}. Flags win over
variables. A switch is turned off with --no-<name>, in the environment with false. Sizes: 512KiB, 64MiB. Durations: 30s, 5m, 1h30m.

Examples:
  waystation                                                   listen on :9091, keep pushes in ./waystation.db
  waystation --storage=file:/var/lib/waystation                keep them in a directory of journal files
  waystation --storage=redis://redis:6379/0                    any number of replicas that share one state
  waystation --web.listen-address=127.0.0.1:9091 --web.enable-admin-api
  waystation --persistence.file=/data/pushgateway              take over from the Go Pushgateway that wrote this file
  waystation import --from http://old:9091                     or from one that is running

  echo 'backup_seconds 42' | curl --data-binary @- http://localhost:9091/metrics/job/backup/instance/db1
  curl http://localhost:9091/metrics
`;

/** What the program does with its flags. */
export interface Commands {
  /** `waystation` */
  serve(commandLine: CommandLine): Promise<void>;
  /** `waystation import --from <url>` */
  importGroups(options: ImportOptions, commandLine: CommandLine): Promise<void>;
}

const IMPORT_DESCRIPTION = `Take all metric groups of a running Pushgateway, in Go or this one, into a storage.

Their values, types, help and push times stay exact. Pushes may go on meanwhile, to either gateway: a group that was pushed to later
than in the old one stays as it is. Redis and SQLite may be in use by gateways; file:DIRECTORY must not.`;

/** As commander names them. */
interface ImportOpts {
  readonly from: string;
  readonly fromTelemetryPath?: string;
  readonly intoNonEmpty?: boolean;
}

const IMPORT_FLAGS: readonly FlagName[] = ["storage", "persistence.file", "log.level", "log.format"];

/**
 * A commander program with all flags, which calls `commands` with their values. Bad flags and arguments are reported on standard
 * error with exit code 1; `--help` and `--version` print to standard output with exit code 0.
 */
export function createProgram(env: NodeJS.ProcessEnv, commands: Commands): Command {
  const program = new Command("waystation")
    .description(DESCRIPTION)
    .usage("[flags]")
    .helpOption("-h, --help", "Show this help.")
    .version(versionText(), "--version", "Show the version.")
    .helpCommand(false)
    // Flags after "import" are its own.
    .enablePositionalOptions()
    .allowExcessArguments(false)
    .showSuggestionAfterError()
    .showHelpAfterError("--help lists what there is. A switch takes no value: write --<name> or --no-<name>.")
    .addHelpText("after", EPILOGUE);
  addFlags(program, FLAG_NAMES);
  program.action(async () => {
    await commands.serve(collect(program, FLAG_NAMES, env));
  });

  const importing = program
    .command("import")
    .summary("take over what another Pushgateway holds")
    .description(IMPORT_DESCRIPTION)
    .usage("--from <url> [flags]")
    .helpOption("-h, --help", "Show this help.")
    .allowExcessArguments(false)
    .requiredOption("--from <url>", "The gateway to read, like http://old:9091 or https://user:password@old/prefix.")
    .option("--from-telemetry-path <path>", "Path of its metrics, if it has another than /metrics.")
    .option("--into-non-empty", "Import although the storage holds groups already.");
  addFlags(importing, IMPORT_FLAGS);
  importing.action(async () => {
    const { from, fromTelemetryPath, intoNonEmpty } = importing.opts<ImportOpts>();
    const options = { from, telemetryPath: fromTelemetryPath, intoNonEmpty };
    await commands.importGroups(options, collect(importing, IMPORT_FLAGS, env));
  });
  return program;
}

function addFlags(command: Command, names: readonly FlagName[]): void {
  for (const group of FLAG_GROUPS) {
    for (const name of names) if (FLAGS[name].group === group) addFlag(command, name);
  }
}

function addFlag(program: Command, name: FlagName): void {
  const flag: Flag<unknown> = FLAGS[name];
  if (flag.placeholder === undefined) {
    program.addOption(new Option(`--${name}`, flag.help).helpGroup(`${flag.group}:`));
    program.addOption(new Option(`--no-${name}`).hideHelp());
    return;
  }
  const shown = flag.format(flag.default);
  const help = `${flag.help} (default: ${shown === "" ? '""' : shown})`;
  const parse = (text: string, previous: unknown): unknown => {
    const value = parseOrEnd(program, `--${name}`, flag, text);
    return flag.repeatable && Array.isArray(previous) ? [...previous, ...(value as unknown[])] : value;
  };
  program.addOption(new Option(`--${name} <${flag.placeholder}>`, help).argParser(parse).helpGroup(`${flag.group}:`));
}

/** Flags that are not among `names` have their defaults. */
function collect(program: Command, names: readonly FlagName[], env: NodeJS.ProcessEnv): CommandLine {
  const options = program.opts<Record<string, unknown>>();
  const values: Record<string, unknown> = {};
  const given = new Set<FlagName>();
  for (const name of FLAG_NAMES) {
    const flag: Flag<unknown> = FLAGS[name];
    const attribute = new Option(`--${name}`).attributeName();
    const variable = env[environmentVariable(name)];
    values[name] = flag.default;
    if (!names.includes(name)) continue;
    if (program.getOptionValueSource(attribute) === "cli") {
      values[name] = options[attribute];
      given.add(name);
    } else if (variable !== undefined) {
      values[name] = parseOrEnd(program, environmentVariable(name), flag, variable);
      given.add(name);
    }
  }
  return { values: values as FlagValues, given };
}

/** Ends the program on a bad value. @param source the flag or the variable, as the user wrote it */
function parseOrEnd(program: Command, source: string, flag: Flag<unknown>, text: string): unknown {
  try {
    return flag.parse(text);
  } catch (error) {
    if (isWaystationError(error, "CONFIG")) program.error(`error: ${source}: ${error.message}`);
    throw error;
  }
}
