// Said: what one line of the log says to a person, before it is laid out for a terminal.

/** How something ended, by its sign. */
export type Mark = "well" | "bad" | "again" | "blocked" | "look" | "note";

/**
 * `subject`: whom or what it is about; a pair is shown with an arrow between its parts. `text`: what happened. `more`: what to do, or
 * to know; each on a line of its own.
 */
export type Said = Readonly<{ mark: Mark; subject: string | readonly [from: string, to: string]; text: string; more?: readonly string[] }>;

/** `1 mail`, `3 mails`. */
export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/** A reason of the log in brackets, behind the words that it explains; "" without a reason. */
export function because(reason: string, detail = ""): string {
  return `${reason === "" ? "" : ` (${reason})`}${detail === "" ? "" : `: ${detail}`}`;
}
