// Result: the value of a decoder, or why there is none. Used at the decoding edges (notice, address, rule, configuration);
// what mail does to us has unions of its own, and bugs are thrown.

/** A decoded value, or the error text in the house form "Cannot <verb> <what> as <rule>: current value is …". */
export type Result<T, E = string> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** Wraps a value that was decoded. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Wraps the reason why nothing was decoded. */
export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/** Quotes a value for an error text: JSON form, cut after 120 characters so that hostile input cannot fill a log. */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(JSON.stringify(value));
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
