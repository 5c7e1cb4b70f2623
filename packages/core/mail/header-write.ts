// Header writer: the only place in Sesame that writes header fields. It refuses line ends, NUL and unprintable names, encodes
// text that is not ASCII (RFC 2047) and folds lines (RFC 5322 §2.1.1, §2.2.3). Text from a mail or a rule is untrusted:
// `safeText` removes what could end a field or imitate another one.

import { utf8 } from "../octets.ts";
import { err, ok, quote, type Result } from "../result.ts";
import { encodeWords } from "./encoded-word.ts";
import { endOfQuoted } from "./token.ts";

/** A value to write: text in any alphabet, or structured ASCII that is already encoded. */
export type FieldValue = Readonly<{ kind: "text" | "structured"; text: string }>;

const maxLine = 78; // RFC 5322 §2.1.1, SHOULD
const maxEncodedLine = 76; // RFC 2047 §2, for a line with an encoded word
const hardLine = 998; // RFC 5322 §2.1.1, MUST

/**
 * Writes a new header block, including the empty line at its end. Throws a TypeError if a field cannot be written, which is a
 * bug.
 */
export function writeBlock(fields: readonly Readonly<{ name: string; value: FieldValue }>[]): Uint8Array {
  return utf8(`${writeFields(fields)}\r\n`);
}

/** Writes fields as header lines, without the empty line behind the last one. Throws as `writeBlock` does. */
export function writeFields(fields: readonly Readonly<{ name: string; value: FieldValue }>[]): string {
  return fields.map(({ name, value }) => renderOrThrow(name, value)).join("");
}

/**
 * Writes one field whose value is already safe. Throws a TypeError otherwise: an unsafe value here is a bug, and no mail must be
 * sent with it.
 */
export function renderOrThrow(name: string, value: FieldValue): string {
  const rendered = renderField(name, value);
  if (!rendered.ok) throw new TypeError(rendered.error);
  return rendered.value;
}

/**
 * Writes one field with its CRLF. Encodes text where needed and folds at white space after 78 octets. An error for a name that is
 * not valid (RFC 5322 §2.2), a value with control characters, structured text that is not ASCII, or a line of more than 998
 * octets.
 */
export function renderField(name: string, { kind, text }: FieldValue): Result<string> {
  if (!/^[!-9;-~]{1,76}$/.test(name))
    return err(`Cannot write a header field: its name must be printable ASCII without a colon, is ${quote(name)}`);
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
    return err(`Cannot write the field ${name}: must hold no control character, is ${quote(text)}`);
  if (kind === "structured" && !/^[\t -~]*$/.test(text)) return err(`Cannot write the field ${name}: must be ASCII, is ${quote(text)}`);
  const isEncoded = kind === "text" && needsEncoding(text);
  const words = isEncoded ? encodeWords(text, maxEncodedLine - name.length - 2).join(" ") : text;
  const lines = fold(name, kind === "structured" ? piecesOf(words) : wordsOf(words));
  if (lines.some((line) => line.length > hardLine))
    return err(`Cannot write the field ${name}: a line must have at most ${hardLine} octets, is ${quote(text)}`);
  return ok(`${lines.join("\r\n")}\r\n`);
}

/**
 * Text that would change on the way: non-ASCII text, white space at the ends or in a row, long words, and text that looks like an
 * encoded word.
 */
function needsEncoding(text: string): boolean {
  return !/^[ -~]*$/.test(text) || /^ | {2}| $|=\?/.test(text) || /[^ ]{60}/.test(text);
}

/** Words with the white space before them. */
function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  for (const run of text.trim().match(/[ \t]+|[^ \t]+/g) ?? []) {
    if (/[ \t]$/.test(words.at(-1) ?? "")) words[words.length - 1] += run;
    else words.push(run);
  }
  return words;
}

/**
 * Words with the white space before them. A quoted string stays in one piece while a line can hold it. RFC 5322 §3.2.4 allows a
 * fold inside it, but Python's default parser then misreads a boundary that contains spaces.
 */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  let start = 0;
  const value = text.trim();
  let mayQuote = true; // behind a quoted string that never ends there is no other
  for (let at = 0; at <= value.length; at++) {
    const char = value.charAt(at);
    const end = mayQuote && char === '"' ? endOfQuoted(value, at) : -1;
    if (char === '"' && end < 0) mayQuote = false;
    if (end >= 0 && end - start < hardLine) at = end - 1;
    else if (at === value.length || ((char === " " || char === "\t") && /[^ \t]/.test(value.charAt(at - 1)))) {
      if (at > start) pieces.push(value.slice(start, at));
      start = at;
    }
  }
  return pieces;
}

/** Returns the lines of a field without line ends. White space inside the value stays. */
function fold(name: string, pieces: readonly string[]): readonly string[] {
  const limit = pieces.some((piece) => piece.includes("=?")) ? maxEncodedLine : maxLine;
  const [first = "", ...words] = pieces;
  const lines: string[] = [];
  let line = `${name}: ${first}`.trimEnd();
  // A line with only the name is valid, but some programs misread it. It is used only if nothing else fits.
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
 * Makes untrusted text safe to write in a header: control characters, line separators and direction overrides become a space,
 * white space is collapsed and trimmed, and the text is cut at `limit` characters.
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

/**
 * Writes a mailbox as a structured value. The name is quoted or encoded, so that it cannot be read as an address (RFC 5322 §3.4).
 */
export function mailboxValue(name: string, address: string): string {
  const shown = safeText(name, 200);
  if (shown === "") return address;
  if (/^[ -~]*$/.test(shown) && !shown.includes("=?")) return `"${shown.replace(/(["\\])/g, "\\$1")}" <${address}>`;
  return `${encodeWords(shown, 60).join(" ")} <${address}>`;
}
