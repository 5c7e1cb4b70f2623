// sesame send: sends one mail to the front door of `sesame local` by SMTP, from a file or from options. Line ends become CRLF, as
// SMTP requires; the other octets of a file stay as they are.

import { type Address, domainOf, type EpochMs, err, ok, openMail, parseAddress, quote, type Result } from "@sesame/core";
import { mailDate } from "@sesame/core/compose";
import {
  asciiAddress,
  type FieldValue,
  mailboxesOf,
  mailboxValue,
  parseMailboxes,
  quotedPrintable,
  safeText,
  writeBlock,
} from "@sesame/core/mail";
import nodemailer from "nodemailer";
import { bucketOf } from "../local/accept-mail.ts";
import { checks, verdictsField } from "../local/ses-notice.ts";
import { readInputFile } from "./input-file.ts";

export type SendOptions = Readonly<{
  from?: string;
  to?: readonly string[];
  subject?: string;
  text?: string;
  /** Verdicts that `sesame local` gives the mail in place of SES: `spf=FAIL`. */
  verdict?: readonly string[];
  host: string;
  port: number;
  json?: boolean;
}>;

/** Sends a file, or a mail made from the options. Returns the exit code: 1 if it was refused, 2 if it cannot be sent. */
export async function send(file: string | undefined, options: SendOptions): Promise<number> {
  const verdicts = verdictField(options.verdict ?? []);
  if (!verdicts.ok) return fail(2, verdicts.error);
  const made = file === undefined ? compose(options) : await readInputFile(file, "mail");
  const mail = made.ok ? ok(Buffer.concat([verdicts.value, made.value])) : made;
  const envelope = mail.ok ? envelopeOf(mail.value, options) : mail;
  if (!mail.ok || !envelope.ok) return fail(2, envelope.ok ? "" : envelope.error);
  const { host, port } = options;
  const transport = nodemailer.createTransport({ host, port, secure: false, ignoreTLS: true });
  try {
    const info = await transport.sendMail({ envelope: envelope.value, raw: Buffer.from(mail.value) });
    const { response, rejectedErrors = [] } = info;
    const refused = rejectedErrors.map(({ message }) => message);
    const accepted = info.accepted.map(String);
    const sent = { server: `${host}:${port}`, response, accepted, refused, mails: mailIds(response, accepted) };
    process.stdout.write(options.json ? `${JSON.stringify(sent, null, 2)}\n` : sentText(sent));
    return refused.length === 0 ? 0 : fail(1, refused.join("\n"));
  } catch (error) {
    return fail(1, notSent(error, `${host}:${port}`));
  } finally {
    transport.close();
  }
}

/** What became of a mail at the door. `mails`: the mails that `sesame local` stored, one for each domain. */
type Sent = Readonly<{
  server: string;
  response: string;
  accepted: readonly string[];
  refused: readonly string[];
  mails: readonly string[];
}>;

/** Where the mail went, and where to look for what becomes of it. */
function sentText({ server, response, accepted, mails }: Sent): string {
  const first = `Sent to ${accepted.join(", ")} through ${server}: ${response}\n`;
  return mails.length === 0 ? first : `${first}Its log says what becomes of it: ${mails.join(", ")}\n`;
}

/** The mail ids of `sesame local`, which answers with the id of SES. */
function mailIds(response: string, accepted: readonly string[]): readonly string[] {
  const [, sesId] = /^250 .*\bOK ([a-z0-9]{40})$/.exec(response) ?? [];
  if (sesId === undefined) return [];
  const domains = accepted.flatMap((text) => {
    const address = parseAddress(text);
    return address.ok ? [domainOf(address.value)] : [];
  });
  return [...new Set(domains)].map((domain) => `${bucketOf(domain)}/${sesId}`);
}

function fail(code: 1 | 2, text: string): number {
  process.stderr.write(`${text}\n`);
  return code;
}

/** The reply of the server, or that there is none. */
function notSent(error: unknown, at: string): string {
  const { message = String(error), response } = error as { message?: string; response?: string };
  if (response !== undefined) return `Cannot send the mail: ${at} answered ${response}`;
  return `Cannot send the mail to ${at}: ${message}; start sesame local, or check --host and --port`;
}

const statuses = ["PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED"];

/** The field that tells `sesame local` the verdicts; no octets without verdicts. */
function verdictField(verdicts: readonly string[]): Result<Uint8Array> {
  for (const text of verdicts) {
    const [check = "", status = "", ...more] = text.split("=");
    if (!checks.some((each) => each === check) || !statuses.includes(status) || more.length > 0)
      return err(
        `Cannot set a verdict: must be ${checks.join(", ")} with = and ${statuses.join(", ")}, such as spf=FAIL, is ${quote(text)}`,
      );
  }
  return ok(Buffer.from(verdicts.length === 0 ? "" : `${verdictsField}: ${verdicts.join(", ")}\r\n`));
}

type Envelope = { from: string; to: string[] };

/** The envelope from the options, else from the header. Addresses are parsed, so no control character reaches the socket. */
function envelopeOf(octets: Uint8Array, { from, to = [] }: SendOptions): Result<Envelope> {
  const mail = openMail(octets, octets.length);
  const recipients = to.length > 0 ? addressesIn(to) : ok(mailboxesOf(mail, "To", "Cc").map(({ address }) => address));
  if (!recipients.ok) return recipients;
  if (recipients.value.length === 0) return err("Cannot send a mail: it has no recipient; give --to, or a file with a To or Cc field");
  if (isNullPath(from)) return ok({ from: "", to: [...recipients.value] });
  const senders = from ? addressesIn([from]) : ok(mailboxesOf(mail, "From").map(({ address }) => address));
  if (!senders.ok) return senders;
  return ok({ from: senders.value[0] ?? "", to: [...recipients.value] });
}

function isNullPath(from: string | undefined): boolean {
  return from === "" || from === "<>";
}

/** An address with its name, "" without one. */
type Named = Readonly<{ name: string; address: Address }>;

function addressesIn(texts: readonly string[]): Result<readonly Address[]> {
  const parsed = parseAll(texts);
  return parsed.ok ? ok(parsed.value.map(({ address }) => address)) : parsed;
}

/**
 * Parses addresses, with a name before them or without: `Zoë <zoe@remote.test>`. A domain becomes ASCII; a local part must be: the front
 * door does not offer SMTPUTF8.
 */
function parseAll(texts: readonly string[]): Result<readonly Named[]> {
  const found: Named[] = [];
  for (const text of texts) {
    const [mailbox, ...more] = text.includes("<") ? parseMailboxes(text) : [];
    const parsed = mailbox !== undefined && more.length === 0 ? ok(mailbox.address) : parseAddress(text);
    if (!parsed.ok) return parsed;
    const address = asciiAddress(parsed.value);
    if (address === null) return err(`Cannot send a mail: an address must have ASCII letters before the @, is ${quote(text)}`);
    found.push({ name: mailbox?.name ?? "", address });
  }
  return ok(found);
}

const longestLine = 998; // octets (RFC 5322 §2.1.1)

/** A mail in UTF-8. */
function compose({
  from = "you@remote.test",
  to = [],
  subject = "Hello",
  text = "Hello from sesame send.",
}: SendOptions): Result<Uint8Array> {
  const mailboxes = parseAll([isNullPath(from) ? "you@remote.test" : from, ...to]);
  if (!mailboxes.ok) return mailboxes;
  const [sender = "", ...recipients] = mailboxes.value.map(({ name, address }) => mailboxValue(name, address));
  const field = (name: string, kind: FieldValue["kind"], value: string) => ({ name, value: { kind, text: value } });
  const lines = text.split(/\r?\n/);
  const isPlain = lines.every((line) => Buffer.byteLength(line) <= longestLine);
  const head = writeBlock([
    field("From", "structured", sender),
    field("To", "structured", recipients.join(", ")),
    field("Subject", "text", safeText(subject)),
    field("Date", "structured", mailDate(Date.now() as EpochMs)),
    field("Message-ID", "structured", `<${crypto.randomUUID()}@remote.test>`),
    field("MIME-Version", "structured", "1.0"),
    field("Content-Type", "structured", "text/plain; charset=utf-8"),
    field("Content-Transfer-Encoding", "structured", isPlain ? "8bit" : "quoted-printable"),
  ]);
  return ok(Buffer.concat([head, Buffer.from(`${isPlain ? lines.join("\r\n") : quotedPrintable(text)}\r\n`)]));
}
