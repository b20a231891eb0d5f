/**
 * The table of flags in docs/configuration.md, from the flags themselves. `node scripts/configuration-table.ts` writes it there; a test
 * sees that it is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { environmentVariable, FLAG_GROUPS, FLAG_NAMES, FLAGS, type Flag } from "../packages/server/src/config/flags.ts";

const FILE = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));
const [BEGIN, END] = ["<!-- flags: written by scripts/configuration-table.ts -->\n", "<!-- end of flags -->\n"];

/** The page as it is, and as it has to be. */
export function configurationPage(): { readonly actual: string; readonly expected: string } {
  const actual = readFileSync(FILE, "utf8");
  const [before, rest] = actual.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${FILE} has lost the comments between which the table stands`);
  return { actual, expected: `${before}${BEGIN}${flagTables()}${END}${after}` };
}

function flagTables(): string {
  return FLAG_GROUPS.map((group) => {
    const rows = FLAG_NAMES.filter((name) => FLAGS[name].group === group).map((name) => {
      const flag: Pick<Flag<never>, "placeholder" | "help" | "format"> = FLAGS[name];
      const spelled = flag.placeholder === undefined ? `--${name}` : `--${name}=<${flag.placeholder}>`;
      const fallback = flag.format(FLAGS[name].default as never);
      return `| \`${spelled}\`<br>\`${environmentVariable(name)}\` | ${fallback === "" ? "" : `\`${fallback}\``} | ${cell(flag.help)} |\n`;
    });
    return `\n### ${group}\n\n| flag, variable | default | |\n|---|---|---|\n${rows.join("")}\n`;
  }).join("");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main) writeFileSync(FILE, configurationPage().expected);
