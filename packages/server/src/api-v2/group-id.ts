import { type ByteString, escapeLabelName, type Gateway, type GroupingKey, type GroupView } from "@waystation/core";
import { ApiError } from "./api-error.ts";

/** How a group is named in URLs: one path segment, whatever its labels hold. */
export function groupId(key: Pick<GroupingKey, "id">): string {
  return Buffer.from(key.id, "latin1").toString("base64url");
}

/** @throws `NOT_FOUND` */
export function findGroup(gateway: Gateway, id: string): GroupView {
  const group = lookUpGroup(gateway, id);
  if (group === undefined) throw new ApiError("NOT_FOUND", `there is no group ${JSON.stringify(id)}`);
  return group;
}

export function lookUpGroup(gateway: Gateway, id: string): GroupView | undefined {
  return gateway.group({ id: Buffer.from(id, "base64url").toString("latin1"), labels: [] });
}

/** What follows `/metrics/` in the path that pushes to the group. */
export function pushPath({ labels }: GroupingKey): string {
  const job = labels.find(({ name }) => name === "job")!;
  const rest = labels.filter((label) => label !== job);
  return [job, ...rest].map(({ name, value }) => pathPair(escapeLabelName(name, "values"), value)).join("/");
}

/** Slashes would be taken for the end of the value, and an empty segment or one of dots would be cleaned away. */
function pathPair(name: ByteString, value: ByteString): string {
  if (value === "") return `${segment(name)}@base64/=`;
  if (value.includes("/") || /^\.{1,2}$/.test(value)) {
    return `${segment(name)}@base64/${Buffer.from(value, "latin1").toString("base64url")}`;
  }
  return `${segment(name)}/${segment(value)}`;
}

function segment(text: ByteString): string {
  return text.replace(
    /[^A-Za-z0-9\-_.~]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
