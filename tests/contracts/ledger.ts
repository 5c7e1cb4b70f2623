// Contract of Ledger: one holder at a time, crashes counted at takeover, late holders fenced off, finals that stand, and a
// reply memory that never lets two replies out.

import { expect } from "bun:test";
import type { EffectKey, Final, Lease, Ledger, MailId, ReplyRow } from "@sesame/core";
import { delivered, deliverKey, failed, key, mailId, relayed } from "./samples.ts";
import { type Cases, type Harness, runSuite, type SuiteOptions } from "./suite.ts";

export type LedgerHarness = Harness &
  Readonly<{
    /** A worker's ledger; two owners share the same tables. */
    open(owner: string): Ledger;
    /** What time the ledgers think it is, in milliseconds since 1970. */
    now(): number;
    /** Lets time pass, in seconds. */
    advance(seconds: number): Promise<void>;
  }>;

/** Declares the contract's tests for one implementation. The tables must be empty at first. */
export function ledgerContract(name: string, makeHarness: () => Promise<LedgerHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as Ledger`, makeHarness, { ...leaseCases, ...recordCases, ...replyCases, ...keyCases }, options);
}

const mail: MailId = mailId("example-com-emails/0vfh5u3pmcbm3l93");
const [toAlice, toBob] = [deliverKey("alice@example.com"), deliverKey("bob@example.com")];

async function hold(ledger: Ledger, seconds: number = 60): Promise<Lease> {
  const claim = await ledger.claim(mail, seconds);
  if (claim.kind !== "held") throw new Error(`The claim is ${claim.kind}`);
  return claim.lease;
}

function finals(...rows: readonly (readonly [EffectKey, Final])[]): ReadonlyMap<EffectKey, Final> {
  return new Map(rows);
}

const leaseCases: Cases<LedgerHarness> = {
  "claim() holds a mail that nobody holds": async ({ open, now }) => {
    const lease = await hold(open("one"));
    expect(lease).toMatchObject({ mailId: mail, owner: "one", crashes: 0, takenOver: false });
    expect(lease.finals.size).toBe(0);
    expect(Math.abs(lease.until - (now() + 60_000))).toBeLessThan(2000);
  },
  "claim() says busy when another owner holds the mail": async ({ open }) => {
    const lease = await hold(open("one"));
    const claim = await open("two").claim(mail, 60);
    expect(claim).toEqual({ kind: "busy", until: lease.until });
  },
  "claim() lets one of two owners have the mail when they contend": async ({ open }) => {
    const claims = await Promise.all([open("one").claim(mail, 60), open("two").claim(mail, 60)]);
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["busy", "held"]);
  },
  "claim() holds another mail meanwhile": async ({ open }) => {
    await hold(open("one"));
    expect((await open("two").claim(mailId("example-com-emails/other"), 60)).kind).toBe("held");
  },
  "claim() holds again when the same owner claims again": async ({ open }) => {
    const ledger = open("one");
    const lease = await hold(ledger);
    await ledger.record(lease, finals([toAlice, delivered]), "hold");
    const again = await hold(ledger);
    expect(again).toMatchObject({ crashes: 0, takenOver: false });
    expect([...again.finals]).toEqual([[toAlice, delivered]]);
  },
  "claim() takes over an expired lease, counts a crash and gives the finals": async ({ open, advance }) => {
    const one = open("one");
    await one.record(await hold(one), finals([toAlice, delivered]), "hold");
    await advance(61);
    const lease = await hold(open("two"));
    expect(lease).toMatchObject({ owner: "two", crashes: 1, takenOver: true });
    expect([...lease.finals]).toEqual([[toAlice, delivered]]);
  },
  "claim() lets one of two owners take over when they contend": async ({ open, advance }) => {
    await hold(open("one"));
    await advance(61);
    const claims = await Promise.all([open("two").claim(mail, 60), open("three").claim(mail, 60)]);
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["busy", "held"]);
    const held = claims.find((claim) => claim.kind === "held");
    expect(held).toMatchObject({ lease: { crashes: 1 } });
  },
  "claim() counts each takeover": async ({ open, advance }) => {
    for (const owner of ["one", "two", "three"]) {
      await hold(open(owner));
      await advance(61);
    }
    expect(await hold(open("four"))).toMatchObject({ crashes: 3, takenOver: true });
  },
  "claim() takes over at once when the lease was of no seconds": async ({ open }) => {
    await hold(open("one"), 0);
    expect(await hold(open("two"))).toMatchObject({ crashes: 1, takenOver: true });
  },
  "claim() remembers crashes when the lease was given back after a takeover": async ({ open, advance }) => {
    await hold(open("one"));
    await advance(61);
    const two = open("two");
    await two.record(await hold(two), finals(), "release");
    expect(await hold(open("three"))).toMatchObject({ crashes: 1, takenOver: false });
  },
  "extend() keeps others out for so long from now": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    const lease = await hold(one);
    await advance(50);
    expect(await one.extend(lease, 60)).toBe("kept");
    await advance(50);
    expect((await two.claim(mail, 60)).kind).toBe("busy");
    await advance(11);
    expect((await two.claim(mail, 60)).kind).toBe("held");
  },
  "extend() keeps a lease that ran out while nobody took it over": async ({ open, advance }) => {
    const one = open("one");
    const lease = await hold(one);
    await advance(61);
    expect(await one.extend(lease, 60)).toBe("kept");
    expect((await open("two").claim(mail, 60)).kind).toBe("busy");
  },
  "extend() says lost when another owner took over": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    const stale = await hold(one);
    await advance(61);
    const lease = await hold(two);
    expect(await one.extend(stale, 600)).toBe("lost");
    expect(await two.extend(lease, 60)).toBe("kept");
  },
};

const recordCases: Cases<LedgerHarness> = {
  "record() keeps the lease when it holds": async ({ open }) => {
    const one = open("one");
    const lease = await hold(one);
    expect(await one.record(lease, finals([toAlice, delivered]), "hold")).toBe("recorded");
    expect((await open("two").claim(mail, 60)).kind).toBe("busy");
    expect(await one.record(lease, finals([toBob, failed]), "hold")).toBe("recorded");
    expect(new Map((await hold(one)).finals)).toEqual(
      new Map([
        [toAlice, delivered],
        [toBob, failed],
      ]),
    );
  },
  "record() gives the lease back when it releases, and that is no crash": async ({ open, advance }) => {
    const one = open("one");
    expect(await one.record(await hold(one), finals([toAlice, relayed]), "release")).toBe("recorded");
    await advance(3600);
    const lease = await hold(open("two"));
    expect(lease).toMatchObject({ owner: "two", crashes: 0, takenOver: false });
    expect([...lease.finals]).toEqual([[toAlice, relayed]]);
  },
  "record() closes a mail for everybody and for good": async ({ open, advance }) => {
    const one = open("one");
    expect(await one.record(await hold(one), finals([toAlice, delivered]), "close")).toBe("recorded");
    expect(await one.claim(mail, 60)).toEqual({ kind: "closed" });
    await advance(3600);
    expect(await open("two").claim(mail, 60)).toEqual({ kind: "closed" });
  },
  "record() lets finals stand that are recorded already": async ({ open }) => {
    const one = open("one");
    const lease = await hold(one);
    await one.record(lease, finals([toAlice, delivered]), "hold");
    expect(await one.record(lease, finals([toAlice, failed], [toBob, failed]), "hold")).toBe("recorded");
    expect(new Map((await hold(one)).finals)).toEqual(
      new Map([
        [toAlice, delivered],
        [toBob, failed],
      ]),
    );
  },
  "record() keeps every kind of final as it is": async ({ open }) => {
    const one = open("one");
    const skipped: Final = { action: "skipped", reason: "already-answered" };
    const odd: Final = { action: "delivered", detail: "250 ü \u2028 'quoted'" };
    const rows = finals([toAlice, odd], [toBob, failed], ["reply alice@example.com" as EffectKey, skipped]);
    await one.record(await hold(one), rows, "hold");
    expect(new Map((await hold(one)).finals)).toEqual(new Map(rows));
  },
  "record() may record nothing": async ({ open }) => {
    const one = open("one");
    expect(await one.record(await hold(one), finals(), "hold")).toBe("recorded");
    expect((await hold(one)).finals.size).toBe(0);
  },
  "record() is good when the lease ran out and nobody took it over": async ({ open, advance }) => {
    const one = open("one");
    const lease = await hold(one);
    await advance(61);
    expect(await one.record(lease, finals([toAlice, delivered]), "close")).toBe("recorded");
    expect(await open("two").claim(mail, 60)).toEqual({ kind: "closed" });
  },
  "record() is fenced and writes nothing when another owner took over": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    const stale = await hold(one);
    await advance(61);
    const lease = await hold(two);
    for (const then of ["hold", "release", "close"] as const) {
      expect(await one.record(stale, finals([toAlice, delivered]), then)).toBe("fenced");
    }
    expect((await hold(two)).finals.size).toBe(0);
    expect(await two.record(lease, finals([toAlice, failed]), "hold")).toBe("recorded");
  },
  "record() is fenced when another owner took over and closed": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    const stale = await hold(one);
    await advance(61);
    await two.record(await hold(two), finals([toAlice, delivered]), "close");
    expect(await one.record(stale, finals([toAlice, failed]), "release")).toBe("fenced");
    expect(await one.claim(mail, 60)).toEqual({ kind: "closed" });
  },
};

const sender = key("carol@remote.test");

function reply(now: number, more: Partial<ReplyRow> = {}): ReplyRow {
  const until = (now + 7 * 86_400_000) as ReplyRow["until"];
  return { recipient: key("alice@example.com"), sender, textHash: "hash-1", mailId: mail, until, ...more };
}

const replyCases: Cases<LedgerHarness> = {
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

const keyCases: Cases<LedgerHarness> = {
  "loopKey() has 32 octets and is the same for all workers": async ({ open }) => {
    const [one, two] = await Promise.all([open("one").loopKey(), open("two").loopKey()]);
    expect(one.length).toBe(32);
    expect(Buffer.compare(one, two)).toBe(0);
    expect(Buffer.compare(await open("three").loopKey(), one)).toBe(0);
  },
  "loopKey() is a secret and not a constant": async ({ open }) => {
    expect(new Set(await open("one").loopKey()).size).toBeGreaterThan(8);
  },
};
