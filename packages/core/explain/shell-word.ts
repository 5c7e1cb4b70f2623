// Shell word: a text as one word of a POSIX shell, for commands that are printed to be pasted.

/** As it is where a shell reads nothing into it, else in single quotes. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_.,:@%+=/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
