// Mailbox: reads the addresses and display names of a header field such as From or To (RFC 5322 §3.4, obsolete forms §4.4). It
// accepts broken forms: comments and white space inside an address, groups, source routes, missing brackets, unquoted names. A
// blocklist must not miss an address that a mail program would show. An address inside a display name does not count. It makes
// one pass over the text and does not decode encoded words (see encoded-word.ts).

import { type Address, addressOf } from "./address.ts";
import { endOfComment, endOfQuoted, unquote } from "./token.ts";

/** One mailbox of a header field: the address, and the display name as it stands. */
export type Mailbox = Readonly<{ name: string; address: Address }>;

/** The tokens between two commas: the text outside brackets, the texts in angle brackets, the last comment. */
type ListItem = { phrase: string; angles: string[]; comment: string };

/** Mailboxes that are read of one list. A mail with more is a bulk mailing, and each address takes time in later comparisons. */
export const maxMailboxes = 1000;

/**
 * Returns every mailbox in the value of an address field, with groups flattened. Text that is no address is left out. It never
 * throws.
 */
export function parseMailboxes(value: string): readonly Mailbox[] {
  return parseSomeMailboxes(value, maxMailboxes);
}

/** The same, but at most `limit` mailboxes. */
export function parseSomeMailboxes(value: string, limit: number): readonly Mailbox[] {
  if (!value.includes("@")) return [];
  const found: Mailbox[] = [];
  let item: ListItem | null = null; // null: nothing since the last separator
  const flush = () => {
    if (item !== null) found.push(...mailboxesBetweenCommas(item));
    item = null;
  };
  const unclosed = new Set<string>();
  for (let at = 0; at < value.length && found.length + (item?.angles.length ?? 0) < limit; ) {
    const char = value.charAt(at);
    if (char === "," || char === ";") {
      flush();
      at++;
      continue;
    }
    const end = unclosed.has(char) ? -1 : endOfToken(value, at);
    // Skip an opening character that is never closed, and all later ones of its kind: each search for the end would read the
    // whole text.
    if (end < 0) unclosed.add(char);
    const token = value.slice(at, end < 0 ? at + 1 : end);
    at += token.length;
    item ??= { phrase: "", angles: [], comment: "" };
    if (end < 0) item.phrase += " ";
    else if (char === "(") item.comment = token.slice(1, -1).trim();
    else if (char === "<") item.angles.push(token.slice(1, -1));
    else if (char !== ":") item.phrase += token;
    else if (item.angles.length > 0 || item.phrase.includes("@"))
      flush(); // the name of a group contains no @, so this is not a group
    else item.phrase = "";
  }
  flush();
  return found.slice(0, limit); // one item may itself contain thousands
}

function mailboxesBetweenCommas({ phrase, angles, comment }: ListItem): readonly Mailbox[] {
  if (!phrase.includes("@") && !angles.some((angle) => angle.includes("@"))) return []; // most of a hostile list
  const bare = collapseSpace(phrase);
  const parseAll = (texts: readonly string[], name: string) =>
    texts.flatMap((text): readonly Mailbox[] => {
      const address = addressOf(text);
      return address === null ? [] : [{ name, address }];
    });
  if (bare === "" && angles.length === 0) return [];
  const name = angles.length > 0 ? unquoteAll(phrase.trim()) : comment;
  const inAngles = parseAll(
    angles.map((angle) => collapseSpace(withoutComments(angle))),
    name,
  );
  if (inAngles.length > 0) return inAngles;
  const whole = angles.length > 0 ? [] : parseAll([bare], name);
  return whole.length > 0 ? whole : parseAll([...angles, bare].flatMap(wordsWithAt), angles.length > 0 ? "" : comment);
}

/**
 * White space as one space, and none around the dots and the @ of an address (RFC 5322 §4.4). Quoted strings stay as they are.
 */
function collapseSpace(text: string): string {
  return outsideQuotes(text, (part) => part.replace(/\s+/g, " ").replace(/ ?([.@]) ?/g, "$1")).trim();
}

/** A display name with its quoted strings resolved. */
function unquoteAll(phrase: string): string {
  return mapQuotedStrings(phrase, (part) => part, unquote);
}

/** Possible addresses in broken text: each word with an @ outside quotes. */
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
  return [...words, text.slice(from)].filter((word) => word.indexOf("@", 1) > 0 && !word.endsWith("@"));
}

function outsideQuotes(text: string, change: (part: string) => string): string {
  return mapQuotedStrings(text, change, (quoted) => quoted);
}

/** Maps the text outside and inside quoted strings. After a quote that is never closed, the rest is outside. */
function mapQuotedStrings(text: string, outside: (part: string) => string, inside: (quoted: string) => string): string {
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

/**
 * The end of the token at a position: a comment, quoted string, literal, angle address, separator or run of other characters; -1
 * if it is not closed.
 */
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
      return endOfWord(value, at);
  }
}

const special = /[("[<,;:]/g;

function endOfWord(value: string, at: number): number {
  special.lastIndex = at + 1;
  return special.exec(value)?.index ?? value.length;
}

/** The end of an angle address. Another `<` means that the first one was never closed: `<a@x.test, b <c@x.test>`. */
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
