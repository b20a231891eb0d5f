import { type FileResult, failures } from "./run-file.ts";

/** One line for a file, and its failures in full with what it printed. */
export function printFile({ file, tests, output, seconds }: FileResult): void {
  const count = (outcome: string) => tests.filter((test) => test.outcome === outcome).length;
  const counts = [
    `${count("passed")} passed`,
    ...["failed", "skipped"].filter(count).map((of) => `${count(of)} ${of}`),
  ];
  const took = seconds >= 1 ? ` (${seconds.toFixed(0)} s)` : "";
  console.log(`${count("failed") > 0 ? "FAIL" : " ok "} ${file}: ${counts.join(", ")}${took}`);
  if (count("failed") === 0) return;
  for (const { outcome, title, reason = "" } of tests) {
    if (outcome === "failed") console.log(`\n  FAIL ${title}\n${indent(reason)}`);
  }
  if (output !== "") console.log(`\n  printed:\n${indent(output.slice(-20_000))}`);
  console.log();
}

/**
 * What was skipped and why, what failed, and alone on the last line the count.
 *
 * @param unsteady the first results of files that passed when they were run again
 */
export function printSummary(results: readonly FileResult[], unsteady: readonly FileResult[]): void {
  const all = results.flatMap(({ file, tests }) => tests.map((test) => ({ ...test, title: `${file}: ${test.title}` })));
  const [passed, failed, skipped] = ["passed", "failed", "skipped"].map((of) =>
    all.filter(({ outcome }) => outcome === of),
  );
  if (skipped!.length > 0)
    console.log(`\nSkipped:\n${indent(skipped!.map(({ title, reason }) => `${title}: ${reason}`).join("\n"))}`);
  if (unsteady.length > 0) {
    const titles = unsteady.flatMap((result) => failures(result).map(({ title }) => `${result.file}: ${title}`));
    console.log(`\nUnsteady, passed when run again:\n${indent(titles.join("\n"))}`);
  }
  if (failed!.length > 0) console.log(`\nFailed:\n${indent(failed!.map(({ title }) => title).join("\n"))}`);
  const also = skipped!.length > 0 ? `, ${skipped!.length} skipped` : "";
  console.log(`\n${passed!.length} passed, ${failed!.length} failed${also}`);
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, "    ");
}
