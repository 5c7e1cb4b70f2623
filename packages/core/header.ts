// Header block of a mail, kept as the octets that arrived: split, read, edit by three kinds of edit, write one safe field.
// RFC 5322 §2.2, §3.6. Reading forgives, writing does not: `renderField` alone writes header fields in Sesame, and it
// refuses line ends, NUL and unprintable names. Values are not decoded here beyond unfolding (see encoded-word.ts).

import { concat, textOf, utf8 } from "./bytes.ts";
import { encodeWords } from "./encoded-word.ts";
import { err, ok, quote, type Result } from "./result.ts";

/** One field with its name and all octets, folds and line end included. The name of a line without a colon is "". */
export type HeaderField = Readonly<{ name: string; key: string; raw: Uint8Array }>;

/** The fields in order, and the empty line that ends them (no octets where the mail ends with its header). */
export type HeaderBlock = Readonly<{ fields: readonly HeaderField[]; separator: Uint8Array }>;

/** What is odd about a header block. None of it stops a delivery. */
export type HeaderDefect =
  | "no-header-block" // the first line is no header field: nothing is edited, no rule applies
  | "mbox-line" // an mbox `From ` line stands on top: read past it, edit nothing
  | "header-too-long" // the block does not end within the head: nothing but the delivery
  | "bare-cr"
  | "nul"
  | "field-without-colon";

/** An edit, as data in the plan. `remove` takes the topmost field only if it has the name, or every field of the name. */
export type HeaderEdit =
  | { readonly kind: "prepend"; readonly name: string; readonly value: string }
  | { readonly kind: "replace"; readonly name: string; readonly value: string }
  | { readonly kind: "remove"; readonly name: string; readonly which: "topmost" | "all" };

/** A value to be written: text in any alphabet, or structured ASCII whose encoding is done. */
export type FieldValue = Readonly<{ kind: "text" | "structured"; text: string }>;

export type HeaderSplit = Readonly<{
  block: HeaderBlock;
  /** Where the body starts. */
  bodyStart: number;
  defects: readonly HeaderDefect[];
}>;

const [tab, lf, cr, space, colon] = [9, 10, 13, 32, 58];
const maxLine = 78; // RFC 5322 §2.1.1, the SHOULD
const maxToken = 996; // RFC 5322 §2.1.1, the MUST: 998 with the space that folds and a margin for a comma

/** Splits the first octets of a mail. Lines end in CRLF or LF; a bare CR is data. `complete`: these are all octets. */
export function splitHeader(head: Uint8Array, complete: boolean): HeaderSplit {
  const defects = new Set<HeaderDefect>();
  let at = 0;
  if (startsWithMboxLine(head)) {
    defects.add("mbox-line");
    at = lineEnd(head, 0);
  }
  const fields: HeaderField[] = [];
  while (at < head.length) {
    const end = fieldEnd(head, at);
    const first = head[at];
    if (isEmptyLine(head, at)) {
      const separator = head.subarray(at, lineEnd(head, at));
      return finish({ fields, separator }, at + separator.length);
    }
    const name = nameOf(head, at, end);
    if (fields.length === 0 && (name === "" || first === space || first === tab)) break;
    if (name === "") defects.add("field-without-colon");
    fields.push({ name, key: name.toLowerCase(), raw: head.subarray(at, end) });
    at = end;
  }
  if (!complete && fields.length > 0) defects.add("header-too-long");
  return finish({ fields, separator: head.subarray(0, 0) }, fields.length > 0 ? at : 0);

  function finish(block: HeaderBlock, bodyStart: number): HeaderSplit {
    if (block.fields.length === 0)
      return { block: { fields: [], separator: head.subarray(0, 0) }, bodyStart: 0, defects: ["no-header-block"] };
    noteOctets(head.subarray(0, bodyStart), defects);
    return { block, bodyStart, defects: [...defects] };
  }
}

function startsWithMboxLine(head: Uint8Array): boolean {
  return (
    head.length > 5 &&
    textOf(head.subarray(0, 5)) === "From " &&
    !textOf(head.subarray(5, lineEnd(head, 5)))
      .trimStart()
      .startsWith(":")
  );
}

function lineEnd(head: Uint8Array, at: number): number {
  const found = head.indexOf(lf, at);
  return found < 0 ? head.length : found + 1;
}

/** A field ends before the next line that does not start with white space (RFC 5322 §2.2.3). */
function fieldEnd(head: Uint8Array, at: number): number {
  let end = lineEnd(head, at);
  while (end < head.length && (head[end] === space || head[end] === tab)) end = lineEnd(head, end);
  return end;
}

function isEmptyLine(head: Uint8Array, at: number): boolean {
  return head[at] === lf || (head[at] === cr && head[at + 1] === lf);
}

/** The name before the colon, without white space that stands between them against RFC 5322 §2.2; "" if there is none. */
function nameOf(head: Uint8Array, at: number, end: number): string {
  let stop = at;
  while (stop < end && (head[stop] ?? 0) > space && (head[stop] ?? 0) < 127 && head[stop] !== colon) stop++;
  let after = stop;
  while (after < end && (head[after] === space || head[after] === tab)) after++;
  return head[after] === colon ? String.fromCharCode(...head.subarray(at, Math.min(stop, at + 1000))) : "";
}

function noteOctets(block: Uint8Array, defects: Set<HeaderDefect>): void {
  if (block.includes(0)) defects.add("nul");
  for (let at = block.indexOf(cr); at >= 0; at = block.indexOf(cr, at + 1)) {
    if (block[at + 1] === lf) continue;
    defects.add("bare-cr");
    return;
  }
}

/** All fields of a name, in order. */
export function fieldsOf(block: HeaderBlock, name: string): readonly HeaderField[] {
  const key = name.toLowerCase();
  return block.fields.filter((field) => field.key === key);
}

/** The value of a field: unfolded, line ends and bare CR as spaces, trimmed; encoded words as they stand. */
export function fieldValue(field: HeaderField): string {
  const text = textOf(field.raw.subarray(field.raw.indexOf(colon) + 1));
  return text
    .replace(/\r?\n(?=[ \t])/g, "")
    .replace(/[\r\n]+/g, " ")
    .trim();
}

/** The values of all fields of a name. */
export function valuesOf(block: HeaderBlock, name: string): readonly string[] {
  return fieldsOf(block, name).map(fieldValue);
}

/** The value of the first field of a name, or `null`. */
export function firstValue(block: HeaderBlock, name: string): string | null {
  const [field] = fieldsOf(block, name);
  return field ? fieldValue(field) : null;
}

/** Renders a block after edits, separator included; fields that no edit names keep their octets. */
export function renderBlock(block: HeaderBlock, edits: readonly HeaderEdit[]): Uint8Array {
  let fields = block.fields;
  for (const edit of edits) fields = applyEdit(fields, edit, lineEndOf(block));
  return concat([...fields.map((field) => field.raw), block.separator]);
}

function applyEdit(fields: readonly HeaderField[], edit: HeaderEdit, lineBreak: string): readonly HeaderField[] {
  const key = edit.name.toLowerCase();
  const at = fields.findIndex((field) => field.key === key);
  if (edit.kind === "remove") {
    if (edit.which === "topmost") return at === 0 ? fields.slice(1) : fields;
    return fields.filter((field) => field.key !== key);
  }
  const raw = utf8(mustRender(edit.name, { kind: "structured", text: edit.value }).replaceAll("\r\n", lineBreak));
  const field = { name: edit.name, key, raw };
  if (edit.kind === "prepend" || at < 0) return [field, ...fields];
  return [...fields.slice(0, at), field, ...fields.slice(at + 1).filter((other) => other.key !== key)];
}

/** The line end that a block uses, so that an edit does not mix two of them. */
function lineEndOf(block: HeaderBlock): string {
  const raw = block.fields[0]?.raw;
  return raw && raw.at(-1) === lf && raw.at(-2) !== cr ? "\n" : "\r\n";
}

/** Writes a new header block from values, with the empty line that ends it. */
export function writeBlock(fields: readonly Readonly<{ name: string; value: FieldValue }>[]): Uint8Array {
  return utf8(`${fields.map(({ name, value }) => mustRender(name, value)).join("")}\r\n`);
}

/** For values that were made safe before; anything else is a bug here, and must not leave as mail. */
function mustRender(name: string, value: FieldValue): string {
  const rendered = renderField(name, value);
  if (!rendered.ok) throw new TypeError(rendered.error);
  return rendered.value;
}

/**
 * Writes one field, its CRLF included: encoded words for text that needs them, folded at 78 (RFC 5322 §2.1.1, §2.2.3).
 * Refuses names outside RFC 5322 §2.2 and values with CR, LF, NUL or other control characters.
 */
export function renderField(name: string, value: FieldValue): Result<string> {
  if (!/^[!-9;-~]{1,76}$/.test(name))
    return err(`Cannot write a header field as its name must be printable ASCII without a colon: current value is ${quote(name)}`);
  const { kind, text } = value;
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
    return err(`Cannot write the field ${name} as a value may hold no control character: current value is ${quote(text)}`);
  if (kind === "structured" && !/^[\t -~]*$/.test(text))
    return err(`Cannot write the field ${name} as a structured value must be ASCII: current value is ${quote(text)}`);
  const words =
    kind === "text" && needsEncoding(text)
      ? encodeWords(text, maxLine - name.length - 2)
      : text.split(/[ \t]+/).filter((word) => word !== "");
  if (words.some((word) => word.length > maxToken))
    return err(`Cannot write the field ${name} as a line may have 998 octets: current value is ${quote(text)}`);
  return ok(fold(name, words));
}

/** Text that would not come back as it is: other alphabets, outer or double spaces, tabs, long words, look-alikes. */
function needsEncoding(text: string): boolean {
  return !/^[ -~]*$/.test(text) || /^ | {2}| $|=\?/.test(text) || /[^ ]{60}/.test(text);
}

function fold(name: string, words: readonly string[]): string {
  let line = `${name}:`;
  let lines = "";
  for (const word of words) {
    if (line.length + 1 + word.length > maxLine && line.trimEnd() !== `${name}:`) {
      lines += `${line}\r\n`;
      line = "";
    }
    line += ` ${word}`;
  }
  return `${lines}${line}\r\n`;
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
