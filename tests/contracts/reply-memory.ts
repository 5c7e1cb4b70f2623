// Contract of Ledger, the half that remembers replies: it never lets two replies out to one sender.

import { expect } from "bun:test";
import type { MailId } from "@sesame/core";
import type { ReplyRow } from "../../packages/core/journey/ports.ts";
import type { LedgerHarness } from "./ledger-harness.ts";
import { key, mailId } from "./samples.ts";
import type { Cases } from "./suite.ts";

const mail: MailId = mailId("example-com-emails/0vfh5u3pmcbm3l93");
const sender = key("carol@remote.test");

function reply(now: number, more: Partial<ReplyRow> = {}): ReplyRow {
  const until = (now + 7 * 86_400_000) as ReplyRow["until"];
  return { recipient: key("alice@example.com"), sender, textHash: "hash-1", mailId: mail, until, ...more };
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
    for (const n of [0, 129]) await ledger.claimReply(reply(now(), { recipient: key(`user${n}@example.com`) }));
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
  "claimReply() keeps recipients and senders apart": async ({ open, now }) => {
    const ledger = open("one");
    await ledger.claimReply(reply(now()));
    expect(await ledger.claimReply(reply(now(), { recipient: key("bob@example.com") }))).toBe("claimed");
    expect(await ledger.claimReply(reply(now(), { sender: key("dave@remote.test") }))).toBe("claimed");
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
};
