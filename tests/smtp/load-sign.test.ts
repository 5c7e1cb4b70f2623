// Load sign: what one transaction says about the load of the server. Nothing that a stranger's mail can cause alone counts.

import { describe, expect, test } from "bun:test";
import type { Ending, Exchange } from "../../packages/smtp/exchange.ts";
import { loadSignOf } from "../../packages/smtp/load-sign.ts";

const reply = (line: string) => ({ code: Number(line.slice(0, 3)), line });
const complete: Ending = { kind: "complete" };

/** An exchange of one recipient. Each phase is the line of its reply. */
type Lines = { mail?: string | null; rcpt?: string[]; data?: string | null; answers?: string[]; ending?: Ending; lmtp?: true };

function exchange({ mail = "250 ok", rcpt = ["250 ok"], data = "354 go", answers = [], ending = complete, lmtp }: Lines): Exchange {
  return {
    protocol: lmtp ? "lmtp" : "smtp",
    recipientCount: rcpt.length,
    mail: mail === null ? null : reply(mail),
    rcpt: rcpt.map(reply),
    data: data === null ? null : reply(data),
    answers: answers.map(reply),
    dotSent: answers.length > 0,
    ending,
  };
}

const early = { rcpt: [], data: null };
const lost: Ending = { kind: "lost", detail: "Connection closed unexpectedly" };
const closing = (line: string): Ending => ({ kind: "closing", reply: reply(line), detail: line });

describe("loadSignOf()", () => {
  const fresh: readonly [string, Lines][] = [
    ["421 to MAIL", { ...early, mail: "421 4.3.2 busy", ending: closing("421 4.3.2 busy") }],
    ["a break before the answer to MAIL", { ...early, mail: null, ending: lost }],
  ];
  for (const [name, lines] of fresh) {
    test(`doubtful: ${name} in a fresh session`, () =>
      expect(loadSignOf(exchange(lines), 1_000, null, true)).toEqual({ kind: "doubtful" }));
  }

  const doubtful: readonly [string, Lines][] = [
    ["MAIL 452, no room on the disk", { ...early, mail: "452 4.3.1 Insufficient system storage" }],
    ["MAIL 451 without a status", { ...early, mail: "451 local error" }],
    ["MAIL 451, network", { ...early, mail: "451 4.4.5 congestion" }],
    ["DATA 451", { data: "451 4.3.0 queue file write error" }],
    ["the final dot 451", { answers: ["451 4.3.0 queue file write error"] }],
    ["the final dot 452", { answers: ["452 4.3.1 Insufficient system storage"] }],
    ["the final dot 421", { answers: ["421 4.3.2 try later"], ending: closing("421 4.3.2 try later") }],
    ["the final dot 451 without a status", { answers: ["451 try later"] }],
  ];
  for (const [name, lines] of doubtful) {
    test(`doubtful: ${name}`, () => expect(loadSignOf(exchange(lines), 1_000, null, false)).toEqual({ kind: "doubtful" }));
    const large = loadSignOf(exchange(lines), 10_000_000, null, false);
    test(`nothing: ${name}, for a large mail`, () => expect(large).toEqual({ kind: "none" }));
  }

  const none: readonly [string, Lines][] = [
    ["greylisting at RCPT", { rcpt: ["450 4.7.1 Greylisted"], data: "554 5.5.1 no valid recipients" }],
    ["a busy RCPT", { rcpt: ["451 4.3.0 later"], data: "554 5.5.1 no valid recipients" }],
    ["a full mailbox at RCPT", { rcpt: ["452 4.2.2 mailbox full"], data: "554 5.5.1 no valid recipients" }],
    ["an unknown recipient", { rcpt: ["550 5.1.1 unknown"], data: "554 5.5.1 no valid recipients" }],
    ["421 after refusals, as Postfix ends a session", { rcpt: ["421 4.7.0 too many errors"], data: null, ending: closing("421 4.7.0") }],
    ["greylisting by a filter", { answers: ["451 4.7.1 Try again later"] }],
    ["a full mailbox after the final dot", { answers: ["452 4.2.2 mailbox full"] }],
    ["a mail that is too large for the system", { answers: ["452 4.3.4 too large"] }],
    ["a refused content", { answers: ["554 5.7.1 spam"] }],
    ["greylisting at MAIL", { ...early, mail: "451 4.7.1 Greylisted" }],
    ["an unknown sender domain", { ...early, mail: "450 4.1.8 Domain not found" }],
    ["a refused sender", { ...early, mail: "550 5.7.1 no" }],
    ["a mail that could not be read from its store", { ending: { kind: "source", detail: "the mail stalled" } }],
    ["a session that breaks behind the final dot", { ending: lost }],
  ];
  for (const [name, lines] of none) {
    test(`nothing: ${name}`, () => expect(loadSignOf(exchange(lines), 1_000, null, true)).toEqual({ kind: "none" }));
  }

  test("nothing: LMTP answers for mailboxes after the final dot", () => {
    const busy = exchange({ lmtp: true, answers: ["451 4.3.0 Too many concurrent deliveries for user"] });
    expect(loadSignOf(busy, 1_000, 5, true)).toEqual({ kind: "none" });
  });

  test("nothing: a session of the pool that was closed meanwhile", () => {
    for (const lines of [
      { ...early, mail: null, ending: lost },
      { ...early, mail: "421 4.4.2 timeout", ending: closing("421 4.4.2 timeout") },
    ])
      expect(loadSignOf(exchange(lines), 1_000, null, false)).toEqual({ kind: "none" });
  });

  test("good: a mail that was taken, for one recipient at least", () => {
    const taken = exchange({ rcpt: ["250 ok", "452 4.2.2 mailbox full"], answers: ["250 taken"] });
    expect(loadSignOf(taken, 1_000, 7, false)).toEqual({ kind: "good", answerMs: 7 });
    const half = exchange({ lmtp: true, rcpt: ["250 ok", "250 ok"], answers: ["250 taken", "452 4.2.2 full"] });
    expect(loadSignOf(half, 1_000, 7, false)).toEqual({ kind: "good", answerMs: 7 });
  });

  test("good: the time of a large mail is not measured", () => {
    const taken = exchange({ answers: ["250 taken"] });
    expect(loadSignOf(taken, 64 * 1024, 7, false)).toEqual({ kind: "good", answerMs: 7 });
    expect(loadSignOf(taken, 64 * 1024 + 1, 7, false)).toEqual({ kind: "good", answerMs: null });
  });
});
