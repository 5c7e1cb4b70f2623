// Variable names: finds variables of the environment that look like ours and are not, such as SMTP_PROT. Their values are never shown.

import type { Logger } from "pino";
import { variableNames } from "./config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that is set and unknown, and the name that was probably meant. */
export type UnknownVariable = Readonly<{ variable: string; meant: string }>;

const longName = 12; // letters; from here on two wrong letters are a typing error, and not another word
const leastBeginning = 8; // SMTP_PASS is the beginning of SMTP_PASSWORD

/** The variables that are probably typing errors. A name that is far from all of ours belongs to another program. */
export function unknownVariables(env: Environment): readonly UnknownVariable[] {
  return Object.entries(env).flatMap(([variable, value]) => {
    if (value === undefined || value === "" || variableNames.includes(variable)) return [];
    const meant = nearest(variable);
    return meant === null ? [] : [{ variable, meant }];
  });
}

/** Warns about them in the log. */
export function warnOfVariables(env: Environment, logger: Logger): void {
  for (const { variable, meant } of unknownVariables(env))
    logger.warn(
      { event: "unknown-variable", variable, meant },
      `${variable} is no variable of Sesame, and is ignored; did you mean ${meant}?`,
    );
}

function nearest(variable: string): string | null {
  const upper = variable.toUpperCase();
  if (variable.length > 40) return null;
  const most = upper.length < longName ? 1 : 2;
  const [best] = variableNames
    .map((name) => ({ name, distance: isBeginning(upper, name) ? 1 : editDistance(upper, name) }))
    .filter(({ distance }) => distance <= most)
    .sort((one, other) => one.distance - other.distance);
  return best?.name ?? null;
}

function isBeginning(text: string, name: string): boolean {
  return text.length >= leastBeginning && text.includes("_") && name.startsWith(text);
}

/** Letters that were left out, added, changed, or swapped with the next one (optimal string alignment distance). */
export function editDistance(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, at) => at)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= one.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const steps = [at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (isSame ? 0 : 1), ...(isSwapped ? [at(i - 2, j - 2) + 1] : [])];
      rows[i]?.push(Math.min(...steps));
    }
  }
  return at(one.length, other.length);
}
