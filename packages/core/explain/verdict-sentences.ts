// Verdict sentences: what each reason of a verdict means, in words for people. The sentences of the plan's reasons are in
// reason-sentences.ts. One table per union, so that the compiler reports a word without a sentence. It decides nothing.

import type { DelayReason, FailReason, SkipReason } from "../plan/verdict.ts";

/** Why an effect failed for good. */
export const failSentences: Readonly<Record<FailReason, string>> = {
  "no-such-mailbox": "the mail server says that there is no such mailbox",
  "mailbox-disabled": "the mailbox exists and takes no mail",
  "mailbox-full": "the mailbox is full",
  "reverse-path-refused": "the server cannot read the envelope sender of this mail",
  "too-big": "the mail is larger than the limit of the server or of SES",
  "content-refused": "the server refused the mail after it was sent",
  "policy-refused": "the server refused the mail because of a policy",
  "address-unsupported": "the address needs SMTPUTF8, which the server does not offer",
  "send-refused": "SES refused this mail",
};

/** Why an effect is tried again. */
export const delaySentences: Readonly<Record<DelayReason, string>> = {
  unreachable: "the server does not answer",
  "session-lost": "the connection broke before the whole mail was sent",
  "in-doubt": "the connection broke before the answer, so the mail may be delivered twice",
  "refused-us": "the server refuses us, not this mail",
  "try-later": "the server asks to try again later",
  "protocol-error": "the answer of the server cannot be understood",
  throttled: "SES limits the sending rate",
  "port-error": "a call to AWS or to the disk failed",
  "known-mailbox-refused": "the server says that there is no such mailbox, but it is known, so it is asked once more",
  "no-room": "other mails use all the room in memory",
  "service-away": "SES does not answer",
  "waits-for-delivery": "it waits until the delivery is final",
  stopped: "the worker stopped before it began",
};

/** Why an effect is not done, for good. */
export const skipSentences: Readonly<Record<SkipReason, string>> = {
  "already-answered": "the sender already got this reply",
  "reply-in-doubt": "an earlier attempt may have sent the reply, and a reply is sent at most once",
  "reply-limit": "the mailbox or the sender has had all replies of its time",
  "too-late": "the mail is more than one day old",
  "not-delivered": "the mail was not delivered to the mailbox",
  blocked: "the recipient blocks the sender",
  dropped: "the operator drops mail with this verdict of SES",
  "delivery-refused": "the mail server refused the content, or refused it by policy",
};
