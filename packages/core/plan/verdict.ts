// Verdict: how one effect ended, in the action words of RFC 3464 §2.3.3 ("delivered",
// "relayed", "failed", "delayed") and "skipped". It does not decide what follows; settle.ts does.

/** Where trouble lies: with the whole host, with this mail, or with one recipient of it. */
export type Scope = "host" | "mail" | "recipient";

/** Why an effect is final without success. */
export type FailReason =
  | "no-such-mailbox" // 5.1.x at RCPT or after the dot, or a bare 550 (RFC 3463 §3.2)
  | "mailbox-disabled" // 5.2.1 (RFC 3463 §3.3)
  | "mailbox-full" // other 5.2.x (RFC 3463 §3.3)
  | "reverse-path-refused" // 501 5.1.7 at MAIL: the server cannot read the reverse-path of this mail (RFC 3463 §3.2)
  | "too-big" // 5.3.4 (RFC 3463 §3.4)
  | "content-refused" // 5.6.x, or a refusal after the dot with no better word (RFC 3463 §3.7)
  | "policy-refused" // 5.7.x after the dot: the server refused this mail (RFC 3463 §3.8)
  | "address-unsupported" // needs SMTPUTF8 where it is not offered (RFC 6531 §3.2), or cannot stand in a command
  | "send-refused"; // SES's definite refusal of this one mail

/** Why an effect must be tried again. */
export type DelayReason =
  | "unreachable" // no connection, no greeting, DNS, TLS
  | "session-lost" // the connection ended before the final dot
  | "in-doubt" // the connection ended after the final dot and before its answer (RFC 1047)
  | "refused-us" // a 5yz about our session, host, relay right or reverse-path: configuration, raises an alarm
  | "try-later" // the server said 4yz
  | "protocol-error" // an answer that cannot be understood
  | "throttled" // SES asks for fewer sends
  | "port-error" // a port threw
  | "no-room" // this worker's memory was taken up by other mails; the act was not begun
  | "known-mailbox-refused" // "no such mailbox" for one that is known: asked once more ten minutes later
  | "service-away" // SES did not answer, or is not asked because it did not answer for other mails
  | "waits-for-delivery" // a forward or reply whose delivery is not final yet
  | "stopped"; // this worker lost the entry or shuts down; the act was not begun

/** Why an effect was not done, for good. */
export type SkipReason =
  | "already-answered" // this sender has had this reply within the period (RFC 3834 §2)
  | "reply-in-doubt" // an earlier attempt may have sent this reply: at most once
  | "reply-limit" // the mailbox or the sender has had all replies of its time: a later attempt does not send it
  | "too-late" // a reply a day after the mail helps nobody
  | "not-delivered" // the mail did not reach the mailbox, so nobody is out of office there
  | "blocked" // the recipient's blocklist refused the sender
  | "dropped" // the operator drops mail with this verdict of SES
  | "delivery-refused"; // the mailbox refused the content or by policy, so it is not passed on

/** How one effect ended. `detail` is text for people; it never decides anything. */
export type Verdict =
  | { readonly action: "delivered"; readonly detail: string }
  | {
      readonly action: "relayed";
      readonly detail: string;
      /** In a final: what was sent is a stand-in for a forward, so the target did not get the mail. */
      readonly standIn?: true;
    }
  | {
      readonly action: "failed";
      readonly status: string; // 5.x.x, RFC 3463
      readonly reason: FailReason;
      readonly scope: "mail" | "recipient"; // "mail": one answer for the whole transaction
      readonly detail: string;
    }
  | {
      readonly action: "delayed";
      readonly status: string; // 4.x.x, RFC 3463
      readonly reason: DelayReason;
      readonly scope: Scope;
      readonly detail: string;
      readonly possibleDuplicate: boolean;
    }
  /** `detail`: the address that the recipient blocks, where the reason is "blocked". */
  | { readonly action: "skipped"; readonly reason: SkipReason; readonly detail?: string };

/** A verdict that is not final. */
export type Delayed = Extract<Verdict, { readonly action: "delayed" }>;

/** A verdict that is remembered in the ledger and replayed, never repeated. */
export type Final = Exclude<Verdict, Delayed>;

/** True for a verdict that will not change any more. */
export function isFinal(verdict: Verdict): verdict is Final {
  return verdict.action !== "delayed";
}

/** A delayed verdict with its usual values. */
export function delayed(
  reason: DelayReason,
  scope: Scope,
  detail: string,
  more: { readonly status?: string; readonly possibleDuplicate?: boolean } = {},
): Delayed {
  const { status = "4.4.0", possibleDuplicate = false } = more;
  return { action: "delayed", status, reason, scope, detail, possibleDuplicate };
}
