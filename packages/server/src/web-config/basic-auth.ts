import { createHmac, randomBytes } from "node:crypto";
import { verify } from "@node-rs/bcrypt";
import { WaystationError } from "@waystation/core";

export interface Credentials {
  readonly user: string;
  /** Bytes as sent: passwords need not be UTF-8. */
  readonly password: Uint8Array;
}

/** Reads an `Authorization: Basic …` header; undefined if it is none. */
export function parseBasicAuth(header: string | undefined): Credentials | undefined {
  const match = /^basic ([A-Za-z0-9+/]*={0,2})$/i.exec(header ?? "");
  if (!match) return undefined;
  const decoded = Buffer.from(match[1]!, "base64");
  const colon = decoded.indexOf(":");
  if (colon < 0) return undefined;
  return { user: decoded.subarray(0, colon).toString("utf8"), password: decoded.subarray(colon + 1) };
}

/** Takes as long to compare with as a real one, so that timing does not tell which users exist. Of a random password. */
const DECOY_HASH = "$2b$10$GKUzgR6PBvVv1ZlMXDFqGuPx6z9N8ZPpBIBUhiXH7d9pDQiNwZcQ2";

const CACHED_VERDICTS = 200;
const MAX_WAITING = 100;

/**
 * Checks passwords against bcrypt hashes: one at a time, in libuv's thread pool, and every combination only once as long as it is
 * remembered.
 *
 * Verdicts are remembered under a keyed digest of user, hash and password with their lengths: no two combinations share a digest,
 * and a changed hash is a new combination. Accepted ones and refused ones are remembered apart, so that guessing does not displace
 * who may come in.
 */
export class PasswordChecker {
  readonly #secret = randomBytes(32);
  readonly #accepted = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #underWay = new Map<string, Promise<boolean>>();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * At once if it is known, else a promise.
   *
   * @param hash of that user; undefined if there is no such user
   * @throws `OVERLOADED` if too many passwords are waiting to be checked
   */
  check(credentials: Credentials, hash: string | undefined): boolean | Promise<boolean> {
    const digest = this.#digest(credentials, hash);
    if (this.#accepted.has(digest)) return true;
    if (this.#refused.has(digest)) return false;
    return this.#underWay.get(digest) ?? this.#compute(digest, credentials, hash);
  }

  #compute(digest: string, { password }: Credentials, hash: string | undefined): Promise<boolean> {
    if (this.#underWay.size >= MAX_WAITING)
      throw new WaystationError("OVERLOADED", "too many passwords are waiting to be checked");
    const verdict = this.#last
      .then(() => verify(password, hash ?? DECOY_HASH))
      .then((matches) => {
        const accepted = matches && hash !== undefined;
        remember(accepted ? this.#accepted : this.#refused, digest);
        return accepted;
      })
      .finally(() => this.#underWay.delete(digest));
    this.#underWay.set(digest, verdict);
    this.#last = verdict.catch(() => {});
    return verdict;
  }

  #digest({ user, password }: Credentials, hash: string | undefined): string {
    const hmac = createHmac("sha256", this.#secret);
    for (const part of [user, hash ?? "", password]) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    return hmac.update(hash === undefined ? "unknown" : "known").digest("base64");
  }
}

/** The oldest goes first. */
function remember(verdicts: Set<string>, digest: string): void {
  if (verdicts.size >= CACHED_VERDICTS) verdicts.delete(verdicts.values().next().value!);
  verdicts.add(digest);
}
