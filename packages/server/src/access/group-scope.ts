import type { IncomingMessage } from "node:http";
import type { GroupingKey } from "@waystation/core";

/** May a group be seen? */
export type GroupScope = (key: GroupingKey) => boolean;

const SCOPES = new WeakMap<IncomingMessage, GroupScope>();

export function limitToScope(req: IncomingMessage, scope: GroupScope): void {
  SCOPES.set(req, scope);
}

/** The groups that whoever sends a request may see, of which the answer must not go beyond; undefined: all. */
export function scopeOf(req: IncomingMessage): GroupScope | undefined {
  return SCOPES.get(req);
}
