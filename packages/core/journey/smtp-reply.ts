// SMTP reply: a server's answer, taken apart, and what it means for the recipients it speaks of (RFC 5321 §4.2, RFC 2034,
// RFC 3463). It is the one place that tells a refusal of the mail from trouble with our own session.

import { delayed, type FailReason, type Verdict } from "../plan/verdict.ts";

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
  if (subject === "2") return detail === "1" ? "mailbox-disabled" : "mailbox-full";
  if (subject === "3" && detail === "4") return "too-big";
  // A reverse-path that the server cannot read is about this one mail: nothing that we configure would change it.
  if (phase === "mail") return reply.code === 501 && subject === "1" && detail === "7" ? "reverse-path-refused" : null;
  if (phase === "rcpt") {
    if (subject === "1" && detail !== "7" && detail !== "8") return "no-such-mailbox"; // 5.1.7 and 5.1.8 speak of the sender
    if (subject !== "") return null;
    if (reply.code === 550 || reply.code === 551 || reply.code === 553) return speaksOfMailbox(reply.text) ? "no-such-mailbox" : null;
    return reply.code === 552 ? "try-later" : null; // 552 once meant "too many recipients"
  }
  if (reply.code === 503 || isAboutLogin(reply)) return null;
  if (subject === "1") return "no-such-mailbox";
  if (subject === "6") return "content-refused";
  if (subject === "7") return "policy-refused";
  if (reply.code === 552 && subject === "") return "too-big";
  return afterData ? "content-refused" : null;
}

/**
 * Whether a refusal without an enhanced status says that there is no such mailbox. "Relay not permitted", "not in my list of
 * allowed rcpthosts" or "SPF check failed" speak of our configuration, although they have the same code.
 */
function speaksOfMailbox(text: string): boolean {
  const lower = text.toLowerCase();
  if (
    /\b(?:relay|block ?list|black ?list|auth|(?:rcpthosts|spf|dmarc|dkim|policy|denied|deny|blocked|spam|sender|helo|ehlo|ptr)\b)/.test(
      lower,
    )
  )
    return false;
  return /\b(?:user|mailbox|recipient|account|inbox|address|alias)\b/.test(lower);
}

function defaultStatus(reason: FailReason): string {
  switch (reason) {
    case "no-such-mailbox":
      return "5.1.1";
    case "mailbox-disabled":
      return "5.2.1";
    case "reverse-path-refused":
      return "5.1.7";
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
