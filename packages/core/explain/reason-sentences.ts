// Reason sentences: a sentence for each reason word of a plan, with the standard that requires it, and how to change the result.
// One table per union, so that the compiler reports a word without a sentence. It decides nothing.

import type { Unforwardable } from "../compose/stand-in.ts";
import type { HeaderDefect } from "../mail/header.ts";
import type { RefuseReason } from "../plan/recipient.ts";
import type { DiscardReason, Warning, WithheldReason } from "../plan/types.ts";
import type { ExplainCommands } from "./explain-context.ts";

/** The text for a reason word. Texts start in lower case: they follow the word and a colon. */
export type Sentence = Readonly<{
  why: string;
  /** How to change the decision. */
  change: string | ((commands: ExplainCommands) => string);
  /** Header fields that show the reason. */
  fields?: readonly string[];
}>;

const listFields = ["List-Id", "List-Owner", "List-Subscribe", "List-Post", "List-Unsubscribe", "List-Help", "List-Archive"];

/** Why an auto-reply or a forward is not made. */
export const withheldSentences: Readonly<Record<WithheldReason, Sentence>> = {
  "null-reverse-path": {
    why: "the envelope sender is <>, and a mail without a sender must not be answered (RFC 3834 §2)",
    change: "not configurable: only mail with an envelope sender is answered",
    fields: ["Return-Path"],
  },
  "system-sender": {
    why: "the sender is a program or a list by its name (mailer-daemon, owner-…, …-request, no-reply, bounce) (RFC 3834 §2, RFC 5230 §4.6)",
    change: "not configurable: such senders get no auto-reply",
    fields: ["From", "Sender"],
  },
  "auto-submitted": {
    why: "a program sent the mail, and auto-replies to programs can cause mail loops (RFC 3834 §2 and §5)",
    change: "not configurable: set by the sender",
    fields: ["Auto-Submitted", "X-Autoreply", "X-Autorespond"],
  },
  "mailing-list": {
    why: "the mail came through a mailing list (RFC 3834 §2, RFC 5230 §4.6)",
    change: "not configurable: set by the mailing list",
    fields: listFields,
  },
  "bulk-precedence": {
    why: "the sender marked the mail as bulk, junk or list mail (RFC 3834 §2)",
    change: "not configurable: set by the sender",
    fields: ["Precedence"],
  },
  "response-suppressed": {
    why: "the sender asks for no auto-reply (MS-OXCMAIL 2.1.3.2.20)",
    change: "not configurable: set by the sender",
    fields: ["X-Auto-Response-Suppress"],
  },
  report: {
    why: "the mail is a report on an earlier mail, such as a bounce, a receipt or a complaint (RFC 6522 §3)",
    change: "not configurable: reports are never answered",
    fields: ["Content-Type", "X-Failed-Recipients"],
  },
  "from-self": {
    why: "sender and recipient are the same mailbox",
    change: "not configurable: mail from other senders is answered",
  },
  "not-addressed": {
    why: "no To, Cc or Bcc field names the recipient: the mail is a blind copy or came through a list (RFC 5230 §4.5)",
    change: "not configurable: only mail that names the recipient is answered",
    fields: ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"],
  },
  "spam-verdict": {
    why: "Amazon SES classified the mail as spam; Sesame does not forward or answer spam",
    change: "not configurable: set by SES; the delivery is not affected",
  },
  "virus-verdict": {
    why: "Amazon SES found a virus in the mail; Sesame does not forward or answer such mail",
    change: "not configurable: set by SES; the delivery is not affected",
  },
  "dmarc-verdict": {
    why: "DMARC failed for the domain in From, and its policy is quarantine or reject (RFC 7489 §6.3)",
    change: "not configurable: the sender's domain must sign its mail or authorize its hosts; the delivery is not affected",
    fields: ["From"],
  },
  "spf-verdict": {
    why: "SPF failed: the sender's domain says that this host may not send for it, so a reply would go to somebody who did not write (RFC 7208 §2.6.4)",
    change: "not configurable: the sender's domain must authorize its hosts; the delivery and forwards are not affected",
    fields: ["Return-Path"],
  },
  "own-mark": {
    why: "the mail is a forward or auto-reply of this address that came back; sending it again would make a mail loop (RFC 5321 §6.3)",
    change: "find the address that forwards back to this one",
    fields: ["X-Loop"],
  },
  "ses-bounce": {
    why: "the mail is a bounce from Amazon SES, and bounces are never answered (RFC 3834 §2)",
    change: "not configurable: bounces are never answered",
    fields: ["From"],
  },
  "bounce-of-ours": {
    why: "the mail is the bounce of our own forward or auto-reply; forwarding it would make a mail loop (RFC 5321 §6.3)",
    change: "check the target that failed: it may no longer exist",
  },
  "not-active": {
    why: "the out-of-office period has not started or is over",
    change: ({ rules }) => `set another period with ${rules} set --start and --end`,
  },
  "already-answered": {
    why: "the sender already got this text; it is sent again only after some days (RFC 3834 §2, RFC 5230 §4.2)",
    change: "a new text is sent at once; REPLY_EVERY_DAYS sets the number of days",
  },
  "once-per-mail": {
    why: "another recipient of this mail already makes it: a rule row, and a mailbox, makes one auto-reply to a mail, and one forward to each target",
    change: "not configurable: the reply or forward stands at the first recipient, and runs when one of them gets the mail",
  },
  "to-self": {
    why: "the target is the recipient itself",
    change: "remove the target from the forwards",
  },
  "to-sender": {
    why: "the target is the sender of the mail",
    change: "not configurable: mail from other senders is forwarded to it",
  },
  "too-many-hops": {
    why: "the mail passed so many hosts that it is probably in a mail loop (RFC 5321 §6.3)",
    change: "find the address that forwards back to this one",
  },
  "header-unreadable": {
    why: "the header is not complete, so Sesame cannot tell whether a program sent the mail; no rule applies",
    change: "not configurable: the sender must write a header that ends within the first 256 KiB",
  },
  "address-unsupported": {
    why: "the address has non-ASCII letters before the @ (RFC 6531 §3.3), or a domain that Amazon SES does not accept",
    change: "use an address with an ASCII local part and a public domain",
  },
  "source-route": {
    why: "the address is in a served domain, and the part before the last @ has a %, ! or @: your mail server may read it as a route to another host and send the mail there (RFC 5321 §2.3.11)",
    change: "use an address without these characters",
  },
  "sender-unreadable": {
    why: "the envelope sender is not an address, so there is nobody to answer (RFC 5321 §4.1.2)",
    change: "not configurable: set by the sender's host",
  },
};

/** Why a target gets a stand-in instead of the forward. */
export const standInSentences: Readonly<Record<Unforwardable, Sentence>> = {
  "too-large": {
    why: 'the mail is too large for Amazon SES, so the target gets a short stand-in (SES Developer Guide, "Service quotas in Amazon SES")',
    change: "the mail is in the mailbox; a target in a served domain gets the mail itself",
  },
  "forbidden-attachment": {
    why: 'Amazon SES does not send this type of attachment, so the target gets a short stand-in (SES Developer Guide, "Amazon SES unsupported attachment types")',
    change: "the mail is in the mailbox; a target in a served domain gets the mail itself",
  },
};

/** Why a recipient is refused. */
export const refuseSentences: Readonly<Record<RefuseReason, Sentence>> = {
  "foreign-domain": {
    why: "the domain is not a served domain",
    change: "add it to DOMAINS, or remove it from the SES receipt rule",
  },
  "source-route": {
    why: "the part before the last @ has a %, ! or @: your mail server may read it as a route to another host and send the mail there (RFC 5321 §2.3.11)",
    change: ({ rules }) => `if the mailbox exists, make a row for exactly this address with ${rules} set`,
  },
  "invalid-address": {
    why: "the recipient is not a valid address (RFC 5321 §4.1.2)",
    change: "not configurable: set by the sender's host",
  },
};

/** Why the whole mail is dropped. */
export const discardSentences: Readonly<Record<DiscardReason, Sentence>> = {
  "spam-verdict": { why: "Amazon SES classified the mail as spam, and SPAM_VERDICT is drop", change: "set SPAM_VERDICT to deliver" },
  "virus-verdict": { why: "Amazon SES found a virus in the mail, and VIRUS_VERDICT is drop", change: "set VIRUS_VERDICT to deliver" },
};

/** What an administrator should know. */
export const warningSentences: Readonly<Record<Warning["kind"], Sentence>> = {
  "rule-invalid": {
    why: "Sesame cannot read a part of the row and skips it; the rest of the row applies",
    change: ({ rules, block }) => `correct the row with ${rules} or ${block}; both refuse values that the worker cannot read`,
  },
  "blocks-everybody": {
    why: "a pattern of the blocklist matches every sender, so all mail is blocked",
    change: ({ block }) => `if this is not intended, change the pattern with ${block}`,
  },
  "mail-defect": { why: "the mail does not follow RFC 5322 §2", change: "not configurable: set by the sender's program" },
  "loop-mark-forged": {
    why: "an X-Loop field has the form of our loop mark, but was not made with our key; it is ignored",
    change: "if the mark is ours, check that all workers use the same LOOP_KEY",
    fields: ["X-Loop"],
  },
  "loop-mark-expired": {
    why: "an X-Loop field is our loop mark of a mail of more than 14 days ago; it is ignored, because somebody may have copied it",
    change: "if a mail needs so long to come back, find the address that forwards back to this one",
    fields: ["X-Loop"],
  },
  "forward-header-shortened": {
    why: "the header of the mail is so long that forwards leave out References, the text of older Received fields, or List fields",
    change: "not configurable: the sender's program must write a shorter header",
  },
  "reverse-path-unreadable": {
    why: "the envelope sender is not an address; the mail is delivered with the null reverse-path (RFC 5321 §4.5.5)",
    change: "not configurable: set by the sender's host",
  },
};

/** Defects of a header. */
export const defectSentences: Readonly<Record<HeaderDefect, Sentence>> = {
  "no-header-block": {
    why: "the first line is not a header field (RFC 5322 §2.2); the mail is delivered unchanged, and no rule applies",
    change: "not configurable: the sender's program must write a header",
  },
  "mbox-line": {
    why: "the first line is the From line of a mailbox file; the fields below it are read, and no field is changed",
    change: "not configurable: the program that sent the mail must omit this line",
  },
  "header-too-long": {
    why: "the header does not end within the first 256 KiB; the mail is delivered, and no rule applies",
    change: "not configurable: the sender's program must write a shorter header",
  },
  "bare-cr": {
    why: "the header has a CR without LF; it counts as a line end and is sent as CRLF (RFC 5321 §2.3.8)",
    change: "not configurable: the sender's program must end lines with CRLF",
  },
  nul: {
    why: "the header has a NUL octet (RFC 5322 §2.1), which SMTP cannot carry; it is replaced",
    change: "not configurable: the sender's program must omit it",
  },
  "too-many-fields": {
    why: "the header has more fields than Sesame reads; the mail is delivered, and no rule applies",
    change: "not configurable: the sender's program must write fewer fields",
  },
  "field-too-long": {
    why: "a header field is longer than Sesame reads; decisions use the start of the field",
    change: "not configurable: the sender's program must write a shorter field",
  },
  "field-without-colon": {
    why: "a header line has no colon (RFC 5322 §2.2); it is skipped, and the fields below it are read",
    change: "not configurable: the sender's program must write a valid field",
  },
};
