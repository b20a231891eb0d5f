import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, WaystationError } from "@waystation/core";
import { commandFailure, connectFailure, LostConnection } from "./failures.ts";

/** Like an error reply as the client library has it, the command with its secret arguments included. */
function reply(message: string): Error {
  const command = { name: "auth", args: ["hunter2"] };
  return Object.assign(new Error(message), { name: "ReplyError", command });
}

const replies: Readonly<Record<string, ErrorCode | "another server">> = {
  "OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:9.": "FULL",
  "ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not allowed when used memory > 'maxmemory'.":
    "FULL",
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.": "UNAVAILABLE",
  "BUSY Redis is busy running a script.": "UNAVAILABLE",
  "NOREPLICAS Not enough good replicas to write.": "UNAVAILABLE",
  "CLUSTERDOWN The cluster is down": "UNAVAILABLE",
  "ASK 3999 127.0.0.1:6381": "UNAVAILABLE",
  "NOPERM User x has no permissions to run the 'eval' command": "UNAVAILABLE",
  "WRONGTYPE Operation against a key holding the wrong kind of value": "UNAVAILABLE",
  "ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -MISCONF Errors writing to the AOF file":
    "UNAVAILABLE",
  "READONLY You can't write against a read only replica.": "another server",
  "LOADING Redis is loading the dataset in memory": "another server",
  "MASTERDOWN Link with MASTER is down": "another server",
  "MOVED 3999 127.0.0.1:6381": "another server",
  "NOAUTH Authentication required.": "another server",
  "ERR upstream timed out": "IN_DOUBT",
  "EXOTIC something that a proxy says": "IN_DOUBT",
};

for (const [message, verdict] of Object.entries(replies)) {
  test(`${message.slice(0, 60)} means ${verdict}`, () => {
    const failure = commandFailure(reply(message));
    if (verdict === "another server") {
      assert(failure instanceof LostConnection);
      assert.equal(failure.unsent, true);
    } else {
      assert(failure instanceof WaystationError);
      assert.equal(failure.code, verdict);
    }
    assert.equal(failure.cause, undefined, "the library's error holds arguments of the command");
  });
}

test("a failed connection leaves a command in doubt, unless it was not written to the socket", () => {
  const lost = commandFailure(new Error("Connection is closed."));
  assert(lost instanceof LostConnection);
  assert.equal(lost.unsent, false);
  const refused = commandFailure(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
  assert(refused instanceof LostConnection);
  assert.equal(refused.unsent, true);
});

test("why a connection failed is said without the arguments of commands", () => {
  assert.match(
    connectFailure(reply("WRONGPASS invalid username-password pair or user is disabled.")),
    /user name or password \(WRONGPASS\)/,
  );
  assert.equal(connectFailure(new Error("connect ECONNREFUSED 127.0.0.1:6379")), "connect ECONNREFUSED 127.0.0.1:6379");
});
