// Kept field: what a forward takes over from the original header, and the form in which it does. An allow-list: all that
// is not named here stays behind, such as DKIM-Signature and ARC- (they cannot verify under a new From), Sender,
// Return-Path and Delivered-To (SES checks or refuses them), Bcc, requests for receipts, and every X-SES- field, since SES
// obeys some of them in whoever's name. Each is written once: SES refuses a second one (SES Developer Guide, "Amazon SES
// header fields"); Received alone may recur.

import { decodeWords } from "../mail/encoded-word.ts";
import { fieldsOf, fieldValue, firstValue, valuesOf } from "../mail/header.ts";
import { safeText } from "../mail/header-write.ts";
import type { Mail } from "../mail/mail.ts";
import { parseParameters, writeParameters } from "../mail/mime-parameter.ts";
import { type NewField, structured } from "./generated-header.ts";
import { boxesOf, boxesValue } from "./original-fields.ts";

/** Fields with a syntax of their own, kept as they are if they are lawful ASCII. */
const structuredNames = [
  "Importance",
  "Priority",
  "X-Priority",
  "Sensitivity",
  "Thread-Index",
  // Machines at the target must not answer what machines sent (RFC 3834 §2).
  "Auto-Submitted",
  "Precedence",
  "X-Auto-Response-Suppress",
  // The list still is whose mail it is, and the reader may want to leave it (RFC 2369, RFC 2919, RFC 8058).
  "List-Id",
  "List-Help",
  "List-Subscribe",
  "List-Unsubscribe",
  "List-Unsubscribe-Post",
  "List-Post",
  "List-Owner",
  "List-Archive",
];

/** Fields of text in any alphabet. */
const textNames = ["Thread-Topic", "Content-Description"];

/** Fields that tell how to read the body, beside those with parameters. Content-Length is none: it lies. */
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

const maxValue = 4000; // characters; such a field is rarely longer than 100
const maxWord = 900; // octets; a line has 998 and breaks at spaces only

/** Names of all fields that can be taken over. */
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

/** The way so far. None is lost, whatever stands in it: their number ends a loop (RFC 5321 §6.3). */
export function receivedFields(mail: Mail): readonly NewField[] {
  return fieldsOf(mail.block, "Received").map((field) => {
    const words = safeText(fieldValue(field), 1000)
      .replace(/[^ -~]/g, "?")
      .split(" ");
    return structured("Received", words.map((word) => word.slice(0, maxWord)).join(" ") || "(empty)");
  });
}

/** To and Cc with at most `limit` mailboxes, for the reader: who gets this mail is for the envelope. */
export function addresseeFields(mail: Mail, limit: number): readonly NewField[] {
  const to = boxesOf(mail, "To").slice(0, limit);
  const cc = boxesOf(mail, "Cc").slice(0, limit - to.length);
  const fields = [structured("To", boxesValue(to)), structured("Cc", boxesValue(cc))];
  return fields.filter(({ value }) => value.text !== "");
}

/** All others that are kept. */
export function otherFields(mail: Mail): readonly NewField[] {
  return [...structuredNames.flatMap((name) => structuredField(mail, name)), ...bodyFields(mail)];
}

/** What describes the body must go with it, in a form that every reader parses. */
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
  const isLawful = /^[ -~]+$/.test(clean) && clean.split(" ").every((word) => word.length <= maxWord);
  return isLawful ? [structured(name, clean)] : [];
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
