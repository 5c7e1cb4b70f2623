// Table: what a number of runs came to, by point and signal, and in all for each client of AWS.

import { killPoints } from "../../apps/worker/kill-point.ts";
import { clients, type KillCase, nameOf, signals } from "./case.ts";
import type { Judgement } from "./judge.ts";

export type Run = Readonly<{ one: KillCase; judgement: Judgement; seconds: number }>;

const columns = ["point", "signal", "runs", "lost", "extra", "announced", "replies twice", "wrong"] as const;

export function tableOf(runs: readonly Run[]): string {
  const rows = killPoints.flatMap((point) =>
    signals.map((signal) =>
      rowOf(
        point,
        signal,
        runs.filter(({ one }) => one.point === point && one.signal === signal),
      ),
    ),
  );
  const totals = clients.map((client) =>
    rowOf(
      `all, AWS_CLIENT=${client}`,
      "",
      runs.filter(({ one }) => one.client === client),
    ),
  );
  const shown = [[...columns], ...[...rows, ...totals].filter(([, , count]) => count !== "0")];
  const widths = columns.map((_, column) => Math.max(...shown.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) => row.map((cell, column) => pad(cell, widths[column] ?? 0, column < 2)).join("  ");
  return shown.map(line).join("\n");
}

function rowOf(point: string, signal: string, runs: readonly Run[]): readonly string[] {
  const sum = (count: (judgement: Judgement) => number) => String(runs.reduce((all, { judgement }) => all + count(judgement), 0));
  return [
    point,
    signal,
    String(runs.length),
    sum(({ lost }) => lost.length),
    sum(({ extra }) => extra.length),
    sum(({ announced }) => announced),
    sum(({ repliesTwice }) => repliesTwice),
    String(runs.filter(({ judgement }) => judgement.wrong.length > 0).length),
  ];
}

function pad(cell: string, width: number, left: boolean): string {
  return left ? cell.padEnd(width) : cell.padStart(width);
}

/** All that was wrong with a run, one line each. */
export function complaintsOf({ one, judgement }: Run): readonly string[] {
  return judgement.wrong.map((text) => `${nameOf(one)}: ${text}`);
}
