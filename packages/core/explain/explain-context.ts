// Explain context: what an explanation is made from, beside the plan. The core does not know the names of commands: the caller
// brings them.

import type { Facts } from "../plan/facts.ts";

/**
 * The commands that an explanation suggests, such as `{ rules: "sesame rules", block: "sesame block" }`. `options`: what each of them needs
 * at its end, such as ` --aws`.
 */
export type ExplainCommands = Readonly<{ rules: string; block: string; options?: string }>;

/** What the facts did not say and the explanation takes for granted. */
export type Assumed = "verdicts";

/** The facts of the plan, what they did not say, and the names of the commands. */
export type ExplainContext = Readonly<{ facts: Facts; commands: ExplainCommands; assumed: readonly Assumed[] }>;
