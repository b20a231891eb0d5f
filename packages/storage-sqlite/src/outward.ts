import { WaystationError } from "@waystation/core";
import { Refusal } from "./refusal.ts";
import { translateError } from "./sqlite-errors.ts";

/** The error to show outside of this package for one that came up while working on the database at `path`. */
export function outward(error: unknown, path: string): unknown {
  const shown = translateError(error, path);
  return shown instanceof Refusal ? new WaystationError(shown.code, shown.message, { cause: error }) : shown;
}
