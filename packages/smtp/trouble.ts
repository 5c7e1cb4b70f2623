// Trouble: the one place where replies of a mail server and faults of nodemailer become verdicts, by scope: the host, the
// mail, or one recipient. Ours delays, theirs fails: only what the server says of this mail or this mailbox is `failed`,
// and the reading of such a reply is core's `verdictOfReply`. RFC 5321 §4.2.1, RFC 2033 §4.2, RFC 1047, RFC 3463.

import { type DelayReason, delayed, parseSmtpReply, type Scope, type SmtpPhase, type Verdict, verdictOfReply } from "@sesame/core";
import { type Ending, type Exchange, isPositive } from "./exchange.ts";
import type { OpeningFailure } from "./opening.ts";
import type { Reply } from "./reply.ts";

type Delayed = Extract<Verdict, { readonly action: "delayed" }>;

/** What a taken mail is called: a mailbox has it, or our server carries it on (RFC 3464 §2.3.3). */
export type Success = "delivered" | "relayed";

/** The verdicts of a transaction, in the order of its recipients. */
export function verdictsOf(exchange: Exchange, success: Success): readonly Verdict[] {
  const accepted = exchange.rcpt.map(isPositive);
  let place = 0;
  return Array.from({ length: exchange.recipientCount }, (_, index) => {
    const refusal = refusalBeforeData(exchange, index);
    if (refusal) return refusal;
    if (!accepted[index]) return unanswered(exchange);
    return verdictAfterData(exchange, exchange.protocol === "lmtp" ? place++ : 0, success);
  });
}

/** What MAIL or this recipient's RCPT came to, where it was refused. */
function refusalBeforeData(exchange: Exchange, index: number): Verdict | null {
  // In a conversation that went wrong before the mail was out, an answer may belong to another recipient.
  if (exchange.ending.kind === "confused" && exchange.answers.length === 0) return unanswered(exchange);
  if (exchange.mail === null) return unanswered(exchange);
  if (!isPositive(exchange.mail)) return refused(exchange.mail, "mail", "mail");
  const rcpt = exchange.rcpt[index];
  return rcpt && !isPositive(rcpt) ? refused(rcpt, "rcpt", "recipient") : null;
}

/** What became of an accepted recipient. `place` is its place among the accepted ones, which get an answer each in LMTP. */
function verdictAfterData(exchange: Exchange, place: number, success: Success): Verdict {
  const { data, answers } = exchange;
  if (data && data.code >= 400) return refused(data, "data", "mail");
  const answer = answers[place];
  if (!answer) return unanswered(exchange);
  if (isPositive(answer)) return { action: success, detail: answer.line };
  const verdict = refused(answer, "dot", exchange.protocol === "lmtp" ? "recipient" : "mail");
  // A server that says goodbye may mean the session and not the mail, which it may have by then.
  const inDoubt = exchange.dotSent && (answer.code === 421 || answer.code < 400);
  return verdict.action === "delayed" && inDoubt ? { ...verdict, possibleDuplicate: true } : verdict;
}

/** A recipient without an answer: why, and whether the server may have the mail all the same. */
function unanswered(exchange: Exchange): Verdict {
  const { ending, dotSent } = exchange;
  const scope: Scope = isPositive(exchange.mail) ? "mail" : "host";
  if (ending.kind === "closing" && !dotSent) return refused(ending.reply, "session", "mail");
  if (dotSent && (ending.kind === "lost" || ending.kind === "silent" || ending.kind === "closing")) {
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
    case "silent":
    case "closing":
      return "session-lost";
    case "source":
      return "port-error";
    case "confused":
    case "complete":
      return "protocol-error";
    default:
      return ending satisfies never;
  }
}

function statusOf(ending: Ending): string {
  if (ending.kind === "source") return "4.3.0";
  return ending.kind === "lost" || ending.kind === "silent" ? "4.4.2" : "4.5.0"; // RFC 3463 §3.5, §3.6
}

function detailOf(ending: Ending): string {
  return ending.kind === "complete" ? "the server left a recipient without an answer" : ending.detail;
}

function refused(reply: Reply, phase: SmtpPhase, scope: "mail" | "recipient"): Verdict {
  const parsed = parseSmtpReply(reply.line);
  if (parsed) return verdictOfReply(parsed, phase, scope);
  return delayed("protocol-error", phase === "session" || phase === "mail" ? "host" : "mail", reply.line, { status: "4.5.0" });
}

/** No session: always the host's trouble, and never a mail's (a 554 greeting or a 535 is our configuration). */
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

/** A recipient that no command can name (RFC 5321 §4.1.2). */
export function addressUnsupported(detail: string): Verdict {
  return { action: "failed", status: "5.1.3", reason: "address-unsupported", scope: "recipient", detail };
}

/** A recipient that only SMTPUTF8 could name, where it is not offered (RFC 6531 §3.2). */
export function needsSmtpUtf8(path: string): Verdict {
  const detail = `the server does not offer SMTPUTF8, which ${JSON.stringify(path)} needs`;
  return { action: "failed", status: "5.6.7", reason: "address-unsupported", scope: "recipient", detail };
}

/** A reverse-path that cannot be sent. To send another one in its place would misdirect the notices of failure. */
export function reversePathUnsupported(detail: string): Verdict {
  return delayed("refused-us", "mail", detail, { status: "4.1.7" });
}

/** The mail is larger than the server takes, by its own word (RFC 1870 §4). */
export function tooBig(size: number, limit: number): Verdict {
  const detail = `the mail has ${size} octets and the server takes ${limit}: raise its limit (Postfix: message_size_limit)`;
  return { action: "failed", status: "5.3.4", reason: "too-big", scope: "mail", detail };
}

/** The pool is closed: this worker shuts down. */
export function poolClosed(): Delayed {
  return delayed("stopped", "mail", "the session pool is closed", { status: "4.3.2" });
}
