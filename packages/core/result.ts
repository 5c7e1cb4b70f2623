// Result: a decoded value, or the reason why decoding failed. Decoders of notices, addresses, rules and configuration return it.
// Outcomes of a delivery have their own unions (see plan/verdict.ts), and a bug is thrown.

/** A decoded value, or an error text of the form "Cannot <do what>: must be <rule>, is <value>". */
export type Result<T, E = string> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** Makes a successful result. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Makes a failed result. */
export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

const [maxQuoted, maxDepth] = [120, 8];

/**
 * Quotes a value for an error text: in JSON form, cut after 120 characters, so that hostile input cannot fill a log. It stops
 * reading at that length and at 8 levels: `JSON.stringify` of a deeply nested value would overflow the stack or take seconds.
 */
export function quote(value: unknown): string {
  const text = jsonOf(value, 0);
  return text.length > maxQuoted ? `${text.slice(0, maxQuoted - 3)}...` : text;
}

function jsonOf(value: unknown, depth: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, maxQuoted));
  if (typeof value !== "object" || value === null) return String(value);
  const isList = Array.isArray(value);
  if (depth === maxDepth) return isList ? "[...]" : "{...}";
  let text = "";
  for (const [key, item] of isList ? value.entries() : Object.entries(value)) {
    if (item === undefined && !isList) continue;
    text += `${text === "" ? "" : ","}${isList ? "" : `${jsonOf(key, 0)}:`}${jsonOf(item, depth + 1)}`;
    if (text.length > maxQuoted) break;
  }
  return isList ? `[${text}]` : `{${text}}`;
}
