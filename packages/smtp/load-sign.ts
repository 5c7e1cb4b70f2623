// Load sign: what one transaction says about the load of the server. Answers about a recipient, a sender or the content of a
// mail say nothing: otherwise a stranger's mail could take sessions away from all others.
// It makes no verdicts; trouble.ts does.

import { parseSmtpReply } from "@sesame/core/journey";
import { type Exchange, isPositive } from "./exchange.ts";
import type { Reply } from "./smtp-reply.ts";

export type LoadSign =
  | { readonly kind: "none" }
  /** The server took the mail. `answerMs`: from the final dot to the answer; `null`: it depends on the size of this mail. */
  | { readonly kind: "good"; readonly answerMs: number | null }
  /** The server refused the mail with a reason of its own. One mail can cause that too, for example through a filter. */
  | { readonly kind: "doubtful" };

const measured = 64 * 1024; // octets: filters need longer for a larger mail, and a disk may have room for a smaller one

const none: LoadSign = { kind: "none" };
const doubtful: LoadSign = { kind: "doubtful" };

/** `isFresh`: the session had just been opened, so its end is not due to the time or the errors before. */
export function loadSignOf(exchange: Exchange, size: number, answerMs: number | null, isFresh: boolean): LoadSign {
  const { mail, data, answers, ending, protocol } = exchange;
  if (answers.some(isPositive)) return { kind: "good", answerMs: size <= measured ? answerMs : null };
  // Servers end a session with 421 when it was idle, or after many refusals.
  if (mail === null || mail.code === 421) return isFresh && ending.kind !== "source" ? doubtful : none;
  // With LMTP each answer after the final dot concerns a mailbox (RFC 2033 §4.2).
  const refusals = protocol === "smtp" ? [mail, data, ...answers] : [mail, data];
  return size <= measured && refusals.some(namesServer) ? doubtful : none;
}

/**
 * Whether a reply is 421, 451 or 452, and its enhanced status is none, or one of the mail system (X.3) or the network (X.4).
 * A full mailbox (4.2.2), a mail that is too large (4.3.4), an unknown sender domain (4.1.8) and greylisting (450, 4.7.1) do not
 * count (RFC 3463 §3.4, §3.5).
 */
function namesServer(reply: Reply | null): boolean {
  if (reply === null || ![421, 451, 452].includes(reply.code)) return false;
  const status = parseSmtpReply(reply.line)?.enhanced ?? null;
  return status === null || /^4\.(?:3\.[^4]|4\.)/.test(status);
}
