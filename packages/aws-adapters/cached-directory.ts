// Cached directory: keeps rows, and that a key has no row, for a number of seconds (TABLE_CACHE_SECONDS). A change of a rule then
// acts that much later. It saves reads of the tables on a busy worker, above all of a large `*@domain` row: one key gives 3,000
// read units a second, a row of 100 KB takes 25 of them (Amazon DynamoDB Developer Guide, "Best practices for designing and using partition keys effectively in DynamoDB").

import type { Directory, DirectoryRows, Inquiry } from "@sesame/core";
import type { RuleTable } from "@sesame/core/journey";
import { type SendTimers, wallTimers } from "./timers.ts";

export type CachedDirectoryOptions = Readonly<{
  directory: Directory;
  /** Seconds that a row is kept. */
  seconds: number;
  /** Octets of all rows that are kept. Those that were read first are dropped first. Default 64 MiB. */
  maxOctets?: number;
  timers?: Pick<SendTimers, "now">;
}>;

/** `row`: `undefined` where the key has none. */
type Kept = Readonly<{ present: boolean; row: unknown; until: number; octets: number }>;

const tables = ["rules", "blocked"] as const;

export class CachedDirectory implements Directory {
  readonly #options: Required<CachedDirectoryOptions>;
  readonly #kept = new Map<string, Kept>();
  #octets = 0;

  constructor(options: CachedDirectoryOptions) {
    this.#options = { maxOctets: 64 * 1024 * 1024, timers: wallTimers, ...options };
  }

  async look(inquiry: Inquiry): Promise<DirectoryRows> {
    const known = { rules: this.#fresh("rules", inquiry.rules), blocked: this.#fresh("blocked", inquiry.blocked) };
    const missing = {
      rules: inquiry.rules.filter((key) => !known.rules.has(key)),
      blocked: inquiry.blocked.filter((key) => !known.blocked.has(key)),
    };
    if (missing.rules.length + missing.blocked.length > 0) {
      const read = await this.#options.directory.look(missing);
      for (const table of tables) {
        for (const key of missing[table]) known[table].set(key, this.#keep(table, key, read[table]));
      }
    }
    return { rules: rowsOf(inquiry.rules, known.rules), blocked: rowsOf(inquiry.blocked, known.blocked) };
  }

  #fresh(table: RuleTable, keys: readonly string[]): Map<string, Kept> {
    const now = this.#options.timers.now();
    return new Map(
      keys.flatMap((key) => {
        const kept = this.#kept.get(`${table} ${key}`);
        return kept !== undefined && kept.until > now ? [[key, kept] as const] : [];
      }),
    );
  }

  #keep(table: RuleTable, key: string, rows: ReadonlyMap<string, unknown>): Kept {
    const { seconds, maxOctets, timers } = this.#options;
    const row = rows.get(key);
    const kept = { present: rows.has(key), row, until: timers.now() + seconds * 1000, octets: octetsOf(key) + octetsOf(row) };
    this.#drop(`${table} ${key}`);
    this.#kept.set(`${table} ${key}`, kept);
    this.#octets += kept.octets;
    for (const oldest of this.#kept.keys()) {
      if (this.#octets <= maxOctets) break;
      this.#drop(oldest);
    }
    return kept;
  }

  #drop(name: string): void {
    this.#octets -= this.#kept.get(name)?.octets ?? 0;
    this.#kept.delete(name);
  }
}

function rowsOf(keys: readonly string[], known: ReadonlyMap<string, Kept>): ReadonlyMap<string, unknown> {
  return new Map(keys.flatMap((key) => (known.get(key)?.present ? [[key, known.get(key)?.row] as const] : [])));
}

const octetsOfValue = 48; // of the object that holds a value

/** About the octets of memory that a value takes. */
function octetsOf(value: unknown): number {
  if (typeof value === "string") return octetsOfValue + 2 * value.length;
  if (value instanceof Uint8Array) return octetsOfValue + value.length;
  if (typeof value !== "object" || value === null) return octetsOfValue;
  const items = Array.isArray(value) || value instanceof Set ? [...value] : Object.entries(value).flat();
  return items.reduce<number>((sum, item) => sum + octetsOf(item), octetsOfValue);
}
