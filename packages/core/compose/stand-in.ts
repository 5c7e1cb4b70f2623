// Forward notice: the short mail that goes to a target in the place of a forward that Amazon SES would refuse. It says
// which mail that was, why it is not here and where it lies. It is no answer to the mail and goes to nobody who wrote it,
// so it is auto-generated, not auto-replied (RFC 3834 §5); it carries the mark of every mail of ours.

import { derivedId } from "../derived-id.ts";
import { domainOf } from "../mail/address.ts";
import { decodeWords } from "../mail/encoded-word.ts";
import { firstValue } from "../mail/header.ts";
import { mailboxValue, safeText, writeBlock } from "../mail/header-write.ts";
import { type Mail, subjectOf } from "../mail/mail.ts";
import { quotedPrintable } from "../mail/quoted-printable.ts";
import { utf8 } from "../octets.ts";
import { sesMaxOctets, sesRefusesName } from "../ses/ses-limits.ts";
import type { Draft } from "./content.ts";
import { type ForwardInput, originalDate } from "./forward.ts";
import { mailDate, type NewField, ownFields, structured } from "./generated-header.ts";

const maxNames = 10;

/** Why Amazon SES would refuse a forward, so that a short notice goes to the target in its place. */
export type Unforwardable =
  | "too-large" // SES Developer Guide, "Service quotas in Amazon SES"
  | "forbidden-attachment"; // SES Developer Guide, "Amazon SES unsupported attachment types"

/** What stood in the way. `octets`: the size that the forward would have had. */
export type Obstacle = Readonly<{ reason: Unforwardable; octets: number; attachments: readonly string[] }>;

/** Composes the notice to one target. */
export function composeStandIn(input: ForwardInput, obstacle: Obstacle): Draft {
  const { mail, mailId, receivedAt, recipient, target, loopKey, original } = input;
  const domain = domainOf(recipient);
  const fields: readonly NewField[] = [
    structured("From", mailboxValue(`Mail forwarding of ${domain}`, recipient)),
    ...original.answer,
    structured("To", target),
    { name: "Subject", value: { kind: "text", text: safeText(`Not forwarded: ${shownSubject(mail)}`) } },
    structured("Date", mailDate(receivedAt)),
    structured("Message-ID", `<${derivedId("forward-notice", mailId, recipient, target)}@${domain}>`),
    ...original.thread,
    ...ownFields(loopKey, recipient, mailId),
    structured("Auto-Submitted", "auto-generated"),
    structured("X-Auto-Response-Suppress", "All"),
    structured("MIME-Version", "1.0"),
    structured("Content-Type", "text/plain; charset=utf-8"),
    structured("Content-Transfer-Encoding", "quoted-printable"),
  ];
  return { head: writeBlock(fields), body: utf8(quotedPrintable(noticeText(input, obstacle))) };
}

function shownSubject(mail: Mail): string {
  return safeText(subjectOf(mail) ?? "", 200) || "(no subject)";
}

function noticeText({ mail, recipient }: ForwardInput, obstacle: Obstacle): string {
  const shown = (name: string) => safeText(decodeWords((firstValue(mail.block, name) ?? "").slice(0, 2000)), 300) || "(none)";
  return [
    `A mail to ${recipient} could not be forwarded to you.`,
    "",
    because(obstacle),
    "",
    `  From:    ${shown("From")}`,
    `  To:      ${shown("To")}`,
    `  Subject: ${shownSubject(mail)}`,
    `  Date:    ${originalDate(mail) ?? "(none)"}`,
    `  Size:    ${inWords(mail.size)}`,
    "",
    `The original lies in the mailbox of ${recipient}.`,
    "If that address has no mailbox of its own, ask its administrator.",
    "",
  ].join("\n");
}

function because({ reason, octets, attachments }: Obstacle): string {
  switch (reason) {
    case "too-large":
      return `It is too large: ${inWords(octets)}, and Amazon SES sends ${inWords(sesMaxOctets)} at the most.`;
    case "forbidden-attachment": {
      const names = attachments.filter(sesRefusesName).map((name) => `  ${safeText(name, 255)}`);
      const more = names.length > maxNames ? [`  and ${names.length - maxNames} more`] : [];
      return ["Amazon SES does not send attachments of this kind:", ...names.slice(0, maxNames), ...more].join("\n");
    }
    default:
      return reason satisfies never;
  }
}

/** Rounded up, so that what is over a limit does not look equal to it. */
function inWords(octets: number): string {
  if (octets < 1024 * 1024) return `${Math.ceil(octets / 1024)} KB`;
  return `${(Math.ceil((octets * 10) / (1024 * 1024)) / 10).toFixed(1)} MB`;
}
