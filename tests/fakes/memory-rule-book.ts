// Memory rule book: RuleBook on the tables of a memory directory.

import type { RuleBook, RuleTable } from "../../packages/core/journey/ports.ts";
import type { MemoryRuleTables } from "./memory-directory.ts";

/** The users' tables in memory, as the command line edits them. */
export class MemoryRuleBook implements RuleBook {
  readonly #tables: MemoryRuleTables;

  constructor(tables: MemoryRuleTables = { rules: new Map(), blocked: new Map() }) {
    this.#tables = tables;
  }

  async list(table: RuleTable): Promise<readonly Readonly<{ key: string; row: unknown }>[]> {
    return [...this.#tables[table]].map(([key, row]) => ({ key, row })).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async show(table: RuleTable, key: string): Promise<unknown> {
    return this.#tables[table].get(key) ?? null;
  }

  async set(table: RuleTable, key: string, row: Readonly<Record<string, unknown>>): Promise<void> {
    this.#tables[table].set(key, row);
  }

  async remove(table: RuleTable, key: string): Promise<boolean> {
    return this.#tables[table].delete(key);
  }
}
