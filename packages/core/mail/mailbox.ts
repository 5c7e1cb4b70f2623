// Mailbox: the addresses of a header field such as From or To, with their display names. RFC 5322 §3.4, and the obsolete
// forms of §4.4. Reading forgives: comments and white space inside an address, groups, source routes, missing brackets,
// names without quotes. What reads as an address to somebody shall not be missed by a blocklist. A display name is no
// address, whatever stands in it. One pass over the text; encoded words are not decoded (encoded-word.ts does).

import { type Address, parseAddress } from "./address.ts";
import { endOfComment, endOfQuoted } from "./token.ts";

/** One mailbox of a header field: its address and the undecoded display name. */
export type Mailbox = Readonly<{ name: string; address: Address }>;

/** What stands between two commas: the words outside, what is in angle brackets, and the last comment. */
type Words = { phrase: string; angles: string[]; comment: string };

/** Mailboxes that are read of a value. A mail that names more is a mailing, and each is compared with much. */
export const maxMailboxes = 1000;

/** Every mailbox of an address field's value, groups flattened; what cannot be read is left out. */
export function parseMailboxes(value: string): readonly Mailbox[] {
  const found: Mailbox[] = [];
  let words: Words = { phrase: "", angles: [], comment: "" };
  const flush = () => {
    found.push(...mailboxesOfWords(words));
    words = { phrase: "", angles: [], comment: "" };
  };
  const unclosed = new Set<string>();
  for (let at = 0; at < value.length && found.length + words.angles.length < maxMailboxes; ) {
    const char = value.charAt(at);
    const end = unclosed.has(char) ? -1 : endOfToken(value, at);
    // An opening without its end is passed over, and so are its like: looking for the end again takes the time of the text.
    if (end < 0) unclosed.add(char);
    const token = value.slice(at, end < 0 ? at + 1 : end);
    at += token.length;
    if (end < 0) words.phrase += " ";
    else if (char === "(") words.comment = token.slice(1, -1).trim();
    else if (char === "<") words.angles.push(token.slice(1, -1));
    else if (char === "," || char === ";") flush();
    else if (char !== ":") words.phrase += token;
    else if (words.angles.length > 0 || words.phrase.includes("@"))
      flush(); // a group's name holds no @, so this is no group
    else words.phrase = "";
  }
  flush();
  return found.slice(0, maxMailboxes); // what stands between two commas may itself read as thousands
}

function mailboxesOfWords({ phrase, angles, comment }: Words): readonly Mailbox[] {
  const bare = tidy(phrase);
  const boxes = (texts: readonly string[], name: string) =>
    texts.flatMap((text): readonly Mailbox[] => {
      const parsed = parseAddress(text);
      return parsed.ok ? [{ name, address: parsed.value }] : [];
    });
  if (bare === "" && angles.length === 0) return [];
  const name = angles.length > 0 ? unquote(phrase.trim()) : comment;
  const inAngles = boxes(
    angles.map((angle) => tidy(withoutComments(angle))),
    name,
  );
  if (inAngles.length > 0) return inAngles;
  const whole = angles.length > 0 ? [] : boxes([bare], name);
  return whole.length > 0 ? whole : boxes([...angles, bare].flatMap(wordsWithAt), angles.length > 0 ? "" : comment);
}

/** White space as one space, and none round the dots and the @ of an address; quoted strings stay (RFC 5322 §4.4). */
function tidy(text: string): string {
  return outsideQuotes(text, (part) => part.replace(/\s+/g, " ").replace(/ ?([.@]) ?/g, "$1")).trim();
}

/** In a display name quotes are delimiters. */
function unquote(phrase: string): string {
  return byQuotes(
    phrase,
    (part) => part,
    (quoted) => quoted.slice(1, -1).replace(/\\(.)/gs, "$1"),
  );
}

/** What could be an address where the form is broken: each word with an @, outside quotes. */
function wordsWithAt(text: string): readonly string[] {
  const words: string[] = [];
  const breaks = /"|[\s<>()[\]\\][\s<>()[\]\\"]*/g;
  let [from, isOpen] = [0, false];
  for (let found = breaks.exec(text); found !== null; found = breaks.exec(text)) {
    words.push(text.slice(from, found.index));
    const isQuote = found[0] === '"';
    const end = isQuote && !isOpen ? endOfQuoted(text, found.index) : -1;
    if (isQuote && end < 0) isOpen = true;
    from = end < 0 ? breaks.lastIndex : end;
    breaks.lastIndex = from;
  }
  return [...words, text.slice(from)].filter((word) => word.includes("@"));
}

function outsideQuotes(text: string, change: (part: string) => string): string {
  return byQuotes(text, change, (quoted) => quoted);
}

/** Changes what stands outside quoted strings, and what stands inside. Behind a quote that never ends there is none that does. */
function byQuotes(text: string, outside: (part: string) => string, inside: (quoted: string) => string): string {
  let changed = "";
  let from = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', from)) {
    const end = endOfQuoted(text, at);
    if (end < 0) break;
    changed += outside(text.slice(from, at)) + inside(text.slice(at, end));
    from = end;
  }
  return changed + outside(text.slice(from));
}

function withoutComments(text: string): string {
  let kept = "";
  for (let at = 0; at < text.length; ) {
    const end = text.charAt(at) === "(" || text.charAt(at) === '"' ? endOfToken(text, at) : at + 1;
    if (end < 0) return kept + text.slice(at);
    if (text.charAt(at) !== "(") kept += text.slice(at, end);
    at = end;
  }
  return kept;
}

/** Where the token at `at` ends: a comment, quoted string, literal or angle address, a separator, a run of plain characters; -1: never. */
function endOfToken(value: string, at: number): number {
  switch (value.charAt(at)) {
    case "(":
      return endOfComment(value, at);
    case '"':
      return endOfQuoted(value, at);
    case "[":
      return value.indexOf("]", at) + 1 || -1;
    case "<":
      return endOfAngle(value, at);
    case ",":
    case ";":
    case ":":
      return at + 1;
    default:
      return endOfPlain(value, at);
  }
}

function endOfPlain(value: string, at: number): number {
  const special = /[("[<,;:]/g;
  special.lastIndex = at + 1;
  return special.exec(value)?.index ?? value.length;
}

/** Another opening bracket means that this one was never closed: `<a@x.test, b <c@x.test>`. */
function endOfAngle(value: string, at: number): number {
  for (let i = at + 1; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === ">") return i + 1;
    if (char === "<") return -1;
    if (char === '"') i = endOfQuoted(value, i) - 1;
    if (i < 0) return -1;
  }
  return -1;
}
