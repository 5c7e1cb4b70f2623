// Header write: the one place that writes header fields in Sesame. It refuses line ends, NUL and unprintable names,
// encodes what needs encoding (RFC 2047) and folds (RFC 5322 §2.1.1, §2.2.3). What a mail or a rule says is hostile:
// `safeText` makes a text of it that can stand in a field and cannot pose as another one.

import { utf8 } from "../octets.ts";
import { err, ok, quote, type Result } from "../result.ts";
import { encodeWords } from "./encoded-word.ts";

/** A value to be written: text in any alphabet, or structured ASCII whose encoding is done. */
export type FieldValue = Readonly<{ kind: "text" | "structured"; text: string }>;

const maxLine = 78; // RFC 5322 §2.1.1, the SHOULD
const maxEncodedLine = 76; // RFC 2047 §2, for a line that holds an encoded word
const hardLine = 998; // RFC 5322 §2.1.1, the MUST

/** Writes a new header block from values, with the empty line that ends it. */
export function writeBlock(fields: readonly Readonly<{ name: string; value: FieldValue }>[]): Uint8Array {
  return utf8(`${fields.map(({ name, value }) => mustRender(name, value)).join("")}\r\n`);
}

/** For values that were made safe before; anything else is a bug here, and must not leave as mail. */
export function mustRender(name: string, value: FieldValue): string {
  const rendered = renderField(name, value);
  if (!rendered.ok) throw new TypeError(rendered.error);
  return rendered.value;
}

/**
 * Writes one field, its CRLF included: encoded words for text that needs them, folded at 78 where there is white space.
 * Refuses names outside RFC 5322 §2.2, values with CR, LF, NUL or other control characters, and what no line can hold.
 */
export function renderField(name: string, { kind, text }: FieldValue): Result<string> {
  if (!/^[!-9;-~]{1,76}$/.test(name))
    return err(`Cannot write a header field: its name must be printable ASCII without a colon, is ${quote(name)}`);
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
    return err(`Cannot write the field ${name}: must hold no control character, is ${quote(text)}`);
  if (kind === "structured" && !/^[\t -~]*$/.test(text))
    return err(`Cannot write the field ${name}: must be ASCII, is ${quote(text)}`);
  const isEncoded = kind === "text" && needsEncoding(text);
  const words = isEncoded ? encodeWords(text, maxEncodedLine - name.length - 2).join(" ") : text;
  const lines = fold(name, words);
  if (lines.some((line) => line.length > hardLine))
    return err(`Cannot write the field ${name}: a line must have at most ${hardLine} octets, is ${quote(text)}`);
  return ok(`${lines.join("\r\n")}\r\n`);
}

/** Text that would not come back as it is: other alphabets, outer or double spaces, tabs, long words, look-alikes. */
function needsEncoding(text: string): boolean {
  return !/^[ -~]*$/.test(text) || /^ | {2}| $|=\?/.test(text) || /[^ ]{60}/.test(text);
}

/** Lines without their ends. White space inside the value stays: it may be that of a quoted string. */
function fold(name: string, text: string): readonly string[] {
  const limit = text.includes("=?") ? maxEncodedLine : maxLine;
  const [first = "", ...words] = text.trim().match(/[ \t]*[^ \t]+/g) ?? [];
  const lines: string[] = [];
  let line = `${name}: ${first}`.trimEnd();
  // Nothing but the name on a line is lawful but unloved, so it is the last resort.
  if (line.length > hardLine) {
    lines.push(`${name}:`);
    line = ` ${first}`;
  }
  for (const word of words) {
    if (line.length + word.length > limit) {
      lines.push(line);
      line = "";
    }
    line += word;
  }
  return [...lines, line];
}

const unsafe = /[\u0000-\u001f\u007f\u0080-\u009f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]+/g;

/**
 * Makes a hostile text safe to write: control characters, line separators and direction overrides become a space,
 * runs of white space one, the ends are trimmed, and the text is cut at `limit` characters (never inside one).
 */
export function safeText(text: string, limit: number = 600): string {
  const clean = text
    .replace(/[\ud800-\udfff]/gu, "\ufffd")
    .replace(unsafe, " ")
    .replace(/\s+/g, " ")
    .trim();
  const points = [...clean];
  return points.length <= limit
    ? clean
    : `${points
        .slice(0, limit - 1)
        .join("")
        .trimEnd()}…`;
}

/** A mailbox as a structured value: the name quoted or encoded, never able to pose as an address. */
export function mailboxValue(name: string, address: string): string {
  const shown = safeText(name, 200);
  if (shown === "") return address;
  if (/^[ -~]*$/.test(shown) && !shown.includes("=?")) return `"${shown.replace(/(["\\])/g, "\\$1")}" <${address}>`;
  return `${encodeWords(shown, 60).join(" ")} <${address}>`;
}
