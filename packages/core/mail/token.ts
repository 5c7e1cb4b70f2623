// Lexeme: where a quoted string or a comment of a header value ends (RFC 5322 §3.2.2, §3.2.4; RFC 2045 §5.1 takes both over).
// A backslash takes the meaning from what follows it. What to do about one that never ends is for whoever reads on.

/** The place behind the quoted string that starts at `at`; -1: it never ends. */
export function endOfQuoted(value: string, at: number): number {
  for (let i = at + 1; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === "\\") i++;
    else if (char === '"') return i + 1;
  }
  return -1;
}

/** The place behind the comment that starts at `at`, and that may hold others; -1: it never ends. */
export function endOfComment(value: string, at: number): number {
  let depth = 0;
  for (let i = at; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === "\\") i++;
    else if (char === "(") depth++;
    else if (char === ")" && --depth === 0) return i + 1;
  }
  return -1;
}
