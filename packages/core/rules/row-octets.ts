// Row octets: about how much memory the rows of users take, so that a mail can be charged for them. An estimate: what the engine
// really takes is not known. It decodes nothing.

import type { Pause } from "../pause.ts";
import type { DirectoryRows } from "./inquiry.ts";

const octetsOfValue = 16; // its place in a list or an object, and its own header
const octetsOfUnit = 2; // of UTF-16; the engine keeps texts of Latin-1 in one octet a character

/** About how many octets of memory these rows take. Pauses after each row. */
export async function octetsOfRows({ rules, blocked }: DirectoryRows, pause: Pause): Promise<number> {
  let octets = 0;
  for (const rows of [rules, blocked]) {
    for (const [key, row] of rows) {
      octets += octetsOfRow(key) + octetsOfRow(row);
      await pause();
    }
  }
  return octets;
}

/** About how many octets of memory a value takes, as a table gives it: text, number, octets, list, set, map or object. */
export function octetsOfRow(row: unknown): number {
  let octets = 0;
  const left: unknown[] = [row]; // in place of recursion: a list in a list in a list … may be as deep as the row is long
  while (left.length > 0) {
    const value = left.pop();
    octets += octetsOfValue;
    if (typeof value === "string") octets += octetsOfUnit * value.length;
    else if (ArrayBuffer.isView(value)) octets += value.byteLength;
    else for (const part of partsOf(value)) left.push(part);
  }
  return octets;
}

function partsOf(value: unknown): Iterable<unknown> {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value) || value instanceof Set) return value;
  return (value instanceof Map ? [...value] : Object.entries(value)).flat();
}
