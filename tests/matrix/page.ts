// Page: sections of docs/reliability.md that are made of the data which the tests play. They stand between two comments;
// UPDATE_GOLDEN=1 writes them anew, and the diff is then read.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const path = join(import.meta.dir, "../../docs/reliability.md");

/** A section as it stands in the page. */
export function pageSection(name: string): string {
  return sectionOf(readFileSync(path, "utf8"), name).text;
}

/** The section as it must be; with UPDATE_GOLDEN=1 it is put into the page first. */
export function writtenSection(name: string, lines: readonly string[]): string {
  const text = `\n${lines.join("\n")}\n`;
  if (process.env["UPDATE_GOLDEN"] === "1") {
    const page = readFileSync(path, "utf8");
    const { from, to } = sectionOf(page, name);
    writeFileSync(path, page.slice(0, from) + text + page.slice(to));
  }
  return text;
}

function sectionOf(page: string, name: string): Readonly<{ text: string; from: number; to: number }> {
  const [begin, end] = [`<!-- ${name}: begin -->\n`, `\n<!-- ${name}: end -->`];
  const from = page.indexOf(begin) + begin.length;
  const to = page.indexOf(end, from) + 1;
  if (from < begin.length || to < 1) throw new Error(`docs/reliability.md has no section ${name}`);
  return { text: page.slice(from, to), from, to };
}
