import { newFolder, rotate, type Scenario } from "../bench.ts";
import type { CodecInput } from "../codec/codec-child.ts";
import { buildGoCodec } from "../codec/go-codec.ts";
import type { SubjectName } from "../codec/subjects.ts";
import type { ShapeName } from "../data/shapes.ts";
import { runModule } from "../programs/module-run.ts";

const SUBJECTS: readonly { subject: SubjectName; task: string; who: string }[] = [
  { subject: "parse-waystation", task: "parse", who: "Waystation" },
  { subject: "parse-parse-prometheus-text-format", task: "parse", who: "parse-prometheus-text-format" },
  { subject: "parse-prom2javascript", task: "parse", who: "prom2javascript" },
  { subject: "push-waystation", task: "parse", who: "Waystation, the whole push" },
  { subject: "encode-waystation", task: "encode", who: "Waystation" },
  { subject: "encode-prom-client", task: "encode", who: "prom-client" },
  { subject: "expose-waystation", task: "encode", who: "Waystation, a whole scrape" },
];

const CHILD = new URL("../codec/codec-child.ts", import.meta.url);

/** Reading and writing the text format, without HTTP and without a server. */
export const codec: Scenario = {
  name: "codec",
  title: "Parser and encoder alone",
  settings: () => "bodies of pushes of each shape, one thread; MB of text, ratios to Go's expfmt",
  async measure(bench, recorder) {
    const { rounds, codecShapes, codecMs } = bench.size;
    const goCodec = await buildGoCodec(newFolder(bench));
    if (goCodec === undefined) {
      recorder.skip("Go's expfmt, as Go or its sources are not here (golang-go, golang-github-prometheus-common-dev)");
    }
    const add = (shape: ShapeName, task: string, subject: string, who: string, speed: number) => {
      const against = subject.endsWith("-go") ? [] : [`codec.${shape}.${task}-go`];
      const id = `codec.${shape}.${subject}`;
      recorder.add({ id, what: `${shape}, ${task}`, who, unit: "MB/s", against }, speed);
    };
    for (let round = 0; round < rounds; round++) {
      for (const shape of codecShapes) {
        const speeds = await goCodec?.(shape, codecMs);
        if (speeds !== undefined) {
          add(shape, "parse", "parse-go", "Go expfmt", speeds.parse);
          add(shape, "encode", "encode-go", "Go expfmt", speeds.encode);
        }
        for (const { subject, task, who } of rotate(SUBJECTS, round)) {
          const input: CodecInput = { subject, shape, milliseconds: codecMs };
          add(shape, task, subject, who, await runModule<CodecInput, number>(CHILD, input));
        }
      }
    }
  },
};
