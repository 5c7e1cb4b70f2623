// Expressions: each regular expression of the sources is checked by recheck, which finds those that take more than linear time for
// some text. Its search takes seconds for some of them, so the gate keeps the verdicts: `expressions.tsv` has one line for each
// expression that recheck called safe. A verdict depends on the expression, its flags and the version of recheck alone.

import { checkSync } from "recheck";
import type { Expression } from "./sources.ts";

/** For one expression, in the gate. A machine may be busy with other work. */
const timeoutMs = 60_000;

/** Safe ones, as the file keeps them. */
export type Verdicts = ReadonlySet<string>;
export type ExpressionReport = Readonly<{ checked: number; known: number; safe: readonly string[]; problems: readonly string[] }>;

/** The line of an expression in the file. */
export function lineOf({ pattern, flags }: Pick<Expression, "pattern" | "flags">, version: string): string {
  return `${version}\t${flags}\t${pattern}`;
}

/** Checks those whose verdict is not known. */
export function checkExpressions(expressions: readonly Expression[], known: Verdicts, version: string): ExpressionReport {
  const safe = new Set<string>();
  const problems: string[] = [];
  let checked = 0;
  for (const expression of expressions) {
    const line = lineOf(expression, version);
    if (known.has(line) || safe.has(line)) {
      safe.add(line);
      continue;
    }
    checked++;
    const verdict = checkSync(expression.pattern, expression.flags, { timeout: timeoutMs, seed: 1 } as never);
    if (verdict.status === "safe") safe.add(line);
    else
      problems.push(
        `${expression.place}: /${expression.pattern}/${expression.flags} is ${verdict.status}${detailOf(verdict)}. Write it anew, or use a loop`,
      );
  }
  return { checked, known: expressions.length - checked, safe: [...safe].sort(), problems };
}

function detailOf(verdict: ReturnType<typeof checkSync>): string {
  if (verdict.status === "vulnerable") return ` (${verdict.complexity.summary}, attack: ${verdict.attack.pattern.slice(0, 100)})`;
  return verdict.status === "unknown" ? ` (${verdict.error.kind})` : "";
}
