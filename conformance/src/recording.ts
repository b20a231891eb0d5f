import { readFileSync, writeFileSync } from "node:fs";
import type { Answer } from "./case.ts";

/** What a gateway answered to each step of each case, kept as data so that the suite needs no other program. */
export interface Recording {
  /** The gateway that answered, as it says of itself. */
  readonly of: string;
  readonly cases: Readonly<Record<string, readonly Answer[]>>;
}

export function readRecording(file: string): Recording {
  return JSON.parse(readFileSync(file, "utf8")) as Recording;
}

/** One line a step, so that a change of behaviour shows as a changed line. */
export function writeRecording(file: string, { of, cases }: Recording): void {
  const entries = Object.entries(cases).map(
    ([name, answers]) =>
      `${JSON.stringify(name)}: [\n${answers.map((answer) => `  ${JSON.stringify(answer)}`).join(",\n")}\n]`,
  );
  writeFileSync(file, `{"of": ${JSON.stringify(of)}, "cases": {\n${entries.join(",\n")}\n}}\n`);
}
