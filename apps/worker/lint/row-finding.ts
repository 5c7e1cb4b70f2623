// Row finding: one thing about a user's row that its owner should know, with its place, its meaning and its repair. It has no I/O.

import type { RuleTable } from "@sesame/core/journey";

/** What was found. */
export type RowFindingKind =
  | "unreadable" // the rule, or the item, is off
  | "old-spelling" // an older worker read it
  | "key-upper-case" // the row is never found
  | "key-spelling" // the same, for another reason
  | "key-unreadable" // the same, and no other spelling helps
  | "key-not-served"
  | "window-past"
  | "cycle"
  | "target-self"
  | "target-blocked"
  | "target-foreign"
  | "target-unusable"
  | "pattern-useless" // it can match no sender
  | "pattern-broad"; // it matches every sender

/** "error": something is off that its owner wanted. "warning": it does something else than it seems to. "note": worth knowing. */
export type RowLevel = "error" | "warning" | "note";

export type RowFinding = Readonly<{
  level: RowLevel;
  kind: RowFindingKind;
  table: RuleTable;
  /** The key of the row, as it is stored. */
  key: string;
  /** The attribute, `blocked_patterns[3]` for an item; `null`: the row or its key. */
  field: string | null;
  text: string;
  /** How to mend it. */
  mend: string;
}>;

/** A row of a table, as it is stored. */
export type StoredRow = Readonly<{ key: string; row: unknown }>;

/** Both tables, as `RuleBook.list` gives them. */
export type StoredTables = Readonly<Record<RuleTable, readonly StoredRow[]>>;
