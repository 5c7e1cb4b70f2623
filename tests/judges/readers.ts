/// <reference path="./mailparser.d.ts" />
// Readers: two parsers that are not ours, mailparser and Python's email package, brought to one form of reading. What each
// of them is known to read against the RFCs is levelled out here, and named, so that a comparison shows only real differences.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { domainToASCII } from "node:url";
import { type AddressField, type Mailbox, type ParsedMail, simpleParser } from "mailparser";

/** A mail as a reader sees it. Names without white space, domains as A-labels. */
export type Reading = Readonly<{
  subject: string;
  from: readonly Box[];
  to: readonly Box[];
  cc: readonly Box[];
  replyTo: readonly Box[];
  messageId: string;
  inReplyTo: string;
  references: readonly string[];
  date: string;
  /** Values of the fields that tell a program what the mail is. */
  marks: Readonly<Record<string, string>>;
  text: string;
  html: string;
}>;
export type Box = readonly [name: string, address: string];

/** One field as Python saw it. `value` is null where Python failed on it. */
export type PythonField = Readonly<{
  name: string;
  value: string | null;
  boxes: readonly (readonly [string, string])[];
  defects: readonly string[];
}>;
/** One mail as Python saw it: top fields, defects of the tree, fields of inner parts that have defects, and leaves. */
export type PythonReading = Readonly<{
  id: string;
  fields: readonly PythonField[];
  defects: readonly string[];
  inner: readonly PythonField[];
  /** Type and file name of the leaves, for the parser that Python takes by default. */
  legacy: readonly (readonly [type: string, name: string | null])[];
  leaves: readonly Readonly<{ type: string; sha: string; text: string | null; name: string | null }>[];
}>;

const marks = ["auto-submitted", "precedence", "x-auto-response-suppress", "x-loop", "x-ses-worker-processed", "mime-version"];

/** Whether there is a python3 to ask. */
export const hasPython: boolean = spawnSync("python3", ["-c", "import email.policy"]).status === 0;

/** Has one Python process read all mails. */
export function readAllWithPython(mails: readonly Readonly<{ id: string; octets: Uint8Array }>[]): ReadonlyMap<string, PythonReading> {
  const input = mails.map(({ id, octets }) => `${JSON.stringify({ id, mail: Buffer.from(octets).toString("base64") })}\n`).join("");
  const run = spawnSync("python3", [join(import.meta.dir, "judge.py")], { input, encoding: "utf8", maxBuffer: 256 << 20 });
  if (run.status !== 0) throw new Error(`judge.py failed: ${run.stderr}`);
  const lines = run.stdout.trimEnd().split("\n");
  return new Map(lines.map((line) => JSON.parse(line) as PythonReading).map((reading) => [reading.id, reading]));
}

/** Python's reading in the common form. */
export function pythonReading({ fields, leaves }: PythonReading): Reading {
  const named = (name: string) => fields.filter((field) => field.name.toLowerCase() === name);
  const first = (name: string) => named(name)[0]?.value ?? "";
  const boxes = (name: string) => named(name).flatMap((field) => field.boxes.map(([shown, address]) => box(shown, address)));
  const leaf = (type: string) => leaves.find((each) => each.type === type)?.text ?? "";
  return {
    subject: first("subject"),
    from: boxes("from"),
    to: boxes("to"),
    cc: boxes("cc"),
    replyTo: boxes("reply-to"),
    messageId: first("message-id"),
    inReplyTo: first("in-reply-to"),
    references: first("references").split(/\s+/).filter(Boolean),
    date: instant(first("date")),
    marks: Object.fromEntries(marks.map((name) => [name, first(name)])),
    text: lines(leaf("text/plain")),
    html: lines(leaf("text/html")),
  };
}

const asIs = { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true, keepCidLinks: true };

/** Has mailparser read a mail. */
export async function parseWithMailparser(octets: Uint8Array): Promise<ParsedMail> {
  return simpleParser(Buffer.from(octets), asIs);
}

/** mailparser's reading in the common form. */
export function mailparserReading(mail: ParsedMail): Reading {
  const boxes = (name: string) => boxesOf(mail.headers.get(name));
  return {
    subject: mail.subject ?? "",
    from: boxes("from"),
    to: boxes("to"),
    cc: boxes("cc"),
    replyTo: boxes("reply-to"),
    messageId: mail.messageId ?? "",
    inReplyTo: mail.inReplyTo ?? "",
    references: [mail.references ?? []].flat(),
    date: mail.date?.toISOString() ?? "",
    marks: Object.fromEntries(marks.map((name) => [name, String(mail.headers.get(name) ?? "")])),
    text: lines(mail.text ?? ""),
    html: lines(mail.html || ""),
  };
}

/** Leaves of a mail, as mailparser takes it apart. */
export function mailparserLeaves(mail: ParsedMail): unknown {
  return [mail.text, mail.html, mail.attachments.map(({ contentType, filename, checksum }) => [contentType, filename, checksum])];
}

function boxesOf(field: unknown): readonly Box[] {
  const fields: readonly unknown[] = field === undefined ? [] : [field].flat();
  const flat = (one: Mailbox): readonly Mailbox[] => (one.group ? one.group.flatMap(flat) : [one]);
  return (fields as readonly AddressField[])
    .flatMap(({ value }) => value.flatMap(flat))
    .map(({ name, address }) => box(name, address ?? ""));
}

/**
 * mailparser shows a domain in lower case and as U-labels, and no name where it repeats the address. Python keeps the
 * white space between two encoded words of a name, which RFC 2047 §6.2 drops, so a name is compared without any.
 */
export function box(name: string, address: string): Box {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  const plain = at < 0 ? address : `${address.slice(0, at)}@${domainToASCII(domain) || domain.toLowerCase()}`;
  const shown = name.replace(/\s+/g, "");
  return [shown === plain ? "" : shown, plain];
}

/** As people see it: line ends alike, none behind the last line. */
function lines(text: string): string {
  return text.replace(/\r\n/g, "\n").trimEnd();
}

function instant(date: string): string {
  const at = Date.parse(date);
  return Number.isNaN(at) ? "" : new Date(at).toISOString();
}
