/** A Markdown table whose source can be read as well. Columns are aligned to the right, but for the first and those named. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  leftColumns: readonly number[] = [],
): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const isLeft = (column: number) => column === 0 || leftColumns.includes(column);
  const line = (cells: readonly string[]) => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? "";
      return isLeft(column) ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, column) => (isLeft(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
