// Reason sentences: every word by which a plan says why, as a sentence for people, with the rule that demands it and with
// what would have to be different. One table per union, so that the compiler misses a word that has no sentence.
// It judges nothing: the words come from the core.

import type { Unforwardable } from "../compose/stand-in.ts";
import type { HeaderDefect } from "../mail/header.ts";
import type { RefuseReason } from "../plan/recipient.ts";
import type { DiscardReason, Warning, WithheldReason } from "../plan/types.ts";

/** What a word means. Texts start in lower case: they follow the word and a colon. */
export type Sentence = Readonly<{
  why: string;
  /** What would change the decision. */
  change: string;
  /** Header fields in which the reason is seen. */
  fields?: readonly string[];
}>;

const listFields = ["List-Id", "List-Owner", "List-Subscribe", "List-Post", "List-Unsubscribe", "List-Help", "List-Archive"];

/** Why a reply or a forward is not made. */
export const withheldSentences: Readonly<Record<WithheldReason, Sentence>> = {
  "null-reverse-path": {
    why: "a mail without a sender must not be answered, since nobody would read the answer (RFC 3834 §2)",
    change: "nothing here: a mail whose envelope names a sender is answered",
    fields: ["Return-Path"],
  },
  "system-sender": {
    why: "the sender is a machine or a list by its name (mailer-daemon, owner-…, …-request, no-reply, bounce), and no person reads there (RFC 3834 §2, RFC 5230 §4.6)",
    change: "nothing here: a mail from a person's address is answered",
    fields: ["From", "Sender"],
  },
  "auto-submitted": {
    why: "the mail says that a program sent it, and programs that answer programs never end (RFC 3834 §2 and §5)",
    change: "nothing here: the sender's program sets this field",
    fields: ["Auto-Submitted", "X-Autoreply", "X-Autorespond"],
  },
  "mailing-list": {
    why: "the mail came through a mailing list, and its author did not write to this recipient (RFC 3834 §2, RFC 5230 §4.6)",
    change: "nothing here: the list sets these fields",
    fields: listFields,
  },
  "bulk-precedence": {
    why: "the sender calls it bulk, junk or list mail, which needs no answer (RFC 3834 §2)",
    change: "nothing here: the sender sets this field",
    fields: ["Precedence"],
  },
  "response-suppressed": {
    why: "the sender asks not to get out-of-office replies (MS-OXCMAIL 2.1.3.2.20)",
    change: "nothing here: the sender's program sets this field",
    fields: ["X-Auto-Response-Suppress"],
  },
  report: {
    why: "it is a machine's report on an earlier mail, such as a bounce, a receipt or a complaint (RFC 6522 §3)",
    change: "nothing here: a report is never answered",
    fields: ["Content-Type", "X-Failed-Recipients"],
  },
  "from-self": {
    why: "sender and recipient are one mailbox, so the answer would come back to the one who is away",
    change: "nothing here: a mail from another mailbox is answered",
  },
  "not-addressed": {
    why: "no To, Cc or Bcc field names the recipient, so it came as a blind copy or through a list (RFC 5230 §4.5)",
    change: "nothing here: a mail that names the recipient is answered",
    fields: ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"],
  },
  "spam-verdict": {
    why: "Amazon SES takes the mail for spam, and a reply or forward would spread it in our name",
    change: "nothing here: the verdict is that of SES; the delivery is not affected",
  },
  "virus-verdict": {
    why: "Amazon SES found a virus in the mail, and a reply or forward would spread it in our name",
    change: "nothing here: the verdict is that of SES; the delivery is not affected",
  },
  "dmarc-verdict": {
    why: "the domain in From disowns the mail: DMARC failed, and its policy is to quarantine or reject (RFC 7489 §6.3)",
    change: "nothing here: the sender's domain must sign its mail or name its hosts; the delivery is not affected",
    fields: ["From"],
  },
  "own-mark": {
    why: "it is a forward or reply of ours that came back, and sending it again would make a loop (RFC 5321 §6.3)",
    change: "look for an address that forwards to itself by way of another",
    fields: ["X-Loop"],
  },
  "ses-bounce": {
    why: "From is the mail daemon of Amazon SES, and a notice of failure is never answered (RFC 3834 §2)",
    change: "nothing here",
    fields: ["From"],
  },
  "bounce-of-ours": {
    why: "it is the bounce of a forward or reply that we sent; sent on, it would fail and come back again (RFC 5321 §6.3)",
    change: "look at the target that failed: it may no longer exist",
  },
  "not-active": {
    why: "out-of-office is set for another time",
    change: "set other times with --start and --end of: sesame rules set",
  },
  "already-answered": {
    why: "the sender has had this very text, and gets it again only after some days (RFC 3834 §2, RFC 5230 §4.2)",
    change: "another text is sent at once; REPLY_EVERY_DAYS says how long the sender is remembered",
  },
  "to-self": {
    why: "the target is the recipient, who has the mail already",
    change: "take the target out of the forwards",
  },
  "to-sender": {
    why: "the target sent the mail, and would only get it back",
    change: "nothing here: mail from others is forwarded to it",
  },
  "too-many-hops": {
    why: "the mail came through so many hosts that it must be going round in a loop (RFC 5321 §6.3)",
    change: "look for an address that forwards to itself by way of others",
  },
  "header-unreadable": {
    why: "without a whole header nobody can tell whether a program sent the mail, so no rule runs",
    change: "nothing here: the sender must write a header that ends within the first 256 KiB",
  },
  "address-unsupported": {
    why: "letters outside ASCII before the @ can stand in no 7-bit header (RFC 6531 §3.3), and Amazon SES takes neither them nor a domain without a dot",
    change: "use an address whose local part is ASCII, in a domain that the world knows",
  },
  "sender-unreadable": {
    why: "the envelope names a sender that is no address, so there is nobody to answer (RFC 5321 §4.1.2)",
    change: "nothing here: the sender's host must write an address",
  },
};

/** Why a target gets a notice in the place of the forward. */
export const standInSentences: Readonly<Record<Unforwardable, Sentence>> = {
  "too-large": {
    why: 'Amazon SES does not send so large a mail, so a notice tells the target of it (SES Developer Guide, "Service quotas in Amazon SES")',
    change: "the mail lies in the mailbox; a target in a served domain would get it",
  },
  "forbidden-attachment": {
    why: 'Amazon SES does not send an attachment of this kind, so a notice tells the target of it (SES Developer Guide, "Amazon SES unsupported attachment types")',
    change: "the mail lies in the mailbox; a target in a served domain would get it",
  },
};

/** Why a recipient gets nothing at all. */
export const refuseSentences: Readonly<Record<RefuseReason, Sentence>> = {
  "foreign-domain": {
    why: "the domain is none of those that are served here",
    change: "name it in DOMAINS, or take it out of the receipt rule of SES",
  },
  "invalid-address": {
    why: "it is no address that a mail server would take (RFC 5321 §4.1.2)",
    change: "nothing here: the sender's host must write an address",
  },
};

/** Why a mail is dropped before any recipient is looked at. */
export const discardSentences: Readonly<Record<DiscardReason, Sentence>> = {
  "spam-verdict": { why: "Amazon SES takes the mail for spam, and SPAM_VERDICT is drop", change: "set SPAM_VERDICT to deliver" },
  "virus-verdict": { why: "Amazon SES found a virus in the mail, and VIRUS_VERDICT is drop", change: "set VIRUS_VERDICT to deliver" },
};

/** What an administrator should know. */
export const warningSentences: Readonly<Record<Warning["kind"], Sentence>> = {
  "rule-invalid": {
    why: "what cannot be read in a row is off, and the rest of it stands",
    change: "mend the row with sesame rules or sesame block, which refuse what the worker cannot read",
  },
  "blocks-everybody": {
    why: "a pattern of the blocklist matches every sender, so that all mail is blocked",
    change: "narrow the pattern with sesame block, unless that is what is meant",
  },
  "mail-defect": { why: "the mail is not written as RFC 5322 §2 demands", change: "nothing here: the sender's program writes it so" },
  "loop-mark-forged": {
    why: "an X-Loop field looks like our mark and was not made with our key; it changes nothing",
    change: "if the mark is ours, see that all workers share one LOOP_KEY",
    fields: ["X-Loop"],
  },
  "reverse-path-unreadable": {
    why: "the envelope names a sender that is no address; the mail is delivered with the null reverse-path (RFC 5321 §4.5.5)",
    change: "nothing here: the sender's host must write an address",
  },
};

/** What is odd about a header. */
export const defectSentences: Readonly<Record<HeaderDefect, Sentence>> = {
  "no-header-block": {
    why: "the first line is no header field (RFC 5322 §2.2); every octet is delivered as it came, and no rule runs",
    change: "nothing here: the sender must write a header",
  },
  "mbox-line": {
    why: "the line of a mailbox file stands above the header; the fields below it are read, and nothing is edited",
    change: "nothing here: the program that handed the mail in must leave out the line",
  },
  "header-too-long": {
    why: "the header does not end within the first 256 KiB; the mail is delivered, and no rule runs",
    change: "nothing here: the sender must write a shorter header",
  },
  "bare-cr": {
    why: "a CR stands without its LF; it counts as a line end, since it leaves as one (RFC 5321 §2.3.8)",
    change: "nothing here: the sender's program must end lines with CRLF",
  },
  nul: {
    why: "the header holds a NUL octet (RFC 5322 §2.1), which SMTP cannot carry: another octet takes its place",
    change: "nothing here: the sender's program must leave it out",
  },
  "too-many-fields": {
    why: "the header has more fields than are read; the mail is delivered, and no rule runs",
    change: "nothing here: the sender must write fewer fields",
  },
  "field-too-long": {
    why: "a field of the header is longer than is read; what is decided goes by its start",
    change: "nothing here: the sender must write a shorter field",
  },
  "field-without-colon": {
    why: "a line of the header has no colon (RFC 5322 §2.2); it is passed over, and the fields below it count",
    change: "nothing here: the sender's program must write a field",
  },
};
