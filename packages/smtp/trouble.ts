// Trouble: the only file that turns SMTP replies and nodemailer errors into verdicts, by scope: host, mail or recipient.
// Only a refusal of this mail or this mailbox is `failed`; everything else is `delayed`. `verdictOfReply` of the core decides
// what a reply means. RFC 5321 §4.2.1, RFC 2033 §4.2, RFC 1047, RFC 3463.

import { delayed, type Verdict } from "@sesame/core";
import { parseSmtpReply, type SmtpPhase, verdictOfReply } from "@sesame/core/journey";
import type { DelayReason } from "@sesame/core/plan";
import { type Ending, type Exchange, isPositive } from "./exchange.ts";
import type { OpeningFailure } from "./open-session.ts";
import type { Reply } from "./smtp-reply.ts";

type Delayed = Extract<Verdict, { readonly action: "delayed" }>;

/** The verdict for an accepted mail: it is in the mailbox, or the server relays it (RFC 3464 §2.3.3). */
export type Success = "delivered" | "relayed";

const largeMail = 1024 * 1024; // octets

/** The verdicts of a transaction, in the order of its recipients. `size`: octets of the mail, as MAIL declared it. */
export function verdictsOf(exchange: Exchange, success: Success, size: number): readonly Verdict[] {
  // A server without room for a large mail may have room for others; a small one will tell (RFC 1870 §6.1).
  const isAboutMail = isPositive(exchange.mail) || (exchange.mail?.code === 452 && size > largeMail);
  const bounded = (verdict: Verdict) => (isAboutMail ? within("mail", verdict) : verdict);
  const verdicts: Verdict[] = [];
  let place = 0;
  let common: Verdict | null = null; // with SMTP one answer holds for all accepted recipients
  for (let index = 0; index < exchange.recipientCount; index++) {
    const refusal = refusalBeforeData(exchange, index);
    if (refusal) verdicts.push(bounded(refusal));
    else if (!isPositive(exchange.rcpt[index])) verdicts.push(bounded(unanswered(exchange)));
    else if (exchange.protocol === "lmtp") verdicts.push(bounded(verdictAfterData(exchange, place++, success)));
    else {
      common ??= bounded(verdictAfterData(exchange, 0, success));
      verdicts.push(common);
    }
  }
  return verdicts;
}

/** A server that has answered MAIL is there: what follows concerns this mail, not all others. */
function scopeOf({ mail }: Exchange): "host" | "mail" {
  return isPositive(mail) || (mail !== null && mail.code >= 400) ? "mail" : "host";
}

/** The verdict with a scope that is not larger than this one. */
function within(scope: "host" | "mail", verdict: Verdict): Verdict {
  return verdict.action === "delayed" && verdict.scope === "host" ? { ...verdict, scope } : verdict;
}

/** The verdict if MAIL or this recipient's RCPT was refused, otherwise `null`. */
function refusalBeforeData(exchange: Exchange, index: number): Verdict | null {
  // After a protocol error before the end of the mail, a reply may belong to another recipient.
  if (exchange.ending.kind === "protocol-error" && exchange.answers.length === 0) return unanswered(exchange);
  if (exchange.mail === null) return unanswered(exchange);
  if (!isPositive(exchange.mail)) return refused(exchange.mail, "mail", "mail");
  const rcpt = exchange.rcpt[index];
  return rcpt && !isPositive(rcpt) ? refused(rcpt, "rcpt", "recipient") : null;
}

/** The verdict of an accepted recipient. `place`: its index among the accepted ones; with LMTP each of them gets a reply. */
function verdictAfterData(exchange: Exchange, place: number, success: Success): Verdict {
  const { data, answers } = exchange;
  if (data && data.code >= 400) return refused(data, "data", "mail");
  const answer = answers[place];
  if (!answer) return unanswered(exchange);
  if (isPositive(answer)) return { action: success, detail: answer.line };
  const verdict = refused(answer, "dot", exchange.protocol === "lmtp" ? "recipient" : "mail");
  // 421 may concern the session and not the mail, which the server may have accepted.
  const inDoubt = exchange.dotSent && (answer.code === 421 || answer.code < 400);
  return verdict.action === "delayed" && inDoubt ? { ...verdict, possibleDuplicate: true } : verdict;
}

/** The verdict of a recipient without a reply: the reason, and whether the server may have the mail. */
function unanswered(exchange: Exchange): Verdict {
  const { ending, dotSent } = exchange;
  const scope = scopeOf(exchange);
  if (ending.kind === "closing" && !dotSent) return within(scope, refused(ending.reply, "session", "mail"));
  if (dotSent && (ending.kind === "lost" || ending.kind === "timeout" || ending.kind === "closing")) {
    return delayed("in-doubt", "mail", `${ending.detail}; may be delivered more than once`, { status: "4.4.2", possibleDuplicate: true });
  }
  return delayed(reasonOf(ending), ending.kind === "source" ? "mail" : scope, detailOf(ending), {
    status: statusOf(ending),
    possibleDuplicate: dotSent,
  });
}

function reasonOf(ending: Ending): DelayReason {
  switch (ending.kind) {
    case "lost":
    case "timeout":
    case "closing":
    case "retired":
      return "session-lost";
    case "source":
      return "port-error";
    case "protocol-error":
    case "complete":
      return "protocol-error";
    default:
      return ending satisfies never;
  }
}

function statusOf(ending: Ending): string {
  if (ending.kind === "source") return "4.3.0";
  return ending.kind === "lost" || ending.kind === "timeout" ? "4.4.2" : "4.5.0"; // RFC 3463 §3.5, §3.6
}

function detailOf(ending: Ending): string {
  return ending.kind === "complete" ? "the server sent no reply for a recipient" : ending.detail;
}

function refused(reply: Reply, phase: SmtpPhase, scope: "mail" | "recipient"): Verdict {
  const parsed = parseSmtpReply(reply.line);
  if (parsed) return verdictOfReply(parsed, phase, scope);
  return delayed("protocol-error", phase === "session" || phase === "mail" ? "host" : "mail", reply.line, { status: "4.5.0" });
}

/** The verdict if no session opens. The scope is always the host: a 554 greeting or a 535 is a configuration error of ours. */
export function verdictOfFailure(failure: OpeningFailure): Delayed {
  const { stage, reply, detail } = failure;
  if (reply === null) {
    return delayed(stage === "login" ? "refused-us" : "unreachable", "host", detail, {
      status: stage === "connection" ? "4.4.1" : "4.7.0",
    });
  }
  const verdict = refused(reply, "session", "mail");
  return verdict.action === "delayed" ? { ...verdict, scope: "host" } : delayed("refused-us", "host", reply.line, { status: "4.7.0" });
}

/** The verdict of a recipient that cannot be written in an SMTP command (RFC 5321 §4.1.2). */
export function addressUnsupported(detail: string): Verdict {
  return { action: "failed", status: "5.1.3", reason: "address-unsupported", scope: "recipient", detail };
}

/** The verdict of a recipient that needs SMTPUTF8 if the server does not offer it (RFC 6531 §3.2). */
export function needsSmtpUtf8(path: string): Verdict {
  const detail = `the server does not offer SMTPUTF8, which ${JSON.stringify(path)} needs`;
  return { action: "failed", status: "5.6.7", reason: "address-unsupported", scope: "recipient", detail };
}

/** The verdict if the reverse-path cannot be sent. Another reverse-path would send bounces to the wrong address. */
export function reversePathUnsupported(detail: string): Verdict {
  return delayed("refused-us", "mail", detail, { status: "4.1.7" });
}

/** The verdict if the mail is larger than the SIZE that the server announced (RFC 1870 §4). */
export function tooBig(size: number, limit: number): Verdict {
  const detail = `the mail has ${size} octets and the server accepts ${limit}: raise its limit (Postfix: message_size_limit)`;
  return { action: "failed", status: "5.3.4", reason: "too-big", scope: "mail", detail };
}

/** The verdict if the pool is closed because the worker shuts down. */
export function poolClosed(): Delayed {
  return delayed("stopped", "mail", "the session pool is closed", { status: "4.3.2" });
}
