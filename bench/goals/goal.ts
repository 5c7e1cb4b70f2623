// Goal: a row of the table that `npm run bench` prints: what is measured, with which settings, what is wanted, and what each round
// gave. A goal is met only if it is met in every round.

import { figure } from "../columns.ts";
import { median } from "../compare.ts";
import type { World } from "./world.ts";

export type Goal = Readonly<{
  id: string;
  what: string;
  /** Window, sessions, receivers and the like. */
  settings: string;
  unit: string;
  /** Which figure is the better one, and the one that is wanted. `null`: printed for comparison. */
  better: "more" | "less";
  wanted: number | null;
}>;

/** One figure of one round. `beside`: what it was made from, for the reader. */
export type Figure = Readonly<{ value: number; beside: string }>;

/** Some goals that are measured together. */
export type Part = Readonly<{
  name: string;
  about: string;
  goals: readonly Goal[];
  /** One round. A goal that cannot be measured on this machine has the reason in place of a figure. */
  measure(world: World): Promise<Readonly<Record<string, Figure | string>>>;
}>;

export type Verdict = "met" | "not met" | "skipped" | "";

export function verdictOf({ better, wanted }: Goal, figures: readonly Figure[]): Verdict {
  if (figures.length === 0) return "skipped";
  if (wanted === null) return "";
  return figures.every(({ value }) => (better === "more" ? value >= wanted : value <= wanted)) ? "met" : "not met";
}

/** Lines of a goal: the figures with goal and verdict, and below them the settings and what they were made from. */
export function linesOf(goal: Goal, rounds: readonly (Figure | string)[]): readonly string[] {
  const figures = rounds.filter((round) => typeof round !== "string");
  const { what, unit, better, wanted, settings } = goal;
  const verdict = verdictOf(goal, figures);
  const sign = better === "more" ? "≥" : "≤";
  const goalText = wanted === null ? "" : `goal ${sign} ${wanted} ${unit}`.trimEnd();
  const values = figures.map(({ value }) => value);
  const spread = figures.length > 1 ? ` (${precise(Math.min(...values))}–${precise(Math.max(...values))})` : "";
  const found = figures.length === 0 ? "" : `${precise(median(values))}${spread} ${unit}`.trimEnd();
  const middle = figures.toSorted((a, b) => a.value - b.value)[Math.floor(figures.length / 2)];
  const reason = rounds.find((round) => typeof round === "string");
  const notes = [settings, middle?.beside ?? "", figures.length === 0 ? `SKIPPED: ${reason}` : ""].filter((note) => note !== "");
  return [`${what.padEnd(46)} ${found.padEnd(30)} ${goalText.padEnd(20)} ${verdict}`.trimEnd(), ...notes.map((note) => `    ${note}`)];
}

/** One digit more than elsewhere where a goal is near: 4.24 must not look like 4.2. */
function precise(value: number): string {
  return value < 10 ? String(Number(value.toPrecision(3))) : figure(value);
}
