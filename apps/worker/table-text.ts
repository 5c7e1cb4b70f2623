// Table text: rows in columns for a terminal, without frames, so that a cell can be copied; with tabs between the cells where a program
// reads them. It knows how wide a letter is.

import { visibleText } from "./log-text/visible-text.ts";

/** A column. `most`: how many columns of a terminal a cell may take; a longer text ends with "…" there. `right`: for numbers. */
export type Column = Readonly<{ title: string; most?: number; right?: boolean }>;

/** The header and the rows, each with its line end. A program gets whole texts. */
export function tableText(columns: readonly Column[], rows: readonly (readonly string[])[], isTerminal: boolean): string {
  const titles = columns.map(({ title }) => title);
  const cells = [titles, ...rows].map((row) => columns.map((column, at) => cellText(row[at] ?? "", column, isTerminal)));
  if (!isTerminal) return cells.map((row) => `${row.join("\t")}\n`).join("");
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => Bun.stringWidth(row[at] ?? ""))));
  return cells
    .map((row) => `${`  ${row.map((cell, at) => padded(cell, widths[at] ?? 0, columns[at]?.right)).join("   ")}`.trimEnd()}\n`)
    .join("");
}

function cellText(text: string, { most }: Column, isTerminal: boolean): string {
  const shown = visibleText(text);
  return isTerminal && most !== undefined ? cut(shown, most) : shown;
}

/** The text, at most so many columns wide. */
export function cut(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (Bun.stringWidth(kept + segment) > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** The text with spaces up to a width. */
export function padded(text: string, width: number, right: boolean = false): string {
  const spaces = " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
  return right ? spaces + text : text + spaces;
}
