// Parameter: a MIME field value such as `text/plain; charset=utf-8; name="a.txt"`, taken apart and written again. Reading
// forgives: comments, missing quotes, parameters without name or value (RFC 2045 §5.1). Writing does not: a token or a
// quoted string, an extended value for other alphabets (RFC 2231 §4), continuations for what no line holds (§3).
// Amazon SES refuses a mail whose Content-Type it cannot parse, so a sloppy one must not be sent on as it came.

import { latin1, textOf, utf8 } from "../octets.ts";
import { decodeCharset, decodeWords } from "./encoded-word.ts";
import { endOfComment, endOfQuoted } from "./token.ts";

/** One parameter: its name in lower case, RFC 2231 asterisks included, and its value without quotes. */
export type Parameter = Readonly<{ name: string; value: string }>;

/** A value taken apart. `main` is what stands before the first semicolon. */
export type ParameterList = Readonly<{ main: string; parameters: readonly Parameter[] }>;

const token = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/; // RFC 2045 §5.1
const maxParameters = 100; // a hostile field has thousands
const maxRead = 16 * 1024; // characters of a value; one of 1 KB is long
const maxPlain = 900; // characters of a value in one piece; a line has 998
const perSection = 160; // octets in one section of a continued value, three characters each at the most
const maxValue = 4000;

/** Takes a value apart, in one pass over it. The first of several parameters of a name stands. */
export function parseParameters(value: string): ParameterList {
  const [first, ...others] = piecesOf(value.slice(0, maxRead).replace(/^([^;\s"(]{1,127})\s+(?=[\w-]{1,60}\s*=)/, "$1; ")); // the first semicolon is missing
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
    else if (char === "=" && name !== null && startsAnother(bare)) {
      const next = bare.slice(startOfLastWord(bare));
      bare = bare.slice(0, -next.length);
      flush();
      [name, bare] = [next, ""];
    }
    // `filename=plan (1).pdf` is no comment though it looks like one: a comment ends a value.
    else if (char !== "(" || !/^\)[ \t]*(?:;|$)/.test(value.slice(end - 1, end + 20))) bare += part;
  }
  flush();
  return pieces;
}

/** `charset=utf-8 format=` lacks a semicolon; `name=my plan.pdf` does not. */
function startsAnother(bare: string): boolean {
  return /[ \t][A-Za-z][\w*-]*[ \t]*$/.test(bare.slice(-70));
}

/** Found from the end: a search from the start would begin anew at each character of a long word. */
function startOfLastWord(text: string): number {
  const word = text.trimEnd();
  return Math.max(word.lastIndexOf(" "), word.lastIndexOf("\t")) + 1;
}

function unquote(part: string): string {
  const closed = part.length > 1 && part.endsWith('"');
  return part.slice(1, closed ? -1 : undefined).replace(/\\(.)/gs, "$1");
}

/**
 * Every reading of a parameter as people see it: the plain one with its encoded words decoded, and the extended or
 * continued one. Senders write both, and which of them a reader takes is its own affair. `list` holds one character for
 * each octet.
 */
export function parameterTexts(list: ParameterList, name: string): readonly string[] {
  const plain = list.parameters.find((parameter) => parameter.name === name);
  const extended = extendedText(list, name);
  return [...(plain ? [decodeWords(textOf(octetsOf(plain.value)))] : []), ...(extended === null ? [] : [extended])];
}

/** `name*`, or `name*0`, `name*1*`, … joined in their order (RFC 2231 §3, §4.1). */
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

/** Writes a list as a structured value. A parameter that has no lawful form of bearable length is left out. */
export function writeParameters({ main, parameters }: ParameterList): string {
  const names = new Set(parameters.map(({ name }) => name));
  return [main, ...parameters.flatMap((parameter) => writeParameter(parameter, names))].join("; ");
}

function writeParameter({ name, value }: Parameter, names: ReadonlySet<string>): readonly string[] {
  const clean = value.replace(/[\u0000-\u001f\u007f]+/g, " ");
  if (clean.length > maxValue || name.length > 60) return [];
  if (/^[ -~]*$/.test(clean) && clean.length <= maxPlain) return [`${name}=${token.test(clean) ? clean : quote(clean)}`];
  const base = name.replace(/\*.*$/s, "");
  // A section of its own cannot be split again, and where the extended form stands beside it the plain one is not missed.
  if (base !== name || names.has(`${name}*`) || names.has(`${name}*0`) || names.has(`${name}*0*`)) return [];
  const encoded = Array.from(utf8(clean.replace(/[\ud800-\udfff]/gu, "\ufffd")), percent);
  if (encoded.length <= perSection) return [`${name}*=utf-8''${encoded.join("")}`];
  const sections: string[] = [];
  for (let at = 0; at < encoded.length; at += perSection) {
    const start = at === 0 ? "utf-8''" : "";
    sections.push(`${name}*${sections.length}*=${start}${encoded.slice(at, at + perSection).join("")}`);
  }
  return sections;
}

/** RFC 2231 §7: an attribute-char stands for itself. */
function percent(octet: number): string {
  const char = latin1(Uint8Array.of(octet));
  return /[A-Za-z0-9!#$&+\-.^_`{|}~]/.test(char) ? char : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
