// MIME parameters: reads and writes a field value such as `text/plain; charset=utf-8; name="a.txt"`. The reader accepts comments,
// missing quotes and parameters without name or value (RFC 2045 §5.1). The writer is strict: tokens or quoted strings, extended
// values for other alphabets (RFC 2231 §4), continuations for long values (§3). Amazon SES refuses a mail whose Content-Type it
// cannot parse, so Sesame writes the value anew.

import { latin1, textOf, upperHex, utf8 } from "../octets.ts";
import { decodeCharset, decodeWords } from "./encoded-word.ts";
import { endOfComment, endOfQuoted, unquote } from "./token.ts";

/** One parameter: its name in lower case with the asterisks of RFC 2231, and its value without quotes. */
export type Parameter = Readonly<{ name: string; value: string }>;

/** A parsed value. `main`: the text before the first semicolon. */
export type ParameterList = Readonly<{ main: string; parameters: readonly Parameter[] }>;

const token = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/; // RFC 2045 §5.1
const maxParameters = 100; // a hostile field has thousands
const maxReadLength = 16 * 1024; // characters of a value; more than 1 K is rare
const maxPlainLength = 900; // characters of a value that is not continued; a line has 998
const sectionOctets = 160; // octets in one section of a continued value; each takes up to three characters
const maxWrittenLength = 4000;

/** Parses a value in one pass. Of several parameters with one name the first counts. It never throws. */
export function parseParameters(value: string): ParameterList {
  // Some senders leave out the first semicolon.
  const [first, ...others] = piecesOf(value.slice(0, maxReadLength).replace(/^([^;\s"(]{1,127})\s+(?=[\w-]{1,60}\s*=)/, "$1; "));
  const found = new Map<string, string>();
  for (const { name, text } of others) {
    const key = (name ?? "").trim().toLowerCase();
    if (token.test(key) && !found.has(key)) found.set(key, text);
  }
  return { main: (first?.text ?? "").trim(), parameters: [...found].map(([name, text]) => ({ name, value: text })) };
}

type Piece = { name: string | null; text: string };

function piecesOf(value: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let [name, bare, quoted]: [string | null, string, string | null] = [null, "", null];
  const flush = () => {
    pieces.push({ name, text: quoted ?? bare.trim() });
    [name, bare, quoted] = [null, "", null];
  };
  let at = 0;
  while (at < value.length && pieces.length <= maxParameters) {
    const char = value.charAt(at);
    const found = char === '"' ? endOfQuoted(value, at) : char === "(" ? endOfComment(value, at) : at + 1;
    const end = found < 0 ? value.length : found;
    const part = value.slice(at, end);
    at = end;
    if (char === '"') quoted ??= unquote(part);
    else if (char === ";") flush();
    else if (char === "=" && name === null && pieces.length > 0) [name, bare, quoted] = [bare, "", null];
    else if (char === "=" && name !== null && endsWithNextName(bare)) {
      const next = bare.slice(startOfLastWord(bare));
      bare = bare.slice(0, -next.length);
      flush();
      [name, bare] = [next, ""];
    }
    // The parentheses in `filename=plan (1).pdf` are part of the name. A comment comes only at the end of a value.
    else if (char !== "(" || !/^\)[ \t]*(?:;|$)/.test(value.slice(end - 1, end + 20))) bare += part;
  }
  flush();
  return pieces;
}

/**
 * Whether a value ends with the name of another parameter. `charset=utf-8 format=` lacks a semicolon; `name=my plan.pdf` does
 * not.
 */
function endsWithNextName(bare: string): boolean {
  return /[ \t][A-Za-z][\w*-]*[ \t]*$/.test(bare.slice(-70));
}

/** Searches from the end: a search from the start would take quadratic time on a long word. */
function startOfLastWord(text: string): number {
  const word = text.trimEnd();
  return Math.max(word.lastIndexOf(" "), word.lastIndexOf("\t")) + 1;
}

/**
 * Returns the readings of a parameter: the plain value with its encoded words decoded, and the extended or continued value.
 * Senders write both, and mail programs differ in which one they show. The values in `list` hold one character for each octet.
 */
export function parameterTexts(list: ParameterList, name: string): readonly string[] {
  const plain = list.parameters.find((parameter) => parameter.name === name);
  const extended = extendedText(list, name);
  return [...(plain ? [decodeWords(textOf(octetsOf(plain.value)))] : []), ...(extended === null ? [] : [extended])];
}

/** The value of `name*`, or of `name*0`, `name*1*`, … joined in order (RFC 2231 §3, §4.1). */
function extendedText(list: ParameterList, name: string): string | null {
  const sections: { at: number; encoded: boolean; value: string }[] = [];
  for (const { name: full, value } of list.parameters) {
    const match = full.startsWith(`${name}*`) ? /^(\d{1,3})?(\*)?$/.exec(full.slice(name.length + 1)) : null;
    if (match !== null) sections.push({ at: Number(match[1] ?? 0), encoded: match[1] === undefined || match[2] !== undefined, value });
  }
  if (sections.length === 0) return null;
  sections.sort((a, b) => a.at - b.at);
  const charset = sections[0]?.encoded ? /^([^']*)'[^']*'/.exec(sections[0].value) : null;
  const octets = sections.flatMap(({ encoded, value }, index) => {
    const text = index === 0 && charset !== null ? value.slice(charset[0].length) : value;
    return [...(encoded ? fromPercent(text) : octetsOf(text))];
  });
  return charset?.[1] ? decodeCharset(charset[1], Uint8Array.from(octets)) : textOf(Uint8Array.from(octets));
}

function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0) & 255);
}

function fromPercent(text: string): Uint8Array {
  return octetsOf(text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))));
}

/** Writes a list as a structured value. A parameter that has no valid form, or is too long, is left out. */
export function writeParameters({ main, parameters }: ParameterList): string {
  const names = new Set(parameters.map(({ name }) => name));
  return [main, ...parameters.flatMap((parameter) => writeParameter(parameter, names))].join("; ");
}

function writeParameter({ name, value }: Parameter, names: ReadonlySet<string>): readonly string[] {
  const clean = value.replace(/[\u0000-\u001f\u007f]+/g, " ");
  if (clean.length > maxWrittenLength || name.length > 60) return [];
  if (/^[ -~]*$/.test(clean) && clean.length <= maxPlainLength) return [`${name}=${token.test(clean) ? clean : quotedString(clean)}`];
  const base = name.replace(/\*.*$/s, "");
  // A section cannot be split again. A plain value is not needed where the extended one exists.
  if (base !== name || names.has(`${name}*`) || names.has(`${name}*0`) || names.has(`${name}*0*`)) return [];
  const encoded = Array.from(utf8(clean.replace(/[\ud800-\udfff]/gu, "\ufffd")), percentEncoded);
  if (encoded.length <= sectionOctets) return [`${name}*=utf-8''${encoded.join("")}`];
  const sections: string[] = [];
  for (let at = 0; at < encoded.length; at += sectionOctets) {
    const start = at === 0 ? "utf-8''" : "";
    sections.push(`${name}*${sections.length}*=${start}${encoded.slice(at, at + sectionOctets).join("")}`);
  }
  return sections;
}

/** One octet of an extended value: an attribute-char stands for itself (RFC 2231 §7). */
function percentEncoded(octet: number): string {
  const char = latin1(Uint8Array.of(octet));
  return /[A-Za-z0-9!#$&+\-.^_`{|}~]/.test(char) ? char : `%${upperHex(octet)}`;
}

function quotedString(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
