// Columns: rows of figures as people read them.

import type { Row } from "./compare.ts";

/** One line for each row, in columns. */
export function inColumns(rows: readonly Row[]): string {
  const cells = rows.map(({ what, unit, ours, otherWay, other, ratio }) => [
    what,
    `${figure(ours)} ${unit}`,
    `${otherWay}: ${figure(other)} ${unit}`,
    `${figure(ratio.median)} × (${figure(ratio.least)}–${figure(ratio.most)})`,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map(
      (row) =>
        `  ${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}`,
    )
    .join("\n");
}

/** Three digits that mean something; more would be noise. */
export function figure(value: number): string {
  if (value >= 1000) return Number(value.toPrecision(3)).toLocaleString("en-US");
  return String(Number(value.toPrecision(value >= 100 || value < 10 ? 2 : 3)));
}
