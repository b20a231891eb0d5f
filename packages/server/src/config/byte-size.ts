import { WaystationError } from "@waystation/core";

const UNITS: Readonly<Record<string, number>> = { "": 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const SIZE = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)?$/;

/** Reads `67108864`, `64MiB`, `1.5GiB` as a whole, positive number of bytes. @throws `CONFIG` */
export function parseByteSize(text: string): number {
  const match = SIZE.exec(text);
  const bytes = match ? Math.floor(Number(match[1]) * UNITS[match[2] ?? ""]!) : 0;
  if (bytes < 1 || !Number.isSafeInteger(bytes)) {
    throw new WaystationError(
      "CONFIG",
      `invalid size ${JSON.stringify(text)}: write a positive number of bytes, or like 64MiB`,
    );
  }
  return bytes;
}

/** In the largest unit that gives a whole number. */
export function formatByteSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"]) {
    if (bytes >= UNITS[unit]! && bytes % UNITS[unit]! === 0) return `${bytes / UNITS[unit]!}${unit}`;
  }
  return `${bytes}B`;
}
