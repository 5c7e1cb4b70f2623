// Arrived mail: what the top of a stored mail says about its arrival: envelope, time and verdicts, as SES or `sesame local` wrote them
// (SES Developer Guide, "Contents of notifications for Amazon SES email receiving"). Only what stands above the second Received field is
// SES's; all below was written by others. It reads the header only, and decides nothing.

import { firstValue, type HeaderBlock, type Mail, mailboxesOf, valuesOf } from "@sesame/core/mail";
import { parseVerdictStatus, type SesVerdicts, type VerdictStatus } from "@sesame/core/ses";
import { verdictsField } from "./local/ses-notice.ts";

/** What a mail says. `from`: "" is the null reverse-path; `null`: nothing is said. `receivedAt`: milliseconds since 1970. */
export type Arrival = Readonly<{
  from: string | null;
  to: readonly string[];
  receivedAt: number | null;
  verdicts: SesVerdicts | null;
}>;

/** Reads the fields of SES if there are any, else Return-Path, From, To and Cc. */
export function arrivalOf(mail: Mail): Arrival {
  const top = topOf(mail.block);
  const received = firstValue(top, "Received") ?? "";
  const isFromSes = /\bby inbound-smtp\.[a-z0-9-]+\.amazonaws\.com\b/i.test(received);
  const [, named] = (isFromSes && /\bfor\s+<?([^\s<>;]{1,320})>?\s*;/.exec(received)) || [];
  const [, path] = /^\s*<([^<>]*)>\s*$/.exec(firstValue(top, "Return-Path") ?? "") ?? [];
  const addressed = mailboxesOf(mail, "To", "Cc").map(({ address }) => address);
  return {
    from: path ?? mailboxesOf(mail, "From")[0]?.address ?? null,
    to: [...new Set(named === undefined ? addressed : [named, ...addressed])],
    receivedAt: isFromSes ? timeOf(received) : null,
    verdicts: isFromSes ? verdictsOfSes(top) : verdictsOfLocal(mail.block),
  };
}

/** The fields above the second Received. */
function topOf({ fields, separator }: HeaderBlock): HeaderBlock {
  const received = fields.flatMap(({ key }, at) => (key === "received" ? [at] : []));
  return { fields: fields.slice(0, received[1]), separator };
}

/** The date behind the last semicolon, without comments. */
function timeOf(received: string): number | null {
  const at = Date.parse(received.slice(received.lastIndexOf(";") + 1).replace(/\([^()]*\)/g, ""));
  return Number.isNaN(at) ? null : at;
}

const results: Readonly<Record<string, VerdictStatus>> = {
  pass: "PASS",
  fail: "FAIL",
  temperror: "PROCESSING_FAILED",
  permerror: "PROCESSING_FAILED",
};

/** SES writes its verdicts on spam and viruses as fields of their own, and those on the sender into Authentication-Results. */
function verdictsOfSes(top: HeaderBlock): SesVerdicts | null {
  const authentication = firstValue(top, "Authentication-Results") ?? "";
  const spam = firstValue(top, "X-SES-Spam-Verdict");
  if (authentication === "" && spam === null) return null;
  const parts = authentication.split(";").map((part) => part.trim().toLowerCase());
  const resultOf = (method: string) => {
    const found = parts.find((part) => part.startsWith(`${method}=`));
    return found === undefined ? "none" : (results[/^[a-z]*/.exec(found.slice(method.length + 1))?.[0] ?? ""] ?? "GRAY");
  };
  return {
    spam: parseVerdictStatus(spam ?? undefined),
    virus: parseVerdictStatus(firstValue(top, "X-SES-Virus-Verdict") ?? undefined),
    spf: resultOf("spf"),
    dkim: resultOf("dkim"),
    dmarc: resultOf("dmarc"),
    dmarcPolicy: null, // only the notice has it
  };
}

/** The verdicts that `sesame send --verdict` asks `sesame local` for; a check that it does not name passes. */
function verdictsOfLocal(block: HeaderBlock): SesVerdicts | null {
  const said = valuesOf(block, verdictsField).join(",");
  if (said === "") return null;
  const pairs = said.split(",").map((part) => part.trim().split("="));
  const statusOf = (check: string) => parseVerdictStatus(pairs.find(([name = ""]) => name.trim().toLowerCase() === check)?.[1] ?? "PASS");
  return {
    spam: statusOf("spam"),
    virus: statusOf("virus"),
    spf: statusOf("spf"),
    dkim: statusOf("dkim"),
    dmarc: statusOf("dmarc"),
    dmarcPolicy: null,
  };
}
