// sesame send: sends one mail to the front door of `sesame local` by SMTP, from a file or from options. Line ends become CRLF, as
// SMTP requires; the other octets of a file stay as they are.

import { type Address, type EpochMs, err, ok, openMail, parseAddress, quote, type Result } from "@sesame/core";
import { mailDate } from "@sesame/core/compose";
import { type FieldValue, mailboxesOf, safeText, writeBlock } from "@sesame/core/mail";
import nodemailer from "nodemailer";
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
    const { response, rejectedErrors = [] } = await transport.sendMail({ envelope: envelope.value, raw: Buffer.from(mail.value) });
    process.stdout.write(`${response}\n`);
    return rejectedErrors.length === 0 ? 0 : fail(1, rejectedErrors.map(({ message }) => message).join("\n"));
  } catch (error) {
    return fail(1, notSent(error, `${host}:${port}`));
  } finally {
    transport.close();
  }
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
  const recipients = to.length > 0 ? parseAll(to) : ok(mailboxesOf(mail, "To", "Cc").map(({ address }) => address));
  if (!recipients.ok) return recipients;
  if (recipients.value.length === 0) return err("Cannot send a mail: it has no recipient; give --to, or a file with a To or Cc field");
  const senders = from ? parseAll([from]) : ok(mailboxesOf(mail, "From").map(({ address }) => address));
  if (!senders.ok) return senders;
  return ok({ from: isNullPath(from) ? "" : (senders.value[0] ?? ""), to: recipients.value });
}

function isNullPath(from: string | undefined): boolean {
  return from === "" || from === "<>";
}

/** Parses addresses. They must be ASCII: the front door does not offer SMTPUTF8. */
function parseAll(texts: readonly string[]): Result<Address[]> {
  const found: Address[] = [];
  for (const text of texts) {
    if (text === "<>") continue;
    const parsed = parseAddress(text);
    if (!parsed.ok) return parsed;
    if (!/^[\x20-\x7e]*$/.test(parsed.value))
      return err(`Cannot send a mail: an address must be ASCII, with its domain as xn--…, is ${quote(text)}`);
    found.push(parsed.value);
  }
  return ok(found);
}

function compose({
  from = "you@remote.test",
  to = [],
  subject = "Hello",
  text = "Hello from sesame send.",
}: SendOptions): Result<Uint8Array> {
  const addresses = parseAll([isNullPath(from) ? "you@remote.test" : from, ...to]);
  if (!addresses.ok) return addresses;
  const [sender = "", ...recipients] = addresses.value;
  const field = (name: string, kind: FieldValue["kind"], value: string) => ({ name, value: { kind, text: value } });
  const head = writeBlock([
    field("From", "structured", sender),
    field("To", "structured", recipients.join(", ")),
    field("Subject", "text", safeText(subject)),
    field("Date", "structured", mailDate(Date.now() as EpochMs)),
    field("Message-ID", "structured", `<${crypto.randomUUID()}@remote.test>`),
    field("MIME-Version", "structured", "1.0"),
    field("Content-Type", "structured", "text/plain; charset=utf-8"),
    field("Content-Transfer-Encoding", "structured", "8bit"),
  ]);
  return ok(Buffer.concat([head, Buffer.from(`${text.replace(/\r?\n/g, "\r\n")}\r\n`)]));
}
