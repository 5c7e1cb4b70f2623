// DSN: reads a delivery status notification from its octets (RFC 3464, RFC 6522; RFC 6533 for internationalized addresses). It
// returns the failed recipients and the header of the failed mail. It reads the reports of SES, the reports of other hosts that
// SES passes on, and old SES reports without MIME parts. It does not decide whether a report is genuine: ses/bounce.ts does.

import { textOf } from "../octets.ts";
import { type Address, parseAddress } from "./address.ts";
import { type HeaderBlock, splitHeader, valuesOf } from "./header.ts";
import type { Mail } from "./mail.ts";
import { contentOf, type MimePart, partsOf } from "./mime-part.ts";

/** The parts of a DSN that Sesame uses. */
export type Dsn = Readonly<{
  /**
   * The failed recipients in the order of the report: each Final-Recipient, with delivered ones last. If there is none, the
   * recipients named in X-Failed-Recipients or in the text of the report.
   */
  finalRecipients: readonly Address[];
  /**
   * The same in the same order, and after each Final-Recipient the Original-Recipient of its block. The two differ where a host
   * resolved an alias: the sender wrote to the original one (RFC 3464 §2.3.1).
   */
  namedRecipients: readonly Address[];
  /** Header block of the failed mail; `null` if the DSN does not include it. */
  original: HeaderBlock | null;
  /** The text of the report, for people and for machines, without the failed mail. At most 256 KiB. */
  text: string;
}>;

/** The value for a mail that is not a DSN. */
export const noDsn: Dsn = { finalRecipients: [], namedRecipients: [], original: null, text: "" };

const maxRecipients = 1000;
const maxText = 256 * 1024; // characters; the text of a report is a page
const readableTypes = ["text/plain", ""];
const statusTypes = ["message/delivery-status", "message/global-delivery-status"];
const originalTypes = ["message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"];

/** Reads a DSN from a mail. Missing parts are empty. It never throws. */
export function readDsn(mail: Mail): Dsn {
  const parts = partsOf(mail);
  const original = parts.find(({ type }) => originalTypes.includes(type));
  const statuses = textsOf(parts, statusTypes);
  const texts = textsOf(parts, readableTypes);
  const reported = statuses.flatMap(reportedRecipients);
  const final = distinct(reported.flatMap((recipient) => recipient.final));
  const finalRecipients = final.length > 0 ? final : recipientsInside(mail, texts);
  const named = reported.flatMap((recipient) => [...recipient.final, ...recipient.original]);
  return {
    finalRecipients,
    namedRecipients: distinct(final.length > 0 ? named : [...named, ...finalRecipients]),
    original: original ? splitHeader(withoutEmptyLines(contentOf(original)), false).block : null,
    text: [...statuses, ...texts].join("\n").slice(0, maxText),
  };
}

/** The parts of these types as text, with LF as the only line end: a bare CR ends a line too. */
function textsOf(parts: readonly MimePart[], types: readonly string[]): readonly string[] {
  return parts.filter(({ type }) => types.includes(type)).map((part) => textOf(contentOf(part)).replace(/\r\n?/g, "\n"));
}

/** The recipients of a report without fields for them: in its header or in its text. */
function recipientsInside(mail: Mail, texts: readonly string[]): readonly Address[] {
  const named = valuesOf(mail.block, "X-Failed-Recipients")
    .flatMap((value) => value.split(","))
    .flatMap(addressIn);
  return distinct(
    named.length > 0
      ? named
      : texts.flatMap((body) => [...reportedRecipients(body).flatMap(({ final }) => final), ...recipientsInText(body)]),
  );
}

function distinct(addresses: readonly Address[]): readonly Address[] {
  return [...new Set(addresses)].slice(0, maxRecipients);
}

type ReportedRecipients = Readonly<{ final: readonly Address[]; original: readonly Address[] }>;

/**
 * The `Final-Recipient: rfc822; a@b` and `Original-Recipient` fields of the per-recipient blocks (RFC 3464 §2.3.1, §2.3.2), in any
 * order of fields and with any number of empty lines between blocks. Blocks with a positive Action come last.
 */
function reportedRecipients(text: string): readonly ReportedRecipients[] {
  const lines = text.replace(/^[ \t]+$/gm, "");
  const blocks = lines.replace(/\n[ \t]+/g, " ").split(/\n{2,}/);
  const found = blocks.map((block) => {
    const action = /^action[ \t]*:[ \t]*([a-z]+)/im.exec(block)?.[1]?.toLowerCase() ?? "";
    const isReached = ["delivered", "relayed", "expanded"].includes(action);
    return { isReached, final: recipientsIn(block, finalRecipient), original: recipientsIn(block, originalRecipient) };
  });
  return [...found.filter(({ isReached }) => !isReached), ...found.filter(({ isReached }) => isReached)];
}

const finalRecipient = /^final-recipient[ \t]*:(.*)$/gim;
const originalRecipient = /^original-recipient[ \t]*:(.*)$/gim;

function recipientsIn(block: string, field: RegExp): readonly Address[] {
  return [...block.matchAll(field)].flatMap(([, value = ""]) => recipientIn(value));
}

/** The address after its address type. An X.400 address is skipped, even if it contains an `@`. */
function recipientIn(value: string): readonly Address[] {
  const [, type = "rfc822", address = ""] = /^(?:\s*([\w-]+)\s*;)?(.*)$/s.exec(value) ?? [];
  if (type.toLowerCase() === "x400") return [];
  // In a `utf-8` address a character may be written as `\x{F6}` (RFC 6533 §3).
  return addressIn(type.toLowerCase() === "utf-8" ? address.replace(/\\x\{([0-9a-f]{2,6})\}/gi, fromCode) : address);
}

function fromCode(whole: string, digits: string): string {
  const code = Number.parseInt(digits, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}

/** The address in a value that may end with a comment (RFC 3464 §2.1.1), in brackets or, as some hosts write, with one of them. */
function addressIn(text: string): readonly Address[] {
  if (!text.includes("@")) return []; // most of a hostile list
  const parsed = parseAddress(
    text
      .replace(/\s\([^()]*\)\s*$/, "")
      .trim()
      .replace(/^<?([^<>]*)>?$/, "$1"),
  );
  return parsed.ok ? [parsed.value] : [];
}

/**
 * The recipients in the text of an SES report. New reports list one address on each line. Reports of 2011 name it within a
 * sentence.
 */
function recipientsInText(text: string): readonly Address[] {
  const sentence = addresseeOf(text);
  const [, list = ""] = /following recipients?:[ \t]*\n([\s\S]*)/i.exec(text) ?? [];
  const found: Address[] = sentence === undefined ? [] : [...addressIn(sentence)];
  for (const line of list.split("\n")) {
    const address = addressIn(line);
    if (address.length === 0 && line.trim() !== "") break; // end of the list
    found.push(...address);
  }
  return found;
}

/** The address in `… the following message to <a@b.test>`. */
function addresseeOf(text: string): string | undefined {
  const words = "following message to <";
  const lower = text.toLowerCase();
  for (let at = lower.indexOf(words); at >= 0; at = lower.indexOf(words, at + 1)) {
    const found = /^([^<>\s]{1,320})>/.exec(text.slice(at + words.length, at + words.length + 321))?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function withoutEmptyLines(octets: Uint8Array): Uint8Array {
  let at = 0;
  while (octets[at] === 13 || octets[at] === 10) at++;
  return octets.subarray(at);
}
