// Inquiry: the table keys to look up before a mail can be planned, as data. It reads no table: a Directory (journey/ports.ts)
// answers it.

import { type Address, tableKeys } from "../mail/address.ts";

/** Table keys to look up, each once. Both tables use the same keys. */
export type Inquiry = Readonly<{ rules: readonly string[]; blocked: readonly string[] }>;

/** Returns the keys for these recipients. DynamoDB refuses a batch with duplicate keys, so each is listed once. */
export function inquire(recipients: readonly Address[]): Inquiry {
  const keys = [...new Set(recipients.flatMap(tableKeys))];
  return { rules: keys, blocked: keys };
}

/** Rows as they are stored, not decoded, by table key. A key without a row is absent. */
export type DirectoryRows = Readonly<{
  rules: ReadonlyMap<string, unknown>;
  /** The `blocked_patterns` attribute of each row. */
  blocked: ReadonlyMap<string, unknown>;
}>;
