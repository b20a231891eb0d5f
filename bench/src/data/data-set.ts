import { seededRandom } from "./random.ts";
import { SHAPES, type Shape, type ShapeName } from "./shapes.ts";

/** Bytes of bodies to keep: small bodies come in many versions, large ones in few. */
const KEPT_BYTES = 4 * 1024 * 1024;
const MAX_VERSIONS = 16;
const MIN_VERSIONS = 3;

/**
 * So many groups of one shape, and what is pushed to them. A group always has the same families and labels; each version of its body
 * has other values.
 */
export class DataSet {
  readonly shape: Shape;
  readonly groups: number;
  readonly versions: number;
  /** The body of group `g` in version `v` is at `(g mod kinds) × versions + v mod versions`. */
  readonly bodies: readonly Buffer[];
  readonly #linesOfKind: readonly number[];

  constructor(shape: ShapeName, groups: number) {
    this.shape = SHAPES[shape];
    this.groups = groups;
    const { kinds } = this.shape;
    const sizes = kinds.map((body) => Buffer.byteLength(body(seededRandom(1))));
    const fitting = Math.floor(KEPT_BYTES / sizes.reduce((sum, size) => sum + size));
    this.versions = Math.max(MIN_VERSIONS, Math.min(MAX_VERSIONS, fitting));
    this.bodies = kinds.flatMap((body, kind) =>
      Array.from({ length: this.versions }, (_, version) =>
        Buffer.from(body(seededRandom(1 + kind * 1_000 + version))),
      ),
    );
    this.#linesOfKind = kinds.map((_, kind) => countSamples(this.body(kind, 0)));
  }

  /** The one with about so many series. */
  static ofSeries(shape: ShapeName, series: number): DataSet {
    const one = new DataSet(shape, SHAPES[shape].kinds.length);
    return new DataSet(shape, Math.max(1, Math.round(series / (one.series / one.groups))));
  }

  /** Sample lines in the exposition of all groups, without the times that the gateway adds to each group. */
  get series(): number {
    const kinds = this.#linesOfKind.length;
    const full = Math.floor(this.groups / kinds);
    return this.#linesOfKind.reduce(
      (sum, lines, kind) => sum + lines * (full + (kind < this.groups % kinds ? 1 : 0)),
      0,
    );
  }

  body(group: number, version: number): Buffer {
    return this.bodies[(group % this.shape.kinds.length) * this.versions + (version % this.versions)]!;
  }

  /** What comes before the number of the group, in the target of a push to it. */
  get targetPrefix(): string {
    return `/metrics/job/${this.shape.name}/instance/`;
  }

  /** A whole request, ready to be sent. */
  request(group: number, version: number): Buffer {
    const body = this.body(group, version);
    const head = `PUT ${this.targetPrefix}${group} HTTP/1.1\r\nHost: bench\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, "latin1"), body]);
  }
}

export function countSamples(text: Buffer): number {
  return text
    .toString("latin1")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#")).length;
}
