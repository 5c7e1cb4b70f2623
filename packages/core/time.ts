// Time: an instant as a number that the caller passes in. The core reads no clock.

declare const epochMs: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z. Made by `instant`. */
export type EpochMs = number & { readonly [epochMs]: true };

/**
 * Makes an instant from milliseconds since 1970, or from ISO 8601 text with an offset such as `2026-01-05T12:00:00Z`. Throws a
 * RangeError for a value that is not a valid date.
 */
export function instant(at: number | string): EpochMs {
  const ms = typeof at === "number" ? at : Date.parse(at);
  if (Number.isNaN(new Date(ms).getTime())) throw new RangeError(`Cannot read an instant: must be milliseconds or ISO 8601, is ${at}`);
  return ms as EpochMs;
}

/** Milliseconds in an hour. */
export const hourMs = 3_600_000;

/** Milliseconds in a day of 24 hours. A local day can be shorter or longer when the clock changes. */
export const dayMs = 86_400_000;
