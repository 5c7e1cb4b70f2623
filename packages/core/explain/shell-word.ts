// Shell word: quotes a text as one word of a POSIX shell, for commands that users copy.

/** Unchanged if the text has no special characters, else in single quotes. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_.,:@%+=/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
