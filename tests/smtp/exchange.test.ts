// ExchangeLog: which command a reply belongs to, phase by phase, and which reply ends the session.

import { expect, test } from "bun:test";
import { ExchangeLog, isPositive } from "../../packages/smtp/exchange.ts";
import { replyOf } from "../../packages/smtp/smtp-reply.ts";

type Way = Readonly<{
  protocol?: "smtp" | "lmtp";
  recipients?: number;
  /** Replies in their order; "." is our final dot. */
  says: string;
  /** The phase before each of them, and at last. */
  phases: string;
  /** How the session ends with the last reply. */
  ending: string | null;
}>;

const ways: readonly Way[] = [
  { says: "250 250 354 . 250", phases: "mail rcpt data body dot over", ending: null },
  { recipients: 2, says: "250 250 550 354 . 250", phases: "mail rcpt rcpt data body dot over", ending: null },
  {
    protocol: "lmtp",
    recipients: 3,
    says: "250 250 550 250 354 . 250 450",
    phases: "mail rcpt rcpt rcpt data body dot dot over",
    ending: null,
  },
  { says: "250 550 354 250", phases: "mail rcpt data empty-mail over", ending: null },
  { says: "250 550 354 354", phases: "mail rcpt data empty-mail over", ending: null },
  { protocol: "lmtp", says: "250 550 354", phases: "mail rcpt data over", ending: "lost" },
  { says: "250 550 503", phases: "mail rcpt data over", ending: null },
  { says: "250 250 400", phases: "mail rcpt data over", ending: null },
  { says: "250 250 399", phases: "mail rcpt data over", ending: "protocol-error" },
  { says: "250 250 250", phases: "mail rcpt data over", ending: "protocol-error" },
  { says: "300", phases: "mail rcpt", ending: "protocol-error" },
  { says: "399", phases: "mail rcpt", ending: "protocol-error" },
  { says: "400", phases: "mail rcpt", ending: null },
  { says: "250 300", phases: "mail rcpt data", ending: "protocol-error" },
  { says: "250 250 354 . 300", phases: "mail rcpt data body dot over", ending: "protocol-error" },
  { says: "250 250 354 250", phases: "mail rcpt data body body", ending: "protocol-error" },
  { says: "250 250 354 400", phases: "mail rcpt data body over", ending: "protocol-error" },
  { protocol: "lmtp", says: "250 250 354 550", phases: "mail rcpt data body body", ending: "protocol-error" },
  { says: "250 250 354 . 250 250", phases: "mail rcpt data body dot over over", ending: "protocol-error" },
  { says: "421", phases: "mail rcpt", ending: "closing" },
  { says: "250 250 354 . 421", phases: "mail rcpt data body dot over", ending: "closing" },
  { says: "250 250 354 421", phases: "mail rcpt data body over", ending: "closing" },
  { says: "250 banana", phases: "mail rcpt rcpt", ending: "protocol-error" },
];
for (const { protocol = "smtp", recipients = 1, says, phases, ending } of ways) {
  test(`ExchangeLog ends with ${ending ?? "nothing"} by ${protocol} when ${recipients} recipients meet ${says}`, () => {
    const log = new ExchangeLog(protocol, recipients);
    const seen: string[] = [];
    let last: string | null = null;
    for (const word of says.split(" ")) {
      seen.push(log.phase);
      if (word === ".") log.dot();
      else last = log.record(replyOf([`${word} text`]))?.kind ?? null;
    }
    seen.push(log.phase);
    expect([seen.join(" "), last]).toEqual([phases, ending]);
  });
}

test("ExchangeLog.close() keeps every reply in its place and in its order", () => {
  const log = new ExchangeLog("lmtp", 3);
  const said = (code: number) => log.record(replyOf([`${code} ${code}`]));
  for (const code of [250, 251, 550, 252, 354]) said(code);
  log.dot();
  for (const code of [253, 450]) said(code);
  const { mail, rcpt, data, answers, dotSent, recipientCount } = log.close({ kind: "complete" });
  expect([mail?.code, rcpt.map(({ code }) => code), data?.code, answers.map(({ code }) => code)]).toEqual([
    250,
    [251, 550, 252],
    354,
    [253, 450],
  ]);
  expect([dotSent, recipientCount]).toEqual([true, 3]);
});

test("isPositive() is true of 2yz alone", () => {
  const replies = [null, undefined, replyOf(["banana"]), ...[199, 200, 250, 299, 300, 354, 400, 550].map((code) => ({ code, line: "" }))];
  expect(replies.map(isPositive)).toEqual([false, false, false, false, true, true, true, false, false, false, false]);
});
