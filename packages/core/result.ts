// Result: the value of a decoder, or why there is none. Used at the decoding edges (notice, address, rule, configuration);
// what mail does to us has unions of its own, and bugs are thrown.

/** A decoded value, or the error text in the house form "Cannot <do what>: must be <rule>, is <value>". */
export type Result<T, E = string> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** Wraps a value that was decoded. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Wraps the reason why nothing was decoded. */
export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

const [maxQuoted, maxDepth] = [120, 8];

/**
 * Quotes a value for an error text: JSON form, cut after 120 characters so that hostile input cannot fill a log. No more
 * of it is looked at: a value that is nested some ten thousand deep would take a JSON writer's stack, and seconds.
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
