// SMTP reply: turns octets of a server into replies (RFC 5321 §4.2, §4.5.3.1.5). It is stricter than nodemailer: a code of
// four digits, different codes in one reply, an empty line and an endless line are invalid and end the session.

import { Buffer } from "node:buffer";

/** A reply, its lines joined into one for `parseSmtpReply`. Code 0: the reply is invalid. */
export type Reply = Readonly<{ code: number; line: string }>;

const shownLimit = 500; // characters of a reply that are kept, because replies are logged
const mostKnown = 16; // replies of a session that are not parsed again
const longestKnown = 100; // octets
const lineForm = /^([2-5]\d\d)(?:([ -])(.*))?$/s;
const codeForm = /^[2-5]\d\d/;
const enhancedForm = /^[245]\.\d{1,3}\.\d{1,3}(?=\s|$)/;
const printableForm = /^[\x20-\x7e]*$/;

/** Parses the lines of one reply. */
export function replyOf(lines: readonly string[]): Reply {
  const [first = ""] = lines;
  return lines.length === 1 ? replyOfLine(first) : replyOfLines(lines);
}

function replyOfLine(line: string): Reply {
  const code = codeOf(line);
  return code === 0 || (line.length > 3 && line[3] !== " ") ? notUnderstood(line) : { code, line: printable(line) };
}

/** The code at the start of a line, or 0 if it is none (RFC 5321 §4.2). */
function codeOf(line: string): number {
  return codeForm.test(line) ? Number(line.slice(0, 3)) : 0;
}

function replyOfLines(lines: readonly string[]): Reply {
  const parts = lines.map((line) => lineForm.exec(line));
  const [code, enhanced] = [parts[0]?.[1], enhancedForm.exec(parts[0]?.[3] ?? "")?.[0]];
  const texts: string[] = [];
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (!part || part[1] !== code || (part[2] === "-") === last) return notUnderstood(lines.join(" "));
    const text = part[3] ?? "";
    // Each line of a reply repeats the enhanced status code (RFC 2034 §4); only the first one is kept.
    texts.push(index > 0 && enhanced !== undefined && text.startsWith(enhanced) ? text.slice(enhanced.length).trim() : text);
  }
  return { code: Number(code), line: printable(`${code} ${texts.join(" ")}`) };
}

function notUnderstood(text: string): Reply {
  return { code: 0, line: printable(text) };
}

function printable(text: string): string {
  if (text.length <= shownLimit && printableForm.test(text)) return text.trim(); // nearly every reply
  const shown = text.length > shownLimit ? `${text.slice(0, shownLimit - 1)}…` : text;
  return shown.replace(/\p{Cc}/gu, " ").trim();
}

/** Assembles replies from the octets of a socket. */
export class ReplyReader {
  readonly #limit: number;
  #tail = "";
  #lines: string[] = [];
  #held = 0;
  /** Replies of one line that came before: a server says the same few for each mail and each recipient. */
  readonly #known = new Map<string, Reply>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns the replies that end in this chunk. */
  read(chunk: Buffer): readonly Reply[] {
    const text = chunk.toString("latin1");
    const replies: Reply[] = [];
    let from = 0;
    // Only the chunk is searched for a line end: a server may send an endless line octet by octet.
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      const line = this.#tail + text.slice(from, end);
      this.#tail = "";
      from = end + 1;
      const reply = this.#take(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (reply) replies.push(reply);
    }
    this.#tail += text.slice(from);
    if (this.#tail.length + this.#held > this.#limit) replies.push(this.#giveUp());
    return replies;
  }

  /** The reply that ends with this line, or `null` if it goes on. */
  #take(line: string): Reply | null {
    const known = this.#lines.length === 0 ? this.#known.get(line) : undefined;
    if (known) return known;
    this.#lines.push(fromUtf8(line));
    this.#held += line.length;
    if (/^\d{3}-/.test(line)) return null;
    const reply = replyOf(this.#lines);
    if (this.#lines.length === 1) this.#remember(line, reply);
    this.#reset();
    return reply;
  }

  #remember(line: string, reply: Reply): void {
    if (line.length > longestKnown) return;
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(line, reply);
  }

  #giveUp(): Reply {
    const reply = notUnderstood(`a reply of more than ${this.#limit} octets: ${(this.#lines[0] ?? this.#tail).slice(0, 80)}`);
    this.#reset();
    this.#tail = "";
    return reply;
  }

  #reset(): void {
    this.#lines = [];
    this.#held = 0;
  }
}

/** Replies have no charset (RFC 5321 §4.2.1): read as UTF-8 if valid, otherwise as one character for each octet. */
function fromUtf8(line: string): string {
  if (!/[\x80-\xff]/.test(line)) return line;
  const text = Buffer.from(line, "latin1").toString("utf8");
  return text.includes("\ufffd") ? line : text;
}
