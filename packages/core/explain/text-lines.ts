// Text lines: labelled lines in aligned columns, wrapped for a terminal. Texts from mails and rows are hostile, so control
// characters are replaced here, for every line.

/** One line: its indent level, label and text. A `whole` text, such as a command to copy, is not wrapped. */
export type Line = Readonly<{ level: 0 | 1 | 2; label: string; text: string; whole?: boolean }>;

const width = 100; // columns
const indents = [0, 2, 13] as const;
const textColumns = [13, 13, 24] as const; // level 2 is aligned below the text of level 1
const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Renders lines, each with its line end. */
export function renderLines(lines: readonly Line[]): string {
  return lines.map(renderLine).join("");
}

function renderLine({ level, label, text, whole = false }: Line): string {
  const column = textColumns[level];
  const safe = text.replace(controlCharacters, "\ufffd");
  const [first = "", ...others] = whole ? [safe] : wrap(safe, width - column);
  const head = `${" ".repeat(indents[level])}${label.replace(controlCharacters, "\ufffd")} `.padEnd(column);
  return [`${head}${first}`, ...others.map((line) => `${" ".repeat(column)}${line}`)].map((line) => `${line.trimEnd()}\n`).join("");
}

/** Wraps a text at spaces, but not inside a citation such as `RFC 5321 §4.4`. Words longer than a line are not cut. */
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
