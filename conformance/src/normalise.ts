/**
 * Takes out of an answer what cannot be the same in two runs: the gateway's own metrics and the times of pushes. What remains of a time
 * is whether it is zero, unchanged since the same run looked last, or new and near the present.
 */
export class Normaliser {
  #seen = new Map<string, string>();

  /** For a look that may have to be repeated. */
  copy(): Normaliser {
    const copy = new Normaliser();
    copy.adopt(this);
    return copy;
  }

  /** Remembers what `other` has seen. */
  adopt(other: Normaliser): void {
    this.#seen = new Map(other.#seen);
  }

  /** The lines of a text exposition. `ordered`: keep the order of samples in a family, else sort them. */
  exposition(text: string, ordered: boolean): string[] {
    const lines: string[] = [];
    const shared: string[] = [];
    for (const family of familiesOf(text)) {
      const samples = family.samples.map((line) => this.#withoutTime(line));
      if (OWN_FAMILY.test(family.name)) {
        const pushed = samples.filter((line) => /[{,]job="/.test(line));
        if (pushed.length === 0) continue;
        // A family that the gateway has too: only what was pushed is looked at, and not where it stands.
        shared.push(...family.comments, ...pushed.toSorted(byCodePoint));
      } else {
        lines.push(...family.comments, ...(ordered ? samples : samples.toSorted(byCodePoint)));
      }
    }
    return [...lines, ...shared];
  }

  time(series: string, value: string): string {
    if (Number(value) === 0) return "<zero>";
    if (this.#seen.get(series) === value) return "<same>";
    this.#seen.set(series, value);
    return Math.abs(Number(value) - Date.now() / 1000) < 60 ? "<new>" : `<odd: ${value}>`;
  }

  #withoutTime(line: string): string {
    const time = /^(push(?:_failure)?_time_seconds(?:\{.*\})?) (\S+)$/.exec(line);
    return time ? `${time[1]} ${this.time(time[1]!, time[2]!)}` : line;
  }
}

const OWN_FAMILY = /^(?:go|process|promhttp|pushgateway|nodejs|waystation)_/;

interface FamilyLines {
  name: string;
  comments: string[];
  samples: string[];
}

/** A family begins at its HELP line or, without one, at its TYPE line, which is always there. */
function familiesOf(text: string): FamilyLines[] {
  const families: FamilyLines[] = [];
  let afterHelp = false;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) (\S+|"(?:[^"\\]|\\.)*")/.exec(line);
    if (comment && !(afterHelp && comment[1] === "TYPE")) {
      families.push({ name: comment[2]!, comments: [line], samples: [] });
    } else if (comment) {
      families.at(-1)!.comments.push(line);
    } else {
      families.at(-1)?.samples.push(line);
    }
    afterHelp = comment?.[1] === "HELP";
  }
  return families;
}

export function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
