import { WaystationError } from "@waystation/core";

/**
 * Error replies that Redis gives before it has run any of a script, or from a script that has written nothing, each with what an
 * operator should know. For these, an append is certainly not written.
 */
const REFUSALS: Readonly<Record<string, string>> = {
  MISCONF: "Redis cannot save to its disk and therefore takes no writes: see its log",
  LOADING: "Redis is still loading its data",
  BUSY: "Redis is busy with a script of somebody else",
  READONLY: "this server is a replica now: looking for the primary",
  MASTERDOWN: "this server is a replica that has lost its primary",
  NOREPLICAS: "Redis has fewer good replicas than min-replicas-to-write asks for",
  CLUSTERDOWN: "the Redis cluster is down: not all slots are served",
  MOVED: "another node of the cluster has the slot: looking for it (the URL must say redis+cluster://)",
  ASK: "the slot is being moved to another node",
  TRYAGAIN: "the slot is being moved to another node",
  NOAUTH: "Redis wants a password and none was given",
  WRONGPASS: "Redis refuses this user name or password",
  NOPERM: "this Redis user lacks a permission: it needs ~{prefix}:* and the commands named in the manual",
  WRONGTYPE: "a key of this journal holds something else: choose another prefix",
};

/** Replies after which this connection is of no more use: another server, or a new login, may be better. */
const RECONNECT = new Set(["READONLY", "MASTERDOWN", "MOVED", "LOADING", "NOAUTH", "WRONGPASS"]);

/** A call failed and the connection with it, or Redis said that it is the wrong server. */
export class LostConnection extends Error {
  override readonly name = "LostConnection";
  /** Is it certain that the command was not executed? */
  readonly unsent: boolean;

  constructor(message: string, unsent: boolean) {
    super(message);
    this.unsent = unsent;
  }
}

/** An append was not executed, since gateways are putting back what Redis had lost: to be tried again when that is over. */
export class Unsettled extends Error {
  override readonly name = "Unsettled";
}

/** The first word of an error reply, also of one that a script passed on (before Redis 7 in the middle of the message). */
function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "ReplyError") return undefined;
  return /^([A-Z]+) /.exec(error.message)?.[1] === "ERR"
    ? (/ -([A-Z]{3,}) /.exec(error.message)?.[1] ?? "ERR")
    : /^([A-Z]+)\b/.exec(error.message)?.[1];
}

/** For a command that can be done without: managed services and ACLs often forbid some. Other errors count. */
export function unlessForbidden(error: unknown): undefined {
  const code = replyCode(error);
  if (code === "NOPERM" || (code === "ERR" && /unknown/i.test(String(error)))) return undefined;
  throw error;
}

/**
 * What a failed command means. Errors of the client library are never passed on or kept as a cause: they carry the command with its
 * arguments, passwords of the login and pushed data among them.
 */
export function commandFailure(error: unknown): WaystationError | LostConnection {
  if (error instanceof WaystationError || error instanceof LostConnection) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = replyCode(error);
  if (code === undefined) {
    // Not a reply: the connection failed. The library says this of commands that it did not even try to send.
    return new LostConnection(`the connection to Redis was lost: ${message}`, message.includes("isn't writeable"));
  }
  if (code === "OOM") {
    return new WaystationError(
      "FULL",
      "Redis has reached maxmemory and takes no writes: give it more memory or remove other data; certainly not stored",
    );
  }
  const refusal = REFUSALS[code];
  if (refusal === undefined) {
    return new WaystationError(
      "IN_DOUBT",
      `Redis answered with an error that tells nothing about the write: ${message}`,
    );
  }
  if (RECONNECT.has(code)) return new LostConnection(`${refusal} (${code})`, true);
  return new WaystationError("UNAVAILABLE", `${refusal} (${code}); certainly not stored`);
}

/** Why a connection could not be made, without arguments of commands; see {@link commandFailure}. */
export function connectFailure(error: unknown): string {
  const code = replyCode(error);
  const refusal = code === undefined ? undefined : REFUSALS[code];
  if (refusal !== undefined) return `${refusal} (${code})`;
  return error instanceof Error ? error.message || error.name : String(error);
}
