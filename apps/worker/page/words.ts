// Words: a sentence as pieces, some of them strong or code, so that a verdict is data and the page decides how it looks. And ages
// and times as people write them.

export type Piece = string | Readonly<{ strong: string }> | Readonly<{ code: string }> | Readonly<{ at: number }>;

/** A sentence. `at` is an instant, which the page shows as a time of day. */
export type Words = readonly Piece[];

/** The sentence without its marks. */
export function plainText(words: Words): string {
  return words
    .map((piece) => {
      if (typeof piece === "string") return piece;
      if ("strong" in piece) return piece.strong;
      return "code" in piece ? piece.code : timeOfDay(piece.at);
    })
    .join("");
}

/** `12 s`, `11 min`, `3 h`, `2 days`: one number, rounded down. */
export function ageText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 2 * 86_400) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86_400)} days`;
}

/** `0.6 s`, `12 s`, `1 min 2 s`: how long something took. */
export function spanText(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole >= 3600) return ageText(whole);
  const rest = whole % 60;
  return rest === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${rest} s`;
}

/** `03:14:18`, in UTC. */
export function timeOfDay(at: number): string {
  return isoOf(at).slice(11, 19);
}

/** RFC 3339, in UTC; an instant outside the range of JavaScript dates is the year 1970. */
export function isoOf(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

/** `1 mail`, `212 mails`. */
export function countText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `8,412`. */
export function numberText(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
