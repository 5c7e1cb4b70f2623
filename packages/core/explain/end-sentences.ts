// End sentences: a sentence for each reason word of a verdict that is final without success. One table per union, so that the
// compiler reports a word without a sentence. It decides nothing.

import type { FailReason, SkipReason } from "../plan/verdict.ts";

/** Why a mail is not delivered, or not sent on. The answer of the server stands beside it. */
export const failSentences: Readonly<Record<FailReason, string>> = {
  "no-such-mailbox": "the mail server says that there is no such mailbox",
  "mailbox-disabled": "the mailbox exists and takes no mail",
  "mailbox-full": "the mailbox is full",
  "reverse-path-refused": "the mail server cannot read the envelope sender",
  "too-big": "the mail is larger than the server takes",
  "content-refused": "the server refused the content of the mail",
  "policy-refused": "the server refused the mail because of a policy",
  "address-unsupported": "the address has letters that the server does not take",
  "send-refused": "Amazon SES refused the mail",
};

/** Why something is not done, for good. */
export const skipSentences: Readonly<Record<SkipReason, string>> = {
  "already-answered": "the sender already got this reply",
  "reply-in-doubt": "an earlier attempt may have sent it, and a reply is sent at most once",
  "reply-limit": "the mailbox or the sender has had all replies of its time",
  "too-late": "the mail is more than one day old",
  "not-delivered": "the mail was not delivered to the mailbox",
  blocked: "the recipient blocks the sender",
  dropped: "mail with this verdict of SES is dropped",
  "delivery-refused": "the mail server refused the mail, so it is not sent on",
};
