// Memory directory: Directory on two maps of whole rows, which a memory rule book may share.

import type { Directory, DirectoryRows, Inquiry } from "@sesame/core";

/** The users' two tables: whole rows by key. */
export type MemoryRuleTables = Readonly<{ rules: Map<string, unknown>; blocked: Map<string, unknown> }>;

/** Rules and blocklists in memory. */
export class MemoryDirectory implements Directory {
  readonly tables: MemoryRuleTables;
  /** Inquiries answered, in order. */
  readonly asked: Inquiry[] = [];

  constructor(tables: MemoryRuleTables = { rules: new Map(), blocked: new Map() }) {
    this.tables = tables;
  }

  /** Puts a rule's row. */
  rule(key: string, row: unknown): void {
    this.tables.rules.set(key, row);
  }

  /** Puts a blocklist's row with these patterns, of whatever type. */
  block(key: string, patterns: unknown): void {
    this.tables.blocked.set(key, { blocked_patterns: patterns });
  }

  async look(inquiry: Inquiry): Promise<DirectoryRows> {
    this.asked.push(inquiry);
    const blocked = pick(this.tables.blocked, inquiry.blocked).map(([key, row]) => [key, patternsOf(row)] as const);
    return { rules: new Map(pick(this.tables.rules, inquiry.rules)), blocked: new Map(blocked) };
  }
}

function pick(table: ReadonlyMap<string, unknown>, keys: readonly string[]): (readonly [string, unknown])[] {
  return keys.filter((key) => table.has(key)).map((key) => [key, table.get(key)] as const);
}

function patternsOf(row: unknown): unknown {
  return typeof row === "object" && row !== null && "blocked_patterns" in row ? row.blocked_patterns : undefined;
}
