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

const CACHED_VERDICTS = 200;
const MAX_WAITING = 100;

/**
 * Checks passwords against bcrypt hashes: one at a time, in libuv's thread pool, and every combination only once as long as it is
 * remembered.
 *
 * Who is no user costs as much as who is, so that timing does not tell which users exist: the password is compared with the hash of a
 * user, always the same one for a name, whatever came of it. Hashes of different cost stay as frequent among names that do not exist
 * as among those that do.
 *
 * Verdicts are remembered under a keyed digest of user, hash and password with their lengths: no two combinations share a digest,
 * and a changed hash is a new combination. Accepted ones and refused ones are remembered apart, so that guessing does not displace
 * who may come in.
 */
export class PasswordChecker {
  readonly #secret = randomBytes(32);
  readonly #verify: typeof verify;
  readonly #accepted = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #underWay = new Map<string, Promise<boolean>>();
  #last: Promise<unknown> = Promise.resolve();

  /** @param compare a password with a hash. Default: bcrypt */
  constructor(compare: typeof verify = verify) {
    this.#verify = compare;
  }

  /**
   * At once if it is known, else a promise.
   *
   * @param hashes by user
   * @throws `OVERLOADED` if too many passwords are waiting to be checked
   */
  check(credentials: Credentials, hashes: ReadonlyMap<string, string>): boolean | Promise<boolean> {
    const hash = hashes.get(credentials.user);
    const digest = this.#digest(credentials, hash);
    if (this.#accepted.has(digest)) return true;
    if (this.#refused.has(digest)) return false;
    return this.#underWay.get(digest) ?? this.#compute(digest, credentials, hash, hashes);
  }

  #compute(
    digest: string,
    { user, password }: Credentials,
    hash: string | undefined,
    hashes: ReadonlyMap<string, string>,
  ): Promise<boolean> {
    if (this.#underWay.size >= MAX_WAITING)
      throw new WaystationError("OVERLOADED", "too many passwords are waiting to be checked");
    const compared = hash ?? this.#decoy(user, hashes);
    const verdict = this.#last
      .then(() => compared !== undefined && this.#verify(password, compared))
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

  /** The hash that stands in for that of somebody who does not exist; undefined if there are no users to be told from. */
  #decoy(name: string, hashes: ReadonlyMap<string, string>): string | undefined {
    if (hashes.size === 0) return undefined;
    const number = createHmac("sha256", this.#secret).update(name).digest().readUInt32LE();
    return [...hashes.values()][number % hashes.size];
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
