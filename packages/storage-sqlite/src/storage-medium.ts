import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Durability } from "@waystation/core";

/** `statfs` types of Linux file systems that are memory: include/uapi/linux/magic.h. */
const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** What a commit with fsync to a file at `path` outlives: on a disk a host crash, in memory only that of the process. */
export function durabilityOf(path: string): Durability {
  if (process.platform !== "linux") return "host-crash";
  const { type } = statfsSync(dirname(path));
  return type === TMPFS || type === RAMFS ? "gateway-crash" : "host-crash";
}
