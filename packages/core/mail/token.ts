// Tokens: the ends of quoted strings and comments in a header value (RFC 5322 §3.2.2, §3.2.4; RFC 2045 §5.1 uses the same). A
// backslash quotes the next character. The caller decides what to do with a token that is not closed.

/** Returns the position after the quoted string that starts at `at`; -1 if it is not closed. */
export function endOfQuoted(value: string, at: number): number {
  for (let i = at + 1; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === "\\") i++;
    else if (char === '"') return i + 1;
  }
  return -1;
}

/** Returns the position after the comment that starts at `at`, with nested comments; -1 if it is not closed. */
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

/**
 * Returns the content of a quoted string: without quotes, with quoted pairs resolved (RFC 5322 §3.2.4). The closing quote may be
 * missing.
 */
export function unquote(quoted: string): string {
  const isClosed = quoted.length > 1 && quoted.endsWith('"');
  return quoted.slice(1, isClosed ? -1 : undefined).replace(/\\(.)/gs, "$1");
}
