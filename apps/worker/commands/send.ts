// sesame send: hands one mail to the front door over SMTP, a file as it is or a line of text. For trying Sesame out.

import { readFile } from "node:fs/promises";
import {
  type Address,
  type EpochMs,
  type FieldValue,
  mailboxesOf,
  mailDate,
  openMail,
  parseAddress,
  type Result,
  safeText,
  writeBlock,
} from "@sesame/core";
import nodemailer from "nodemailer";

export type SendOptions = Readonly<{ from?: string; to?: readonly string[]; subject?: string; text?: string; host: string; port: number }>;

/** Sends a file, or a mail made of the options. Returns the exit code. */
export async function send(file: string | undefined, options: SendOptions): Promise<number> {
  const mail = file === undefined ? compose(options) : { ok: true as const, value: await readFile(file) };
  if (!mail.ok) return fail(mail.error);
  const envelope = envelopeOf(mail.value, options);
  if (!envelope.ok) return fail(envelope.error);
  const transport = nodemailer.createTransport({ host: options.host, port: options.port, secure: false, ignoreTLS: true });
  const sent = await transport.sendMail({ envelope: envelope.value, raw: Buffer.from(mail.value) });
  transport.close();
  process.stdout.write(`${sent.response}\n`);
  return sent.rejected.length > 0 ? 1 : 0;
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}

type Envelope = { from: string; to: string[] };

/** From the options, else from the header. Addresses are parsed, so no control character reaches the socket. */
function envelopeOf(octets: Uint8Array, { from, to = [] }: SendOptions): Result<Envelope> {
  const mail = openMail(octets, octets.length);
  const recipients =
    to.length > 0 ? parseAll(to) : { ok: true as const, value: mailboxesOf(mail, "To", "Cc").map(({ address }) => address) };
  if (!recipients.ok) return recipients;
  if (recipients.value.length === 0) return { ok: false, error: 'Cannot send a mail as it needs --to or a To field: current value is ""' };
  const sender =
    from === undefined || from === ""
      ? {
          ok: true as const,
          value: mailboxesOf(mail, "From")
            .slice(0, 1)
            .map(({ address }) => address),
        }
      : parseAll([from]);
  if (!sender.ok) return sender;
  return { ok: true, value: { from: from === "" || from === "<>" ? "" : (sender.value[0] ?? ""), to: recipients.value } };
}

function parseAll(texts: readonly string[]): Result<Address[]> {
  const found: Address[] = [];
  for (const text of texts) {
    if (text === "<>") continue;
    const parsed = parseAddress(text);
    if (!parsed.ok) return parsed;
    found.push(parsed.value);
  }
  return { ok: true, value: found };
}

function compose({
  from = "you@remote.test",
  to = [],
  subject = "Hello",
  text = "Hello from sesame send.",
}: SendOptions): Result<Uint8Array> {
  const addresses = parseAll([from === "" || from === "<>" ? "you@remote.test" : from, ...to]);
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
  return { ok: true, value: Buffer.concat([head, Buffer.from(`${text}\r\n`)]) };
}
