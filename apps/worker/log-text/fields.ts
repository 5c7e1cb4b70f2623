// Fields: reads values from a line of the log. A line may be of an older version, or written by somebody else: a value that is
// missing or of another type reads as empty.

import { visibleText } from "./visible-text.ts";

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** The JSON object that a line holds, its texts without control characters; `null` if it holds none. */
export function parseFields(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text, (_, item: unknown) => (typeof item === "string" ? visibleText(item) : item));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text or a number as text; "" for anything else. */
export function textIn(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

/** A number; `null` for anything else. */
export function numberIn(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** An object; an empty one for anything else. */
export function objectIn(value: unknown): Fields {
  return isObject(value) ? value : {};
}

/** The objects of a list; none for anything else. */
export function objectsIn(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The texts of a list; none for anything else. */
export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textIn) : [];
}
