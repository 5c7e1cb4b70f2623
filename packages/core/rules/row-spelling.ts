// Row spelling: attributes in the spelling of an older worker, and the same in the spelling of today: `true` for "true" and 1,
// "html" for "text/html", a list for the one text that was meant to be in it. Only these; what else a row holds stays as it is.
// Strict reading is the default: an upgrade must not start auto-replies and forwards that were off.

/** How rows may be spelled. "strict": as docs/configuration.md says. "legacy": also as an older worker read them. */
export type RowSpellings = "strict" | "legacy";

/** One attribute in an older spelling, and how it is written today. */
export type Respelling = Readonly<{ field: string; from: unknown; to: unknown }>;

/** A row in today's spelling, and what was changed for it. Without a change it is the same object. */
export type Respelled<T> = Readonly<{ value: T; changes: readonly Respelling[] }>;

type Fields = Readonly<Record<string, unknown>>;

const contentTypes: ReadonlyMap<unknown, string> = new Map([
  ["text/plain", "text"],
  ["text/html", "html"],
]);

/** Rewrites a row of the rules table. A row that is no map stays as it is. */
export function respellRuleRow(row: unknown): Respelled<unknown> {
  if (typeof row !== "object" || row === null || Array.isArray(row)) return { value: row, changes: [] };
  const fields = row as Fields;
  const changes: Respelling[] = [];
  const change = (field: string, to: unknown) => {
    if (to !== undefined) changes.push({ field, from: fields[field], to });
  };
  const { ooo_active: active, ooo_content_type: type, forwards } = fields;
  change("ooo_active", active === "true" || active === 1 ? true : undefined);
  change("ooo_content_type", contentTypes.get(type));
  change("forwards", typeof forwards === "string" ? listOf(forwards) : undefined);
  if (changes.length === 0) return { value: row, changes };
  return { value: { ...fields, ...Object.fromEntries(changes.map(({ field, to }) => [field, to])) }, changes };
}

/** Rewrites the `blocked_patterns` of a row. */
export function respellPatterns(stored: unknown): Respelled<unknown> {
  if (typeof stored !== "string") return { value: stored, changes: [] };
  const to = listOf(stored);
  return { value: to, changes: [{ field: "blocked_patterns", from: stored, to }] };
}

/** An empty text is a list without an item, not a list with an empty one. */
function listOf(text: string): readonly string[] {
  return text.trim() === "" ? [] : [text];
}
