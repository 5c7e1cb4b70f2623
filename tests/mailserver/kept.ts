// Kept: what becomes of a mail's octets on the way from Sesame into a mailbox. Each change that a host may make is named
// here, with its reason, and made in the same way; what is left must be equal to the octet.

/** The way into the mailbox: by SMTP through Postfix, or by LMTP straight to Dovecot. */
export type Way = "smtp" | "lmtp";

/** Changes by name. */
export const reasons = {
  nul: "Sesame sends 0x80 for NUL, which neither SMTP nor IMAP carries (RFC 5321 §2.3.8, RFC 3501 §4.3.1)",
  "line-ends": "Sesame sends each bare CR or LF as CRLF: in SMTP no other line end exists (RFC 5321 §2.3.8)",
  "missing-fields": "Postfix adds Message-Id, Date and From that are missing in a mail from its own host (local_header_rewrite_clients)",
  "mailbox-line": "Postfix makes a field of the line by which mailbox files divide mails",
  "header-end": "Postfix puts an empty line before a line in the header that is no field",
  "dropped-fields": "Postfix removes Return-Path, Bcc and Content-Length (message_drop_headers)",
  "long-lines": "Postfix folds lines of more than 998 octets when it hands them on (smtp_line_length_limit, RFC 5321 §4.5.3.1.6)",
} as const;
export type Change = keyof typeof reasons;

export type Kept = Readonly<{ octets: Buffer; changes: readonly Change[] }>;

/** The octets that must stand in the mailbox below what the hosts wrote on top. `found` tells what Postfix has made up. */
export function asKept(sent: Uint8Array, way: Way, found: Buffer): Kept {
  const changes: Change[] = [];
  let text = Buffer.from(sent).toString("latin1");
  const step = (change: Change, make: (text: string) => string) => {
    const after = make(text);
    if (after !== text) changes.push(change);
    text = after;
  };
  step("nul", (all) => all.replaceAll("\0", "\x80"));
  step("line-ends", (all) => all.replace(/\r\n|\r|\n/g, "\r\n").replace(/(?<!\r\n)$/, "\r\n"));
  if (way === "smtp") {
    step("mailbox-line", (all) => all.replace(/^>?From /, "X-Mailbox-Line: $&"));
    step("header-end", endHeader);
    step("dropped-fields", (all) =>
      inHeader(all, (fields) => fields.filter((field) => !/^(?:return-path|(?:resent-)?bcc|content-length):/i.test(field))),
    );
    step("missing-fields", (all) => addMissing(all, found.toString("latin1")));
    step("long-lines", (all) => all.replace(/[^\r\n]{999,}/g, folded));
  }
  return { octets: Buffer.from(text, "latin1"), changes };
}

/** The header's fields and the rest, which begins with the empty line. */
function inHeader(text: string, change: (fields: readonly string[]) => readonly string[]): string {
  const end = text.startsWith("\r\n") ? 0 : text.indexOf("\r\n\r\n") + 2;
  const fields = text.slice(0, end).match(/[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*/g) ?? [];
  return change(fields).join("") + text.slice(end);
}

function endHeader(text: string): string {
  const header = /^(?:[!-9;-~]+[ \t]*:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*/.exec(text)?.[0] ?? "";
  const rest = text.slice(header.length);
  return rest.startsWith("\r\n") ? text : `${header}\r\n${rest}`;
}

const madeUp: Readonly<Record<string, RegExp>> = {
  "message-id": /^Message-Id: <\d{14}\.[0-9A-F]+@mail\.example\.com>\r\n/m,
  date: /^Date: \w{3}, [ \d]\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000 \(UTC\)\r\n/m,
  from: /^From: \S+\r\n/m,
};

function addMissing(text: string, found: string): string {
  return inHeader(text, (fields) => {
    const missing = Object.keys(madeUp).filter((name) => !fields.some((field) => field.toLowerCase().startsWith(`${name}:`)));
    return [...fields, ...missing.map((name) => madeUp[name]?.exec(found)?.[0] ?? `(${name} is not added)\r\n`)];
  });
}

/** The space that begins a folded line counts. */
function folded(line: string): string {
  return [line.slice(0, 998), ...(line.slice(998).match(/.{1,997}/gs) ?? [])].join("\r\n ");
}

/** A mail in a mailbox, without what the hosts wrote on top of it: of that, the path and the id that the first host gave. */
export type OpenedMail = Readonly<{ returnPath: string; id: string; octets: Buffer }>;

const byDovecot = String.raw`^Return-Path: <([^>\r\n]*)>\r\n(?:Delivered-To: [^\r\n]+\r\n)?Received: from \S+ [^\r\n]+\r\n\tby \S+ with LMTP\r\n\tid (\S+)\r\n(?:\t[^\r\n]*\r\n)+`;
const byPostfix = String.raw`Received: from worker\.example\.com [^\r\n]+\r\n\tby mail\.example\.com \(Postfix\) with ESMTP id (\w+);?\r\n(?:\t[^\r\n]*\r\n)+`;
const traces: Readonly<Record<Way, RegExp>> = { lmtp: new RegExp(byDovecot), smtp: new RegExp(byDovecot + byPostfix) };

/** Takes off what the hosts of a way write; `null` where something else stands on top. */
export function openStored(mail: Buffer, way: Way): OpenedMail | null {
  const match = traces[way].exec(mail.subarray(0, 4000).toString("latin1"));
  return match === null ? null : { returnPath: match[1] ?? "", id: match.at(-1) ?? "", octets: mail.subarray(match[0].length) };
}
