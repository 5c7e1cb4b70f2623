// Relay: whether a server takes mail for a domain from us, asked without sending any: MAIL, RCPT for an address that nobody
// has, and goodbye (RFC 5321 §3.3). For the doctor; no mail ever goes this way.

import type { Buffer } from "node:buffer";
import { connect } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { parseSmtpReply, verdictOfReply } from "@sesame/core";
import { isPositive } from "./exchange.ts";
import type { SmtpTarget } from "./options.ts";
import { type Reply, ReplyReader } from "./reply.ts";

/** What the server said to the recipient, or why it could not be asked. */
export type RelayAnswer =
  | { readonly kind: "takes"; readonly line: string } // also a refusal of that mailbox alone: the domain is known
  | { readonly kind: "refuses"; readonly line: string }
  | { readonly kind: "unasked"; readonly detail: string };

export type RelayQuestion = Readonly<{
  target: SmtpTarget;
  name: string;
  recipient: string;
  /** For the whole conversation. */
  timeoutMs: number;
}>;

/** Asks over a connection of its own. */
export async function askRelay({ target, name, recipient, timeoutMs }: RelayQuestion): Promise<RelayAnswer> {
  const hello = target.protocol === "lmtp" ? "LHLO" : "EHLO";
  const said = await talk(target, [`${hello} ${name}`, "MAIL FROM:<>", `RCPT TO:<${recipient}>`, "QUIT"], timeoutMs);
  if (typeof said === "string") return { kind: "unasked", detail: said };
  const [greeting, answered, mail, rcpt] = said;
  for (const reply of [greeting, answered, mail]) {
    if (!isPositive(reply)) return unasked(reply);
  }
  if (rcpt && (isPositive(rcpt) || isAboutMailbox(rcpt))) return { kind: "takes", line: rcpt.line };
  return rcpt && rcpt.code >= 400 ? { kind: "refuses", line: rcpt.line } : unasked(rcpt);
}

function unasked(reply: Reply | undefined): RelayAnswer {
  return { kind: "unasked", detail: reply?.line ?? "the connection ended" };
}

/** Where only that mailbox is refused the server answers for its domain. */
function isAboutMailbox({ line }: Reply): boolean {
  const parsed = parseSmtpReply(line);
  const verdict = parsed && verdictOfReply(parsed, "rcpt", "recipient");
  return verdict?.action === "failed" || (verdict?.action === "delayed" && verdict.reason === "try-later");
}

/** The replies in order, the greeting first; or what went wrong. */
function talk({ host, port }: SmtpTarget, commands: readonly string[], timeoutMs: number): Promise<readonly Reply[] | string> {
  return new Promise((resolve) => {
    const replies: Reply[] = [];
    const reader = new ReplyReader(64 * 1024);
    const socket = connect({ host, port });
    // For all of it: the socket's own time-out begins anew with each octet.
    const deadline = setTimeout(() => end(`no answer within ${timeoutMs} ms`), timeoutMs);
    const end = (outcome: readonly Reply[] | string) => {
      clearTimeout(deadline);
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
