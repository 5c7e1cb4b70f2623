// Contract of Ledger, the half that remembers replies: it never lets two replies out to one sender.

import { expect } from "bun:test";
import { instant, type MailId } from "@sesame/core";
import type { ReplyCount, ReplyRow } from "../../packages/core/journey/ports.ts";
import type { LedgerHarness } from "./ledger-harness.ts";
import { key, mailId, replyEffect } from "./samples.ts";
import type { Cases } from "./suite.ts";

const mail: MailId = mailId("example-com-emails/0vfh5u3pmcbm3l93");
const sender = key("carol@remote.test");

function reply(now: number, more: Partial<ReplyRow> = {}): ReplyRow {
  const until = (now + 7 * 86_400_000) as ReplyRow["until"];
  const effect = replyEffect("alice@example.com");
  return { recipient: key("alice@example.com"), sender, effect, textHash: "hash-1", mailId: mail, until, ...more };
}

/** A reply to be counted: the n-th mail. */
function count(n: number, more: Partial<ReplyCount> = {}): ReplyCount {
  return {
    mailId: mailId(`example-com-emails/${n}`),
    effect: replyEffect("alice@example.com"),
    mailbox: key("alice@example.com"),
    sender,
    receivedAt: instant("2026-01-05T12:30:00Z"),
    perHour: 3,
    perDay: 2,
    ...more,
  };
}

/** The cases, run by the suite of the Ledger. */
export const replyCases: Cases<LedgerHarness> = {
  "recall() gives nothing when nobody was answered": async ({ open }) => {
    const ledger = open("one");
    expect((await ledger.recall([key("alice@example.com")], sender)).size).toBe(0);
    expect((await ledger.recall([], sender)).size).toBe(0);
  },
  "recall() gives the live rows of these recipients for one sender": async ({ open, now }) => {
    const row = reply(now());
    await open("one").claimReply(row);
    await open("one").claimReply(reply(now(), { recipient: key("bob@example.com"), sender: key("dave@remote.test") }));
    const memory = await open("two").recall([key("alice@example.com"), key("bob@example.com")], sender);
    const { textHash, mailId, until } = row;
    expect([...memory]).toEqual([[row.recipient, { textHash, mailId, until }]]);
  },
  "recall() leaves out expired rows": async ({ open, now, advance }) => {
    const ledger = open("one");
    await ledger.claimReply(reply(now(), { until: (now() + 60_000) as ReplyRow["until"] }));
    await advance(61);
    expect((await ledger.recall([key("alice@example.com")], sender)).size).toBe(0);
  },
  "recall() answers more recipients than one request holds": async ({ open, now }) => {
    const ledger = open("one");
    const recipients = Array.from({ length: 130 }, (_, n) => key(`user${n}@example.com`));
    for (const n of [0, 129]) await ledger.claimReply(reply(now(), { recipient: key(`user${n}@example.com`), mailId: mailId(`mail${n}`) }));
    expect([...(await ledger.recall(recipients, sender)).keys()].sort()).toEqual([key("user0@example.com"), key("user129@example.com")]);
  },
  "claimReply() says claimed when there is no row, and answered to another mail": async ({ open, now }) => {
    expect(await open("one").claimReply(reply(now()))).toBe("claimed");
    expect(await open("two").claimReply(reply(now(), { mailId: mailId("other") }))).toBe("answered");
  },
  "claimReply() says claimed to one of two mails when they contend": async ({ open, now }) => {
    const claims = await Promise.all([
      open("one").claimReply(reply(now())),
      open("two").claimReply(reply(now(), { mailId: mailId("other") })),
    ]);
    expect([...claims].sort()).toEqual(["answered", "claimed"]);
  },
  "claimReply() says in-doubt when an earlier attempt at this mail claimed": async ({ open, now }) => {
    await open("one").claimReply(reply(now()));
    expect(await open("two").claimReply(reply(now()))).toBe("in-doubt");
  },
  "claimReply() says in-doubt when the text changed between attempts at one mail": async ({ open, now }) => {
    await open("one").claimReply(reply(now()));
    expect(await open("one").claimReply(reply(now(), { textHash: "hash-2" }))).toBe("in-doubt");
  },
  "claimReply() says claimed when the row expired": async ({ open, now, advance }) => {
    await open("one").claimReply(reply(now(), { until: (now() + 60_000) as ReplyRow["until"] }));
    await advance(61);
    expect(await open("one").claimReply(reply(now(), { mailId: mailId("other") }))).toBe("claimed");
    expect(await open("one").claimReply(reply(now(), { mailId: mailId("third") }))).toBe("answered");
  },
  "claimReply() says claimed when the row is of another text": async ({ open, now }) => {
    await open("one").claimReply(reply(now()));
    const other = { mailId: mailId("other"), textHash: "hash-2" };
    expect(await open("one").claimReply(reply(now(), other))).toBe("claimed");
    expect((await open("one").recall([key("alice@example.com")], sender)).get(key("alice@example.com"))).toMatchObject(other);
  },
  "X16 claimReply() says in-doubt when another mail replaced the row since this mail claimed it": async ({ open, now }) => {
    expect(await open("one").claimReply(reply(now()))).toBe("claimed");
    expect(await open("two").claimReply(reply(now(), { mailId: mailId("other"), textHash: "hash-2" }))).toBe("claimed");
    expect(await open("one").claimReply(reply(now()))).toBe("in-doubt");
    expect(await open("one").claimReply(reply(now(), { textHash: "hash-3" }))).toBe("in-doubt");
  },
  "X16 claimReply() leaves no row of its own behind when it says in-doubt": async ({ open, now }) => {
    await open("one").claimReply(reply(now()));
    await open("one").claimReply(reply(now(), { mailId: mailId("other"), textHash: "hash-2" }));
    await open("one").claimReply(reply(now()));
    expect(await open("two").claimReply(reply(now(), { mailId: mailId("third"), textHash: "hash-1" }))).toBe("claimed");
  },
  "X16 claimReply() keeps the replies of one mail apart": async ({ open, now }) => {
    const other = { recipient: key("bob@example.com"), effect: replyEffect("bob@example.com") };
    expect(await open("one").claimReply(reply(now()))).toBe("claimed");
    expect(await open("one").claimReply(reply(now(), other))).toBe("claimed");
    // One reply of a mail, although the mailbox that answers is another one by now.
    expect(await open("one").claimReply(reply(now(), { recipient: key("dave@example.com") }))).toBe("in-doubt");
  },
  "X16 releaseReply() takes back the claim of the mail as well": async ({ open, now }) => {
    const ledger = open("one");
    await ledger.claimReply(reply(now()));
    await ledger.claimReply(reply(now(), { mailId: mailId("other"), textHash: "hash-2" }));
    await ledger.releaseReply(reply(now()));
    expect((await ledger.recall([key("alice@example.com")], sender)).size).toBe(1); // of the other mail
    expect(await ledger.claimReply(reply(now()))).toBe("claimed");
  },
  "claimReply() keeps recipients and senders apart": async ({ open, now }) => {
    const ledger = open("one");
    await ledger.claimReply(reply(now()));
    const [second, third] = [mailId("second"), mailId("third")];
    expect(await ledger.claimReply(reply(now(), { recipient: key("bob@example.com"), mailId: second }))).toBe("claimed");
    expect(await ledger.claimReply(reply(now(), { sender: key("dave@remote.test"), mailId: third }))).toBe("claimed");
  },
  "releaseReply() takes back the claim of this very mail": async ({ open, now }) => {
    const ledger = open("one");
    await ledger.claimReply(reply(now()));
    await ledger.releaseReply(reply(now()));
    expect((await ledger.recall([key("alice@example.com")], sender)).size).toBe(0);
    expect(await ledger.claimReply(reply(now()))).toBe("claimed");
  },
  "releaseReply() leaves the claim of another mail": async ({ open, now }) => {
    const ledger = open("one");
    await ledger.claimReply(reply(now()));
    await ledger.releaseReply(reply(now(), { mailId: mailId("other") }));
    expect(await ledger.claimReply(reply(now()))).toBe("in-doubt");
  },
  "releaseReply() is no error when there is no row": async ({ open, now }) => {
    await open("one").releaseReply(reply(now()));
  },
  "X13 countReply() grants a sender as many replies in a day as it may have": async ({ open }) => {
    expect(await open("one").countReply(count(1))).toBe("granted");
    expect(await open("two").countReply(count(2, { mailbox: key("bob@example.com") }))).toBe("granted");
    expect(await open("one").countReply(count(3, { mailbox: key("dave@example.com") }))).toBe("exhausted");
    expect(await open("one").countReply(count(3, { sender: key("eve@remote.test") }))).toBe("granted");
    expect(await open("one").countReply(count(4, { receivedAt: instant("2026-01-06T00:00:00Z") }))).toBe("granted");
  },
  "X13 countReply() grants a mailbox as many replies in an hour as it may send": async ({ open }) => {
    const from = (n: number, more: Partial<ReplyCount> = {}) => count(n, { sender: key(`sender${n}@remote.test`), ...more });
    for (const n of [1, 2, 3]) expect(await open("one").countReply(from(n))).toBe("granted");
    expect(await open("two").countReply(from(4))).toBe("exhausted");
    expect(await open("two").countReply(from(4, { mailbox: key("bob@example.com") }))).toBe("granted");
    expect(await open("one").countReply(from(5, { receivedAt: instant("2026-01-05T13:00:00Z") }))).toBe("granted");
  },
  "X13 countReply() counts a mail once, and what was granted stays granted": async ({ open }) => {
    for (const owner of ["one", "one", "two"]) expect(await open(owner).countReply(count(1))).toBe("granted");
    expect(await open("one").countReply(count(2))).toBe("granted");
    expect(await open("two").countReply(count(3))).toBe("exhausted");
    expect(await open("two").countReply(count(1))).toBe("granted");
  },
  "X13 countReply() counts two replies of one mail": async ({ open }) => {
    expect(await open("one").countReply(count(1))).toBe("granted");
    expect(await open("one").countReply(count(1, { effect: replyEffect("bob@example.com") }))).toBe("granted");
    expect(await open("one").countReply(count(1, { effect: replyEffect("dave@example.com") }))).toBe("exhausted");
  },
  "X13 countReply() takes nothing from the mailbox when the sender has had its share": async ({ open }) => {
    for (const n of [1, 2]) await open("one").countReply(count(n));
    for (const n of [3, 4, 5, 6]) expect(await open("one").countReply(count(n))).toBe("exhausted");
    expect(await open("one").countReply(count(7, { sender: key("eve@remote.test") }))).toBe("granted");
  },
  "X13 countReply() grants any number where the limit is 0": async ({ open }) => {
    for (let n = 0; n < 8; n++) expect(await open("one").countReply(count(n, { perHour: 0, perDay: 0 }))).toBe("granted");
    const unlimited = (n: number) => count(n, { perHour: 0, perDay: 1 });
    expect(await open("one").countReply(unlimited(20))).toBe("granted");
    expect(await open("one").countReply(unlimited(21))).toBe("exhausted");
  },
  "X13 countReply() lets no more through when many ask at the same time": async ({ open }) => {
    const asked = Array.from({ length: 8 }, (_, n) => open(n % 2 === 0 ? "one" : "two").countReply(count(n)));
    expect((await Promise.all(asked)).filter((answer) => answer === "granted").length).toBe(2);
  },
};
