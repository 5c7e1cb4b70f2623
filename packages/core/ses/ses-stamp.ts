// SES stamp: what SES writes above a mail before it stores it: the reverse-path, one Received field with its own id and one
// recipient, and its verdicts. When a notice is lost, the stored mail is all that is left. Only the fields at the top count, up to
// the first one that SES does not write: the sender chose all that follows.
// SES Developer Guide, "Contents of notifications for Amazon SES email receiving"; RFC 5321 §4.4 (trace fields);
// RFC 7208 §9.1 (Received-SPF); RFC 8601 §2.2 (Authentication-Results).

import { type Address, parseAddress, parseReversePath, type ReversePath } from "../mail/address.ts";
import { fieldValue, type HeaderField } from "../mail/header.ts";
import type { Mail } from "../mail/mail.ts";
import type { EpochMs } from "../time.ts";
import { noVerdicts, parseVerdictStatus, type SesVerdicts } from "./ses-verdicts.ts";

/**
 * What SES says of a stored mail. `id`: the id that SES gave to it, which is the last part of its key. `recipient`: the one that the
 * Received field names; a mail may have others. `reversePath`: `undefined` if there is none that can be read.
 */
export type SesStamp = Readonly<{
  id: string;
  recipient: Address | null;
  receivedAt: EpochMs | null;
  reversePath: ReversePath | undefined;
  verdicts: SesVerdicts;
}>;

const writtenBySes: ReadonlySet<string> = new Set([
  "return-path",
  "received",
  "x-ses-spam-verdict",
  "x-ses-virus-verdict",
  "received-spf",
  "authentication-results",
  "x-ses-receipt",
  "x-ses-dkim-signature",
]);

/** Reads the stamp; `null` if SES did not write the topmost Received field. */
export function sesStamp({ block }: Mail): SesStamp | null {
  const fields = topFields(block.fields);
  const received = receivedBySes(fields.get("received") ?? "");
  if (received === null) return null;
  const path = fields.get("return-path");
  return { ...received, reversePath: path === undefined ? undefined : parseReversePath(path), verdicts: verdictsIn(fields) };
}

/** The values of the fields that SES writes, each of which it writes once. */
function topFields(fields: readonly HeaderField[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const field of fields) {
    if (!writtenBySes.has(field.key) || found.has(field.key)) break;
    found.set(field.key, fieldValue(field).slice(0, longest));
  }
  return found;
}

const longest = 4000; // characters of a value; the client chooses the name at the start of Received
const host = " by inbound-smtp.";

/** `from … by inbound-smtp.eu-west-1.amazonaws.com with SMTP id … for …; Mon, 05 Jan 2026 11:59:58 +0000 (UTC)`. */
function receivedBySes(value: string): Pick<SesStamp, "id" | "recipient" | "receivedAt"> | null {
  const text = value.replaceAll(/\s+/g, " ");
  const at = text.toLowerCase().lastIndexOf(host); // SES writes this behind what the client says
  if (at < 0 || !/^from /i.test(text)) return null;
  const [said = "", ...dates] = text.slice(at + host.length).split(";");
  const [name = "", , , , id = "", , recipient = ""] = said.trim().split(" ");
  if (!/^[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/i.test(name) || !/^[a-z0-9]+$/i.test(id)) return null;
  if (!/^\S+ with e?smtps? id \S+(?: for \S+)?$/i.test(said.trim())) return null;
  const address = parseAddress(recipient);
  const time = Date.parse((dates.at(-1) ?? "").replace(/\([^()]*\)/, "").trim());
  return { id, recipient: address.ok ? address.value : null, receivedAt: Number.isNaN(time) ? null : (time as EpochMs) };
}

function verdictsIn(fields: ReadonlyMap<string, string>): SesVerdicts {
  const results = fields.get("authentication-results") ?? "";
  const bySes = /^amazonses\.com\s*;/i.test(results);
  const result = (check: string) => (bySes ? resultOf(check, results) : "");
  const spf = result("spf") || (/^[a-z]+/i.exec(fields.get("received-spf") ?? "")?.[0] ?? "");
  const dmarc = authenticated[result("dmarc").toLowerCase()] ?? "none";
  return {
    ...noVerdicts,
    spam: parseVerdictStatus(fields.get("x-ses-spam-verdict")),
    virus: parseVerdictStatus(fields.get("x-ses-virus-verdict")),
    spf: authenticated[spf.toLowerCase()] ?? "none",
    dkim: authenticated[result("dkim").toLowerCase()] ?? "none",
    dmarc,
    // The stored mail does not say which policy the domain has. With the strictest one nobody gets a reply to a forged mail.
    dmarcPolicy: dmarc === "FAIL" ? "reject" : null,
  };
}

/** `pass` in `amazonses.com; spf=pass (…) …; dkim=pass header.i=…`. The first result of a check counts. */
function resultOf(check: string, results: string): string {
  const found = results.split(";").find((each) => each.trim().toLowerCase().startsWith(`${check}=`)) ?? "";
  return /^[a-z]*/i.exec(found.slice(found.indexOf("=") + 1))?.[0] ?? "";
}

const authenticated: Readonly<Record<string, SesVerdicts["spf"]>> = {
  pass: "PASS",
  fail: "FAIL",
  softfail: "GRAY",
  neutral: "GRAY",
  none: "GRAY",
  policy: "GRAY",
  temperror: "PROCESSING_FAILED",
  permerror: "PROCESSING_FAILED",
};
