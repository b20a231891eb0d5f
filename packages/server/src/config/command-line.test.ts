import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImportOptions } from "../take-over/import-command.ts";
import { type CommandLine, createProgram } from "./command-line.ts";
import { environmentVariable, FLAG_NAMES } from "./flags.ts";

interface Outcome {
  /** Of `import`. */
  readonly importing?: ImportOptions | undefined;
  readonly commandLine?: CommandLine;
  readonly exitCode?: number;
  readonly out: string;
  readonly err: string;
}

async function parse(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  let commandLine: CommandLine | undefined;
  let importing: ImportOptions | undefined;
  let out = "";
  let err = "";
  const program = createProgram(env, {
    serve: async (parsed) => {
      commandLine = parsed;
    },
    importGroups: async (options, parsed) => {
      importing = options;
      commandLine = parsed;
    },
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (err += text) });
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return { commandLine: commandLine!, importing, out, err };
  } catch (error) {
    return { exitCode: (error as { exitCode: number }).exitCode, out, err };
  }
}

async function valuesOf(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandLine["values"]> {
  const { commandLine, err } = await parse(args, env);
  assert.ok(commandLine, err);
  return commandLine.values;
}

test("without flags everything has the documented default", async () => {
  const values = await valuesOf([]);
  assert.deepEqual(values["web.listen-address"], [":9091"]);
  assert.equal(values["web.telemetry-path"], "/metrics");
  assert.equal(values.storage, "sqlite:./waystation.db");
  assert.equal(values["persistence.interval"], 300_000);
  assert.equal(values["web.enable-admin-api"], false);
  assert.equal(values["log.format"], "logfmt");
});

test("flags are taken with an equals sign or a space, switches also negated", async () => {
  const values = await valuesOf([
    "--web.telemetry-path=/a",
    "--log.level",
    "debug",
    "--web.enable-admin-api",
    "--web.enable-lifecycle",
    "--no-web.enable-lifecycle",
    "--persistence.file=",
  ]);
  assert.equal(values["web.telemetry-path"], "/a");
  assert.equal(values["log.level"], "debug");
  assert.equal(values["web.enable-admin-api"], true);
  assert.equal(values["web.enable-lifecycle"], false);
  assert.equal(values["persistence.file"], "");
});

test("listen addresses add up", async () => {
  const values = await valuesOf([
    "--web.listen-address=127.0.0.1:1",
    "--web.listen-address=[::1]:2",
    "--web.listen-address=:3",
  ]);
  assert.deepEqual(values["web.listen-address"], ["127.0.0.1:1", "[::1]:2", ":3"]);
});

test("the environment sets what the command line leaves open", async () => {
  const env = {
    WAYSTATION_WEB_LISTEN_ADDRESS: "127.0.0.1:1,127.0.0.1:2",
    WAYSTATION_WEB_ENABLE_ADMIN_API: "true",
    WAYSTATION_WEB_ENABLE_LIFECYCLE: "false",
    WAYSTATION_LOG_LEVEL: "error",
  };
  const { commandLine } = await parse(["--log.level=warn"], env);
  assert.deepEqual(commandLine!.values["web.listen-address"], ["127.0.0.1:1", "127.0.0.1:2"]);
  assert.equal(commandLine!.values["web.enable-admin-api"], true);
  assert.equal(commandLine!.values["web.enable-lifecycle"], false);
  assert.equal(commandLine!.values["log.level"], "warn");
  assert.ok(commandLine!.given.has("web.listen-address"));
  assert.ok(!commandLine!.given.has("storage"));
});

test("mistakes end with code 1 and name the flag and the value", async () => {
  for (const [args, env, told] of [
    [["--no-such-flag"], {}, "--no-such-flag"],
    [["positional"], {}, "positional"],
    [["import"], {}, "--from"],
    [["import", "--from=x", "--web.route-prefix=/x"], {}, "--web.route-prefix"],
    [["--log.level=loud"], {}, "loud"],
    [["--web.listen-address=nowhere"], {}, "nowhere"],
    [["--web.listen-address=:99999"], {}, "99999"],
    [["--push.max-body-bytes=0"], {}, "--push.max-body-bytes"],
    [["--persistence.interval=5"], {}, "--persistence.interval"],
    [["--web.enable-admin-api=maybe"], {}, "--web.enable-admin-api"],
    [["--web.config.file"], {}, "--web.config.file"],
    [[], { WAYSTATION_WEB_ENABLE_ADMIN_API: "1" }, "WAYSTATION_WEB_ENABLE_ADMIN_API"],
  ] as const) {
    const { exitCode, err, out } = await parse(args, env);
    assert.equal(exitCode, 1, args.join(" "));
    assert.ok(err.includes(told), `${told} in ${err}`);
    assert.equal(out, "");
  }
});

test("a value is complained about once, and every complaint says where to read on", async () => {
  const { err } = await parse(["--log.level=loud"]);
  assert.match(err, /^error: --log\.level: invalid value "loud": write one of [^\n]+\n[^\n]*--help/);
  assert.match((await parse(["--web.enable-admin-api=true"])).err, /switch[^\n]*takes no value/);
  for (const args of [["--no-such-flag"], ["imprt"], ["import"]]) {
    assert.match((await parse(args)).err, /--help/, args.join(" "));
  }
});

test("--help names every flag, and --version the version of this and that", async () => {
  const help = await parse(["--help"]);
  assert.equal(help.exitCode, 0);
  for (const name of FLAG_NAMES) assert.ok(help.out.includes(`--${name}`), name);
  const version = await parse(["--version"]);
  assert.equal(version.exitCode, 0);
  assert.match(version.out, /^waystation, version \d+\.\d+\.\d+ .*pushgateway, version 1\.11/);
});

test("import takes an address and says where to", async () => {
  const { importing, commandLine } = await parse(["import", "--from", "http://old:9091", "--storage=file:x"]);
  assert.deepEqual(importing, { from: "http://old:9091", telemetryPath: undefined, intoNonEmpty: undefined });
  assert.equal(commandLine!.values.storage, "file:x");
  const more = await parse(["import", "--from=http://old:9091", "--from-telemetry-path=/m", "--into-non-empty"]);
  assert.deepEqual(more.importing, { from: "http://old:9091", telemetryPath: "/m", intoNonEmpty: true });
});

test("environment variables are spelled after the flags", () => {
  assert.equal(environmentVariable("push.enable-utf8-names"), "WAYSTATION_PUSH_ENABLE_UTF8_NAMES");
});
