// Stand-in: the short mail that a target gets instead of a forward that Amazon SES would refuse. It says which mail was not
// forwarded, why, and where the original is. It is not an answer to the mail, so it is auto-generated and not auto-replied (RFC
// 3834 §5). Like all mail of Sesame it has a loop mark.

import { derivedId } from "../derived-id.ts";
import { domainOf } from "../mail/address.ts";
import { decodeWords } from "../mail/encoded-word.ts";
import { firstValue } from "../mail/header.ts";
import { mailboxValue, safeText, writeFields } from "../mail/header-write.ts";
import { type Mail, subjectOf } from "../mail/mail.ts";
import { quotedPrintable } from "../mail/quoted-printable.ts";
import { utf8 } from "../octets.ts";
import { sesMaxOctets } from "../ses/ses-limits.ts";
import type { Draft } from "./content.ts";
import { type ForwardInput, originalDate } from "./forward.ts";
import { loopFields, mailDate, structured } from "./generated-header.ts";

const maxNames = 10;

/** Why Amazon SES would refuse a forward. */
export type Unforwardable =
  | "too-large" // SES Developer Guide, "Service quotas in Amazon SES"
  | "forbidden-attachment"; // SES Developer Guide, "Amazon SES unsupported attachment types"

/** The refusal that a stand-in reports. `octets`: size of the forward. `refusedNames`: file names that SES refuses. */
export type SesRefusal = Readonly<{ reason: Unforwardable; octets: number; refusedNames: readonly string[] }>;

/** Composes the stand-in for one target. */
export function composeStandIn(input: ForwardInput, refusal: SesRefusal): Draft {
  const { mail, mailId, receivedAt, recipient, target, loopKey, original } = input;
  const domain = domainOf(recipient);
  const head = [
    writeFields([structured("From", mailboxValue(`Mail forwarding of ${domain}`, recipient))]),
    original.replyTo,
    writeFields([
      structured("To", target),
      { name: "Subject", value: { kind: "text", text: safeText(`Not forwarded: ${displaySubject(mail)}`) } },
      structured("Date", mailDate(receivedAt)),
      structured("Message-ID", `<${derivedId("forward-notice", mailId, recipient, target)}@${domain}>`),
    ]),
    original.thread,
    writeFields([
      ...loopFields(loopKey, { address: recipient, target, mailId, receivedAt }),
      structured("Auto-Submitted", "auto-generated"),
      structured("X-Auto-Response-Suppress", "All"),
      structured("MIME-Version", "1.0"),
      structured("Content-Type", "text/plain; charset=utf-8"),
      structured("Content-Transfer-Encoding", "quoted-printable"),
    ]),
    "\r\n",
  ];
  return { head: utf8(head.join("")), body: utf8(quotedPrintable(bodyText(input, refusal))) };
}

function displaySubject(mail: Mail): string {
  return safeText(subjectOf(mail) ?? "", 200) || "(no subject)";
}

function bodyText({ mail, recipient }: ForwardInput, refusal: SesRefusal): string {
  const shown = (name: string) => safeText(decodeWords((firstValue(mail.block, name) ?? "").slice(0, 2000)), 300) || "(none)";
  return [
    `A mail to ${recipient} could not be forwarded to you.`,
    "",
    reasonText(refusal),
    "",
    `  From:    ${shown("From")}`,
    `  To:      ${shown("To")}`,
    `  Subject: ${displaySubject(mail)}`,
    `  Date:    ${originalDate(mail) ?? "(none)"}`,
    `  Size:    ${sizeText(mail.size)}`,
    "",
    `The original lies in the mailbox of ${recipient}.`,
    "If that address has no mailbox of its own, ask its administrator.",
    "",
  ].join("\n");
}

function reasonText({ reason, octets, refusedNames }: SesRefusal): string {
  switch (reason) {
    case "too-large":
      return `It is too large: ${sizeText(octets)}, and Amazon SES sends ${sizeText(sesMaxOctets)} at the most.`;
    case "forbidden-attachment": {
      const names = refusedNames.slice(0, maxNames).map((name) => `  ${safeText(name, 255)}`);
      const more = refusedNames.length > maxNames ? [`  and ${refusedNames.length - maxNames} more`] : [];
      return ["Amazon SES does not send attachments of this kind:", ...names, ...more].join("\n");
    }
    default:
      return reason satisfies never;
  }
}

/** A size in KB or MB, rounded up so that a size over the limit does not look equal to it. */
function sizeText(octets: number): string {
  if (octets < 1024 * 1024) return `${Math.ceil(octets / 1024)} KB`;
  return `${(Math.ceil((octets * 10) / (1024 * 1024)) / 10).toFixed(1)} MB`;
}
