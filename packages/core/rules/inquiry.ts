// Inquiry: what must be asked of the users' tables before a mail can be decided on, as data.
// It asks nothing itself; a Directory answers it in one round.

import { type Address, tableKeys } from "../mail/address.ts";

/** Table keys to look up, each once, in both tables alike. */
export type Inquiry = Readonly<{ rules: readonly string[]; blocked: readonly string[] }>;

/** The questions for these recipients: a table refuses the same key twice in one request, so each stands once. */
export function inquire(recipients: readonly Address[]): Inquiry {
  const keys = [...new Set(recipients.flatMap(tableKeys))];
  return { rules: keys, blocked: keys };
}

/** Rows as stored, undecoded, by table key. A key without a row is absent. */
export type DirectoryRows = Readonly<{
  rules: ReadonlyMap<string, unknown>;
  /** The `blocked_patterns` attribute of each row. */
  blocked: ReadonlyMap<string, unknown>;
}>;
