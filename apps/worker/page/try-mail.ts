// Try mail: the mail that the form of Try describes, made as `sesame send` makes one, with the fields that make it a list mail, a
// mail of a program, or spam in the eyes of SES. It sends nothing.

import { type Address, type EpochMs, err, ok, parseAddress, quote, type Result } from "@sesame/core";
import { mailDate } from "@sesame/core/compose";
import { type FieldValue, safeText, writeBlock } from "@sesame/core/mail";
import { verdictsField } from "../local/ses-notice.ts";
import type { TryForm, TryMail } from "./local-tools.ts";

/** A mail with its envelope. `from` "" is the null reverse-path. */
export type Made = Readonly<{ octets: Uint8Array; from: string; to: Address }>;

const mostSize = 50_000_000; // above every limit of SES

/** The mail of a form, or of a file with the envelope of the form. The error names the field. */
export function mailOf(form: TryForm, file: TryMail, now: EpochMs): Result<Made> {
  const to = parseAddress(form["to"] || form["address"] || "");
  if (!to.ok) return err(`to: ${to.error}`);
  const given = form["from"]?.trim() ?? "";
  const from = given === "<>" ? ok("" as Address) : parseAddress(given || "bob@remote.test");
  if (!from.ok) return err(`from: ${from.error}`);
  if (![from.value, to.value].every((address) => /^[\x20-\x7e]*$/.test(address)))
    return err(`to: Cannot send a mail: an address must be ASCII, with its domain as xn--…, is ${quote(`${from.value} ${to.value}`)}`);
  const octets = file === null ? composed(form, from.value, to.value, now) : whole(file, form);
  return ok({ octets, from: from.value, to: to.value });
}

/** A file of which only the start came has its size, so that what depends on the size is decided rightly. */
function whole({ octets, size }: NonNullable<TryMail>, form: TryForm): Uint8Array {
  const fields = verdictFields(form);
  const padded = new Uint8Array(fields.length + Math.min(Math.max(size, octets.length), mostSize));
  padded.set(fields);
  padded.set(octets.subarray(0, mostSize), fields.length);
  return padded;
}

const field = (name: string, kind: FieldValue["kind"], text: string) => ({ name, value: { kind, text } });

function verdictFields(form: TryForm): Uint8Array {
  return form["spam"] ? new TextEncoder().encode(`${verdictsField}: spam=FAIL\r\n`) : new Uint8Array();
}

function composed(form: TryForm, from: string, to: string, now: EpochMs): Uint8Array {
  const head = writeBlock([
    field("From", "structured", from || "mailer-daemon@remote.test"),
    field("To", "structured", to),
    field("Subject", "text", safeText(form["subject"] ?? "Hello", 400)),
    field("Date", "structured", mailDate(now)),
    field("Message-ID", "structured", `<${crypto.randomUUID()}@remote.test>`),
    ...(form["list"] ? [field("List-Id", "structured", "<news.remote.test>")] : []),
    ...(form["program"] ? [field("Auto-Submitted", "structured", "auto-generated")] : []),
    field("MIME-Version", "structured", "1.0"),
    field("Content-Type", "structured", "text/plain; charset=utf-8"),
  ]);
  return Buffer.concat([verdictFields(form), head, Buffer.from("Hello from the page of sesame local.\r\n")]);
}
