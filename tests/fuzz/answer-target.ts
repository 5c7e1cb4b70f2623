// Answer target: what puts replies together from the octets of a mail server, and what makes verdicts of them.

import type { Verdict } from "@sesame/core";
import { parseSmtpReply, type SmtpPhase, verdictOfReply } from "../../packages/core/journey/smtp-reply.ts";
import { type Reply, ReplyReader } from "../../packages/smtp/smtp-reply.ts";
import { answerSeeds } from "./seeds.ts";
import { holds, type Target } from "./target.ts";

const limit = 64 * 1024;
const phases: readonly SmtpPhase[] = ["session", "mail", "rcpt", "data", "dot"];

export const answer: Target = {
  name: "smtp-reply",
  seeds: answerSeeds,
  tokens: [
    "\r\n",
    "\n",
    "\r",
    "250 ",
    "250-",
    "354 ",
    "421 ",
    "450 4.7.1 ",
    "550 5.1.1 ",
    "552",
    "553 5.1.8 ",
    "5.7.1",
    "4.3.2",
    "2500",
    "099 ",
    "600 ",
    "\0",
    "\x1b[31m",
    "\xff",
    "\xc3\xbc",
    "\x85",
    " ",
    "-",
  ],
  check(input) {
    const whole = repliesOf(input, input.length);
    for (const size of input.length < 2000 ? [1, 7, 1000] : [7, 1000]) {
      const pieces = repliesOf(input, size);
      const [told, same] = [whole.findIndex(isTooLong), pieces.findIndex(isTooLong)];
      // One that is given up for its length is given up at the end of a chunk, and ends the session.
      const until = Math.min(told < 0 ? whole.length : told, same < 0 ? pieces.length : same);
      holds(JSON.stringify(whole.slice(0, until)) === JSON.stringify(pieces.slice(0, until)), "replies that depend on chunks", [
        size,
        until,
      ]);
      holds(told >= 0 || same >= 0 || whole.length === pieces.length, "replies that depend on chunks", [size, whole.length, pieces.length]);
    }
    for (const reply of whole) holdsOfReply(reply);
    const kinds = whole.slice(0, 4).map(({ code, line }) => `${Math.floor(code / 100)}${parseSmtpReply(line)?.enhanced ?? ""}`);
    return [Math.min(whole.length, 4), kinds].join();
  },
};

const isTooLong = ({ code, line }: Reply) => code === 0 && line.startsWith("a reply of more than");

function repliesOf(input: Uint8Array, size: number): readonly Reply[] {
  const reader = new ReplyReader(limit);
  const replies: Reply[] = [];
  for (let at = 0; at < input.length && replies.length < 200; at += size)
    replies.push(...reader.read(Buffer.from(input.subarray(at, at + size))));
  return replies.slice(0, 200);
}

function holdsOfReply({ code, line }: Reply): void {
  holds(code === 0 || (code >= 200 && code <= 599), "a code that is none", code);
  holds(line.length <= 600 && !/\p{Cc}/u.test(line), "a line that no log can hold", line);
  const parsed = parseSmtpReply(line);
  if (parsed === null) return;
  holds(code === 0 || parsed.code === code, "a code that reads otherwise", [code, line]);
  for (const phase of phases)
    for (const scope of ["mail", "recipient"] as const) holdsOfVerdict(verdictOfReply(parsed, phase, scope), phase, parsed.code);
}

/** Ours delays, theirs fails: a refusal is final only where it is a 5yz about this mail or this mailbox. */
function holdsOfVerdict(verdict: Verdict, phase: SmtpPhase, code: number): void {
  holds(verdict.action === "failed" || verdict.action === "delayed", "a good end of a refusal", verdict);
  holds(verdict.action === "delayed" || (code >= 500 && phase !== "session"), "a mail that fails for our trouble", [phase, code, verdict]);
  holds(
    /^[45]\.\d{1,3}\.\d{1,3}$/.test(verdict.status) && verdict.status.startsWith(verdict.action === "failed" ? "5" : "4"),
    "a status that is none",
    verdict,
  );
}
