// Text lines: labelled lines in aligned columns, wrapped for a terminal. What stands in a mail or a row is hostile, so
// whatever could steer a terminal is replaced here, once, for every line.

/** One line: how deep it stands, its label, its text. A text that is `whole` is never broken: a command to be copied. */
export type Line = Readonly<{ level: 0 | 1 | 2; label: string; text: string; whole?: boolean }>;

const width = 100; // columns
const indents = [0, 2, 13] as const;
const textColumns = [13, 13, 24] as const; // the details of a line stand under its text
const steersTerminals = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Renders lines, each with its line end. An empty label leaves its column free. */
export function renderLines(lines: readonly Line[]): string {
  return lines.map(renderLine).join("");
}

function renderLine({ level, label, text, whole = false }: Line): string {
  const column = textColumns[level];
  const safe = text.replace(steersTerminals, "\ufffd");
  const [first = "", ...others] = whole ? [safe] : wrap(safe, width - column);
  const head = `${" ".repeat(indents[level])}${label.replace(steersTerminals, "\ufffd")} `.padEnd(column);
  return [`${head}${first}`, ...others.map((line) => `${" ".repeat(column)}${line}`)].map((line) => `${line.trimEnd()}\n`).join("");
}

/**
 * Breaks a text at its spaces, but not within a citation such as `RFC 5321 §4.4`; a word that is longer than a line
 * sticks out rather than being cut.
 */
function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<!RFC) (?!§)/)) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}
