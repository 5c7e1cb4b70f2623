// Relay check: asks a server whether it accepts mail for a domain, without sending one: MAIL, RCPT for addresses that do
// not exist, QUIT (RFC 5321 §3.3). Only `sesame check` uses it.

import type { Buffer } from "node:buffer";
import { connect } from "node:net";
import { parseSmtpReply, verdictOfReply } from "@sesame/core/journey";
import { isPositive } from "./exchange.ts";
import type { SmtpTarget } from "./options.ts";
import { type Reply, ReplyReader } from "./smtp-reply.ts";
import { wallTimers } from "./timers.ts";

/** The server's reply to RCPT, or why there is none. */
export type RelayCheckResult =
  | { readonly kind: "accepts"; readonly line: string } // also a refusal of that mailbox alone: the domain is known
  | { readonly kind: "refuses"; readonly line: string }
  | { readonly kind: "not-asked"; readonly detail: string };

export type RelayCheck = Readonly<{
  target: SmtpTarget;
  name: string;
  recipient: string;
  /** For the whole session. */
  timeoutMs: number;
}>;

/** Asks over a separate connection. Does not throw. */
export async function askRelay(check: RelayCheck): Promise<RelayCheckResult> {
  const replies = await runCommands(check.target, commandsFor(check, [check.recipient]), check.timeoutMs);
  if (typeof replies === "string") return { kind: "not-asked", detail: replies };
  const [greeting, answered, mail, rcpt] = replies;
  for (const reply of [greeting, answered, mail]) {
    if (!isPositive(reply)) return notAsked(reply);
  }
  if (rcpt && (isPositive(rcpt) || isAboutMailbox(rcpt))) return { kind: "accepts", line: rcpt.line };
  return rcpt && rcpt.code >= 400 ? { kind: "refuses", line: rcpt.line } : notAsked(rcpt);
}

/**
 * The recipients that the server accepts with a 2yz at RCPT, asked in one session over a separate connection. Empty if the
 * server does not let us ask. Does not throw.
 */
export async function acceptedRecipients(
  check: Omit<RelayCheck, "recipient"> & Readonly<{ recipients: readonly string[] }>,
): Promise<readonly string[]> {
  const replies = await runCommands(check.target, commandsFor(check, check.recipients), check.timeoutMs);
  if (typeof replies === "string") return [];
  const [, , , ...answers] = replies; // of the greeting, EHLO and MAIL
  return check.recipients.filter((_, index) => {
    const answer = answers[index];
    return answer !== undefined && isPositive(answer);
  });
}

function commandsFor({ target, name }: Pick<RelayCheck, "target" | "name">, recipients: readonly string[]): readonly string[] {
  const hello = target.protocol === "lmtp" ? "LHLO" : "EHLO";
  return [`${hello} ${name}`, "MAIL FROM:<>", ...recipients.map((recipient) => `RCPT TO:<${recipient}>`), "QUIT"];
}

function notAsked(reply: Reply | undefined): RelayCheckResult {
  return { kind: "not-asked", detail: reply?.line ?? "the connection ended" };
}

/** Whether the reply concerns only this mailbox; then the server accepts mail for the domain. */
function isAboutMailbox({ line }: Reply): boolean {
  const parsed = parseSmtpReply(line);
  const verdict = parsed && verdictOfReply(parsed, "rcpt", "recipient");
  return verdict?.action === "failed" || (verdict?.action === "delayed" && verdict.reason === "try-later");
}

/** Sends the commands one by one. Returns the replies in order, the greeting first, or what went wrong. */
function runCommands({ host, port }: SmtpTarget, commands: readonly string[], timeoutMs: number): Promise<readonly Reply[] | string> {
  return new Promise((resolve) => {
    const replies: Reply[] = [];
    const reader = new ReplyReader(64 * 1024);
    const socket = connect({ host, port });
    // One deadline for the whole session: the time-out of the socket starts again with each octet.
    const cancel = wallTimers.after(timeoutMs, () => end(`no answer within ${timeoutMs} ms`));
    const end = (outcome: readonly Reply[] | string) => {
      cancel();
      socket.destroy();
      resolve(outcome);
    };
    socket.on("error", (error) => end(error.message));
    socket.on("close", () => end(replies));
    socket.on("data", (chunk: Buffer) => {
      for (const reply of reader.read(chunk)) {
        replies.push(reply);
        const next = commands[replies.length - 1];
        if (next === undefined) return end(replies);
        socket.write(`${next}\r\n`);
      }
    });
  });
}
