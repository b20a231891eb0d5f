import { newFolder, rotate, type Scenario } from "../bench.ts";
import type { CodecInput } from "../codec/codec-child.ts";
import { buildGoCodec } from "../codec/go-codec.ts";
import type { SubjectName } from "../codec/subjects.ts";
import type { ShapeName } from "../data/shapes.ts";
import { runModule } from "../programs/module-run.ts";

const SUBJECTS: readonly { subject: SubjectName; task: string; label: string }[] = [
  { subject: "parse-waystation", task: "parse", label: "parse, Waystation" },
  { subject: "parse-parse-prometheus-text-format", task: "parse", label: "parse, parse-prometheus-text-format" },
  { subject: "parse-prom2javascript", task: "parse", label: "parse, prom2javascript" },
  { subject: "push-waystation", task: "parse", label: "parse, merge labels, check and store, Waystation" },
  { subject: "encode-waystation", task: "encode", label: "encode, Waystation" },
  { subject: "encode-prom-client", task: "encode", label: "encode, prom-client" },
  { subject: "expose-waystation", task: "encode", label: "expose what is stored, Waystation" },
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
    const add = (shape: ShapeName, task: string, by: string, label: string, speed: number) => {
      const against = goCodec === undefined || by === "go" ? {} : { against: `codec.${shape}.${task}.go` };
      const description = { id: `codec.${shape}.${task}.${by}`, label: `${shape}: ${label}`, unit: "MB/s" };
      recorder.add({ ...description, ...against }, speed);
    };
    for (let round = 0; round < rounds; round++) {
      for (const shape of codecShapes) {
        const speeds = await goCodec?.(shape, codecMs);
        if (speeds !== undefined) {
          add(shape, "parse", "go", "parse, Go expfmt", speeds.parse);
          add(shape, "encode", "go", "encode, Go expfmt", speeds.encode);
        }
        for (const { subject, task, label } of rotate(SUBJECTS, round)) {
          const input: CodecInput = { subject, shape, milliseconds: codecMs };
          add(shape, task, subject, label, await runModule<CodecInput, number>(CHILD, input));
        }
      }
    }
  },
};
