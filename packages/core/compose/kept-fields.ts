// Kept fields: the fields of the original that a forward copies, and how it writes them. This is an allow-list. Not copied:
// DKIM-Signature and ARC fields (they cannot verify under a new From), Sender, Return-Path and Delivered-To (SES checks or
// refuses them), Bcc, requests for receipts, and X-SES fields, because SES obeys some of them. Each field is written once,
// because SES refuses duplicates (SES Developer Guide, "Amazon SES header fields"); only Received may repeat.

import { decodeWords } from "../mail/encoded-word.ts";
import { fieldsOf, fieldValue, firstValue, valuesOf } from "../mail/header.ts";
import { safeText } from "../mail/header-write.ts";
import type { Mail } from "../mail/mail.ts";
import { parseParameters, writeParameters } from "../mail/mime-parameter.ts";
import { type NewField, structured } from "./generated-header.ts";
import { mailboxListValue, writableMailboxesOf } from "./original-fields.ts";

/** Fields with a syntax of their own, copied if they are valid ASCII. */
const structuredNames = [
  "Importance",
  "Priority",
  "X-Priority",
  "Sensitivity",
  "Thread-Index",
  // Auto-responders at the target must not answer automatic mail (RFC 3834 §2).
  "Auto-Submitted",
  "Precedence",
  "X-Auto-Response-Suppress",
  // The list is still the source, and the reader may want to unsubscribe (RFC 2369, RFC 2919).
  "List-Id",
  "List-Help",
  "List-Subscribe",
  "List-Unsubscribe", // not List-Unsubscribe-Post: with it the target's provider can unsubscribe the subscriber (RFC 8058)
  "List-Post",
  "List-Owner",
  "List-Archive",
];

/** Fields of text in any alphabet. */
const textNames = ["Thread-Topic", "Content-Description"];

/** Fields that describe the body, besides those with parameters. Content-Length is often wrong and is not copied. */
const bodyNames = [
  "Content-Transfer-Encoding",
  "Content-ID",
  "Content-Location",
  "Content-Base",
  "Content-Language",
  "Content-MD5",
  "Content-Duration",
  "Content-Class",
  "Content-Alternative",
];

const maxValue = 4000; // characters; such a field rarely has more than 100
const maxWordOctets = 900; // octets; a line has 998 and is folded only at spaces

/** Names of all fields that can be copied. */
export const keptNames: readonly string[] = [
  "Received",
  "To",
  "Cc",
  ...structuredNames,
  ...textNames,
  "MIME-Version",
  "Content-Type",
  "Content-Disposition",
  ...bodyNames,
];

/** Returns all Received fields. None is left out, whatever it contains: their number stops a loop (RFC 5321 §6.3). */
export function receivedFields(mail: Mail): readonly NewField[] {
  return fieldsOf(mail.block, "Received").map((field) => {
    const words = safeText(fieldValue(field), 1000)
      .replace(/[^ -~]/g, "?")
      .split(" ");
    return structured("Received", words.map((word) => word.slice(0, maxWordOctets)).join(" ") || "(empty)");
  });
}

/** Returns To and Cc with at most `limit` mailboxes. They inform the reader; the envelope decides who gets the mail. */
export function addresseeFields(mail: Mail, limit: number): readonly NewField[] {
  const to = writableMailboxesOf(mail, "To").slice(0, limit);
  const cc = writableMailboxesOf(mail, "Cc").slice(0, limit - to.length);
  const fields = [structured("To", mailboxListValue(to)), structured("Cc", mailboxListValue(cc))];
  return fields.filter(({ value }) => value.text !== "");
}

/** Returns all other fields that are kept. */
export function otherFields(mail: Mail): readonly NewField[] {
  return [...structuredNames.flatMap((name) => structuredField(mail, name)), ...bodyFields(mail)];
}

/** The fields that describe the body, written so that every mail program can parse them. */
function bodyFields(mail: Mail): readonly NewField[] {
  const fields = [
    ...textNames.flatMap((name) => textField(mail, name)),
    ...parameterField(mail, "Content-Type", /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/), // else it is text/plain: RFC 2045 §5.2
    ...parameterField(mail, "Content-Disposition", /^[\w!#$&^.+-]+$/),
    ...bodyNames.flatMap((name) => structuredField(mail, name)),
  ];
  const isMime = valuesOf(mail.block, "MIME-Version").length > 0 || fields.some(({ name }) => name.startsWith("Content-"));
  return isMime ? [structured("MIME-Version", "1.0"), ...fields] : fields;
}

function structuredField(mail: Mail, name: string): readonly NewField[] {
  const value = firstValue(mail.block, name);
  if (value === null) return [];
  const clean = safeText(value, maxValue);
  const isValid = /^[ -~]+$/.test(clean) && clean.split(" ").every((word) => word.length <= maxWordOctets);
  return isValid ? [structured(name, clean)] : [];
}

function textField(mail: Mail, name: string): readonly NewField[] {
  const value = firstValue(mail.block, name);
  const text = value === null ? "" : safeText(decodeWords(value));
  return text === "" ? [] : [{ name, value: { kind: "text", text } }];
}

function parameterField(mail: Mail, name: string, main: RegExp): readonly NewField[] {
  const value = firstValue(mail.block, name);
  if (value === null) return [];
  const list = parseParameters(value);
  return main.test(list.main) && list.main.length <= 127 ? [structured(name, writeParameters(list))] : [];
}
