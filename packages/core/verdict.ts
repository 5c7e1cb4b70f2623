// Verdict: how one effect ended, in the action words of RFC 3464 §2.3.3, and the reading of an SMTP reply as a verdict.
// It does not decide what follows; settle.ts does.

/** Where trouble lies: with the whole host, with this mail, or with one recipient of it. */
export type Scope = "host" | "mail" | "recipient";

/** Why an effect is final without success. */
export type FailReason =
  | "no-such-mailbox" // 5.1.x at RCPT or after the dot, or a bare 550 (RFC 3463 §3.2)
  | "mailbox-full" // 5.2.x (RFC 3463 §3.3)
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
  | "waits-for-delivery" // a forward or reply whose delivery is not final yet
  | "stopped"; // this worker lost the entry or shuts down; the act was not begun

/** Why an effect was not done, for good. */
export type SkipReason =
  | "already-answered" // this sender has had this reply within the period (RFC 3834 §2)
  | "reply-in-doubt" // an earlier attempt may have sent this reply: at most once
  | "too-late" // a reply a day after the mail helps nobody
  | "not-delivered" // the mail did not reach the mailbox, so nobody is out of office there
  | "blocked" // the recipient's blocklist refused the sender
  | "dropped" // the operator drops mail with this verdict of SES
  | "delivery-refused"; // the mailbox refused the content or by policy, so it is not passed on

/** How one effect ended. `detail` is text for people; it never decides anything. */
export type Verdict =
  | { readonly action: "delivered" | "relayed"; readonly detail: string }
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
  | { readonly action: "skipped"; readonly reason: SkipReason };

/** A verdict that is remembered in the ledger and replayed, never repeated. */
export type Final = Exclude<Verdict, { readonly action: "delayed" }>;

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
): Extract<Verdict, { readonly action: "delayed" }> {
  const { status = "4.4.0", possibleDuplicate = false } = more;
  return { action: "delayed", status, reason, scope, detail, possibleDuplicate };
}

/** The phase of an SMTP or LMTP transaction that a reply belongs to (RFC 5321 §3, RFC 2033 §4). */
export type SmtpPhase = "session" | "mail" | "rcpt" | "data" | "dot";

/** A reply of the mail server, its parts kept apart. */
export type SmtpReply = Readonly<{ code: number; enhanced: string | null; text: string }>;

/** Reads one line such as `550 5.1.1 <a@b> User unknown`; `null` where it is not a reply (RFC 5321 §4.2, RFC 2034 §4). */
export function parseSmtpReply(line: string): SmtpReply | null {
  const match = /^([245]\d\d)(?:[ -]|$)(?:([245]\.\d{1,3}\.\d{1,3})(?:\s|$))?\s*(.*)$/s.exec(line);
  if (!match) return null;
  const [, code = "", enhanced = null, text = ""] = match;
  // On a mismatch of class the basic code wins, so an enhanced code of another class is not believed (RFC 3463 §2).
  const believed = enhanced !== null && enhanced[0] === code[0] ? enhanced : null;
  return { code: Number(code), enhanced: believed, text: text.slice(0, 500) };
}

/**
 * What a negative reply means for the recipients it speaks of. "Ours delays, theirs fails": `failed` is only what the
 * server says of this mail or this mailbox; whatever it says of our session, host, relay right or reverse-path is our
 * configuration and delays, so that no wrong policy ever loses a mail.
 * RFC 5321 §4.2.1, §4.5.3.1.10 (552 at RCPT), RFC 2034, RFC 3463.
 */
export function verdictOfReply(reply: SmtpReply, phase: SmtpPhase, scope: "mail" | "recipient"): Verdict {
  const detail = `${reply.code}${reply.enhanced ? ` ${reply.enhanced}` : ""} ${reply.text}`.trim();
  if (reply.code < 400) return delayed("protocol-error", "host", detail, { status: "4.5.0" });
  if (reply.code === 421) return delayed("try-later", "host", detail, { status: reply.enhanced ?? "4.3.2" });
  if (reply.code < 500) {
    const whom = phase === "rcpt" || scope === "recipient" ? "recipient" : isAboutHost(reply, phase) ? "host" : "mail";
    // 454 4.7.1 is relay denied by a server that defers: our domain is missing there.
    const refusedUs = /^4\.7\.1$/.test(reply.enhanced ?? "") && reply.code === 454;
    return delayed(refusedUs ? "refused-us" : "try-later", whom, detail, { status: reply.enhanced ?? "4.0.0" });
  }
  const reason = failReason(reply, phase);
  if (reason === null) {
    // From MAIL on a refusal may be about this one mail, its reverse-path above all: it must not stop the others.
    const whom = phase === "rcpt" ? "recipient" : phase === "session" || isAboutLogin(reply) ? "host" : "mail";
    return delayed("refused-us", whom, detail, { status: "4.7.0" });
  }
  if (reason === "try-later") return delayed("try-later", "recipient", detail, { status: "4.5.3" });
  return { action: "failed", status: reply.enhanced ?? defaultStatus(reason), reason, scope, detail };
}

/** Whether a 4yz reply speaks of the whole server: before any mail, or of its system (RFC 3463 §3.4) but for a mail's size. */
function isAboutHost(reply: SmtpReply, phase: SmtpPhase): boolean {
  return phase === "session" || (phase === "mail" && /^4\.3\.[^4]/.test(reply.enhanced ?? ""));
}

/** Whoever must log in first must do so for every mail (RFC 4954 §6). */
function isAboutLogin({ code }: SmtpReply): boolean {
  return code === 530 || code === 535;
}

/** The reason of a 5yz reply; `null` where it speaks of us; "try-later" where the standard says so. */
function failReason(reply: SmtpReply, phase: SmtpPhase): FailReason | "try-later" | null {
  const [, subject = "", detail = ""] = (reply.enhanced ?? "").split(".");
  const afterData = phase === "dot" || phase === "data";
  if (phase === "session") return null;
  if (subject === "2") return "mailbox-full";
  if (subject === "3" && detail === "4") return "too-big";
  if (phase === "mail") return null;
  if (phase === "rcpt") {
    if (subject === "1" && detail !== "7" && detail !== "8") return "no-such-mailbox"; // 5.1.7 and 5.1.8 speak of the sender
    if (subject !== "") return null;
    if (reply.code === 550 || reply.code === 551 || reply.code === 553) return "no-such-mailbox";
    return reply.code === 552 ? "try-later" : null; // 552 once meant "too many recipients"
  }
  if (reply.code === 503 || isAboutLogin(reply)) return null;
  if (subject === "1") return "no-such-mailbox";
  if (subject === "6") return "content-refused";
  if (subject === "7") return "policy-refused";
  if (reply.code === 552 && subject === "") return "too-big";
  return afterData ? "content-refused" : null;
}

function defaultStatus(reason: FailReason): string {
  switch (reason) {
    case "no-such-mailbox":
      return "5.1.1";
    case "mailbox-full":
      return "5.2.2";
    case "too-big":
      return "5.3.4";
    case "content-refused":
      return "5.6.0";
    case "policy-refused":
      return "5.7.1";
    case "address-unsupported":
      return "5.6.7";
    case "send-refused":
      return "5.0.0";
    default:
      return reason satisfies never;
  }
}
