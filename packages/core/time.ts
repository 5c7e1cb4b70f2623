// Time: the instant as the core knows it, a number that its caller brings. The core reads no clock.

declare const epochMs: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z. Made by `instant`. */
export type EpochMs = number & { readonly [epochMs]: true };

/**
 * An instant from milliseconds since 1970, or from an ISO 8601 text with offset such as `2026-01-05T12:00:00Z`.
 * Throws a RangeError where the value is no instant of the calendar.
 */
export function instant(at: number | string): EpochMs {
  const ms = typeof at === "number" ? at : Date.parse(at);
  if (Number.isNaN(new Date(ms).getTime())) throw new RangeError(`Cannot read an instant: must be milliseconds or ISO 8601, is ${at}`);
  return ms as EpochMs;
}

/** Milliseconds of an hour. */
export const hourMs = 3_600_000;

/** Milliseconds of a day without a change of the clocks. */
export const dayMs = 86_400_000;
