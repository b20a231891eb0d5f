/** A fenced code block of a Markdown file. */
export interface Block {
  readonly file: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence. */
  readonly language: string;
  readonly content: string;
  /** From a comment `<!-- not run: … -->` on the line before. */
  readonly notRun: string | undefined;
}

export function blocksOf(file: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const fence = /^( *)```(\w+)/.exec(lines[at]!);
    if (!fence) continue;
    const [, indent = "", language = ""] = fence;
    const end = lines.indexOf(`${indent}\`\`\``, at + 1);
    if (end < 0) throw new Error(`${file}:${at + 1}: the block has no end`);
    const content = lines
      .slice(at + 1, end)
      .map((line) => `${line.slice(indent.length)}\n`)
      .join("");
    const notRun = /<!-- not run: (.*) -->/.exec(lines[at - 1] ?? "")?.[1];
    blocks.push({ file, line: at + 1, language, content, notRun });
    at = end;
  }
  return blocks;
}
