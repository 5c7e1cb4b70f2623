// Blocklist cache: compiled rows, so that a row that did not change is not compiled again for each mail. A row is found by its
// table key, and used only if each of its items is equal to the one that was compiled. The owner of the cache sets its size; the
// rows that were not used for the longest time are removed first. It never changes what is decided.

import { type CompiledRow, itemsOf } from "./blocklist-row.ts";

/** Compiled rows by table key. Made by `blocklistCache`. */
export interface BlocklistCache {
  /** The compiled row, if this content was compiled under this key. */
  find(key: string, stored: unknown): CompiledRow | null;
  /** Keeps a row. `stored`: what it was compiled from. */
  keep(row: CompiledRow, stored: unknown): void;
  /** Octets of memory that the rows take, about. */
  readonly octets: number;
}

type Kept = Readonly<{ items: readonly unknown[]; row: CompiledRow; octets: number }>;

/** Makes an empty cache for at most so many octets of memory. */
export function blocklistCache({ maxOctets }: Readonly<{ maxOctets: number }>): BlocklistCache {
  const rows = new Map<string, Kept>();
  let octets = 0;
  const drop = (key: string) => {
    octets -= rows.get(key)?.octets ?? 0;
    rows.delete(key);
  };
  return {
    find(key, stored) {
      const kept = rows.get(key);
      if (kept === undefined || !hasItems(stored, kept.items)) return null;
      rows.delete(key);
      rows.set(key, kept); // the last in the order of the map was used last
      return kept.row;
    },
    keep(row, stored) {
      const items = itemsOf(stored);
      if (items === null || !items.every(isPlain)) return;
      const size = octetsOf(items, row);
      drop(row.key);
      if (size > maxOctets) return;
      rows.set(row.key, { items: [...items], row, octets: size });
      octets += size;
      for (const key of rows.keys()) {
        if (octets <= maxOctets) return;
        drop(key);
      }
    },
    get octets() {
      return octets;
    },
  };
}

/** Whether a value is compared by what it says: a list or a map within a row is another one in each answer of the table. */
function isPlain(item: unknown): boolean {
  return typeof item !== "object" || item === null;
}

function hasItems(stored: unknown, items: readonly unknown[]): boolean {
  if (Array.isArray(stored)) {
    if (stored.length !== items.length) return false;
    for (let at = 0; at < items.length; at++) if (stored[at] !== items[at]) return false;
    return true;
  }
  if (!(stored instanceof Set) || stored.size !== items.length) return false;
  let at = 0;
  for (const item of stored) if (item !== items[at++]) return false;
  return true;
}

const octetsOfItem = 200; // the text's own header, its place in the list, in a map, and its compiled form
const octetsOfStep = 60;

function octetsOf(items: readonly unknown[], { wildcards }: CompiledRow): number {
  const texts = items.reduce<number>((sum, item) => sum + octetsOfItem + (typeof item === "string" ? 4 * item.length : 0), 0);
  const steps = wildcards.patterns.reduce(
    (sum, { least, segments }) => sum + octetsOfStep * (segments.every(isText) ? segments.length : least),
    0,
  );
  return texts + steps;
}

function isText(segment: unknown): boolean {
  return typeof segment === "string";
}
