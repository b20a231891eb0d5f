import { DataSet } from "../data/data-set.ts";
import { SHAPES, type ShapeName } from "../data/shapes.ts";
import { answerWith } from "../programs/module-run.ts";
import { SUBJECTS, type SubjectName } from "./subjects.ts";

export interface CodecInput {
  readonly subject: SubjectName;
  readonly shape: ShapeName;
  readonly milliseconds: number;
}

/** Repeats the bodies of a shape, after a quarter of the time as warm-up. Answers with MB of text per second. */
await answerWith(async ({ subject, shape, milliseconds }: CodecInput): Promise<number> => {
  const work = await SUBJECTS[subject](new DataSet(shape, SHAPES[shape].kinds.length).bodies);
  await repeat(work, milliseconds / 4);
  return repeat(work, milliseconds);
});

async function repeat(work: () => number | Promise<number>, milliseconds: number): Promise<number> {
  const started = performance.now();
  let bytes = 0;
  let elapsed = 0;
  do {
    const done = work();
    bytes += typeof done === "number" ? done : await done;
    elapsed = performance.now() - started;
  } while (elapsed < milliseconds);
  return bytes / elapsed / 1000;
}
