import { parseOptions } from "@node-rs/bcrypt";
import { fromByteString, type GroupingKey, WaystationError } from "@waystation/core";
import { parseYaml, Section } from "../config/yaml-section.ts";
import { matchesGlob } from "./glob.ts";

/**
 * - `push`: push to groups
 * - `scrape`: read the telemetry path
 * - `read`: see everything else that can be seen, by the APIs and the web interface
 * - `delete`: delete groups, and families of groups
 * - `admin`: everything, wiping and stopping included
 */
export const ROLES = ["push", "scrape", "read", "delete", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Somebody who is known, and what they may do. */
export interface Principal {
  /** For logs: `user alice`, `token ci`. */
  readonly name: string;
  readonly roles: ReadonlySet<Role>;
  /** Patterns by label name; only groups whose grouping labels match all of them may be pushed to, deleted or seen. */
  readonly labels: ReadonlyMap<string, string>;
}

export interface AccessRules {
  /** By the SHA-256 of the token, in hexadecimal digits. */
  readonly tokens: ReadonlyMap<string, Principal>;
  readonly users: ReadonlyMap<string, Principal>;
  /** Bcrypt hashes of the users' passwords. */
  readonly passwords: ReadonlyMap<string, string>;
}

/**
 * Reads an access file:
 *
 *     tokens:
 *       backup-jobs:
 *         sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
 *         roles: [push, delete]
 *         job: "backup-*"
 *     users:
 *       alice:
 *         password: $2b$10$…
 *         roles: [read, delete]
 *         labels: { job: "*", team: "db" }
 *
 * @throws `CONFIG`, naming the key
 */
export function parseAccessRules(text: string): AccessRules {
  const root = new Section(parseYaml(text), "");
  const tokens = new Map<string, Principal>();
  for (const [name, section] of root.section("tokens").sections()) {
    const digest = (section.text("sha256") ?? "").toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(digest)) throw invalid(`${section.name}.sha256: must be 64 hexadecimal digits`);
    if (tokens.has(digest)) throw invalid(`${section.name}.sha256: another token has the same`);
    tokens.set(digest, readPrincipal(section, `token ${name}`));
  }
  const users = new Map<string, Principal>();
  const passwords = new Map<string, string>();
  for (const [name, section] of root.section("users").sections()) {
    const hash = section.text("password") ?? "";
    try {
      parseOptions(hash);
    } catch (error) {
      throw invalid(`${section.name}.password: must be a bcrypt hash`, error);
    }
    users.set(name, readPrincipal(section, `user ${name}`));
    passwords.set(name, hash);
  }
  root.requireNothingElse();
  if (tokens.size + users.size === 0) throw invalid("there are neither tokens nor users: nobody could do anything");
  return { tokens, users, passwords };
}

function readPrincipal(section: Section, name: string): Principal {
  const roles = new Set(section.choices("roles", new Map(ROLES.map((role) => [role, role]))));
  if (roles.size === 0) throw invalid(`${section.name}.roles: must name at least one of ${ROLES.join(", ")}`);
  const labels = new Map(section.section("labels").texts());
  const job = section.text("job");
  if (job !== undefined) {
    if (labels.has("job")) throw invalid(`${section.name}.job: is also given in labels`);
    labels.set("job", job);
  }
  if (labels.size > 0 && roles.has("admin")) {
    // Rather than to let somebody believe that wiping is limited too.
    throw invalid(`${section.name}: job and labels cannot limit the role admin`);
  }
  section.requireNothingElse();
  return { name, roles, labels };
}

export function hasRole({ roles }: Principal, role: Role): boolean {
  return roles.has(role) || roles.has("admin");
}

/** May what the principal's roles allow be done to this group? A label that it does not have counts as empty. */
export function coversGroup({ labels }: Principal, key: GroupingKey): boolean {
  for (const [name, pattern] of labels) {
    const label = key.labels.find((candidate) => fromByteString(candidate.name) === name);
    if (!matchesGlob(pattern, label === undefined ? "" : fromByteString(label.value))) return false;
  }
  return true;
}

function invalid(message: string, cause?: unknown): WaystationError {
  return new WaystationError("CONFIG", message, { cause });
}
