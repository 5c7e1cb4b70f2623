// Contract of Ledger: one holder at a time, crashes counted at takeover, late holders fenced off, finals that stand. The
// half that remembers replies is in reply-memory.ts, and what people read is in ledger-book.ts.

import { expect } from "bun:test";
import type { AddressKey, Claim, EffectKey, EpochMs, Final, Lease, Ledger, MailId } from "@sesame/core";
import type { LedgerHarness } from "./ledger-harness.ts";
import { replyCases } from "./reply-memory.ts";
import { delivered, deliverKey, failed, key, mailId, relayed } from "./samples.ts";
import { type Cases, runSuite, type SuiteOptions } from "./suite.ts";

/** Declares the contract's tests for one implementation. The tables must be empty at first. */
export function ledgerContract(name: string, makeHarness: () => Promise<LedgerHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as Ledger`, makeHarness, { ...leaseCases, ...recordCases, ...noticeCases, ...replyCases, ...keyCases }, options);
}

const mail: MailId = mailId("example-com-emails/0vfh5u3pmcbm3l93");
const [toAlice, toBob] = [deliverKey("alice@example.com"), deliverKey("bob@example.com")];

const [alice, carol, dave] = [key("alice@example.com"), key("carol@example.com"), key("dave@example.com")];

async function hold(ledger: Ledger, seconds: number = 60, recipients: readonly AddressKey[] = []): Promise<Lease> {
  return leaseOf(await ledger.claim(mail, seconds, recipients));
}

function leaseOf(claim: Claim): Lease {
  if (claim.kind !== "held") throw new Error(`The claim is ${claim.kind}`);
  return claim.lease;
}

function closedWith(all: ReadonlyMap<EffectKey, Final>, eraseAfter: EpochMs | null = null): Claim {
  return { kind: "closed", nonce: expect.stringMatching(/./), finals: all, eraseAfter };
}

function finals(...rows: readonly (readonly [EffectKey, Final])[]): ReadonlyMap<EffectKey, Final> {
  return new Map(rows);
}

const leaseCases: Cases<LedgerHarness> = {
  "claim() holds a mail that nobody holds": async ({ open, now }) => {
    const before = now();
    const lease = await hold(open("one"));
    expect(lease).toMatchObject({ mailId: mail, owner: "one", crashes: 0, takenOver: false });
    expect(lease.finals.size).toBe(0);
    const about = 2000; // AWS says whole seconds
    expect(lease.until).toBeGreaterThan(before + 60_000 - about);
    expect(lease.until).toBeLessThan(now() + 60_000 + about);
  },
  "claim() says busy when another owner holds the mail": async ({ open }) => {
    const lease = await hold(open("one"));
    const claim = await open("two").claim(mail, 60, []);
    expect(claim).toEqual({ kind: "busy", until: lease.until });
  },
  "claim() lets one of two owners have the mail when they contend": async ({ open }) => {
    const claims = await Promise.all([open("one").claim(mail, 60, []), open("two").claim(mail, 60, [])]);
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["busy", "held"]);
  },
  "claim() holds another mail meanwhile": async ({ open }) => {
    await hold(open("one"));
    expect((await open("two").claim(mailId("example-com-emails/other"), 60, [])).kind).toBe("held");
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
    const claims = await Promise.all([open("two").claim(mail, 60, []), open("three").claim(mail, 60, [])]);
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
  "claim() counts no crash when the same owner claims after its lease ran out: it lives": async ({ open, advance }) => {
    const one = open("one");
    await one.record(await hold(one), finals([toAlice, delivered]), "hold");
    await advance(61);
    const again = await hold(one);
    expect(again).toMatchObject({ crashes: 0, takenOver: false });
    expect([...again.finals]).toEqual([[toAlice, delivered]]);
    expect((await open("two").claim(mail, 60, [])).kind).toBe("busy");
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
    expect((await two.claim(mail, 60, [])).kind).toBe("busy");
    await advance(11);
    expect((await two.claim(mail, 60, [])).kind).toBe("held");
  },
  "extend() keeps a lease that ran out while nobody took it over": async ({ open, advance }) => {
    const one = open("one");
    const lease = await hold(one);
    await advance(61);
    expect(await one.extend(lease, 60)).toBe("kept");
    expect((await open("two").claim(mail, 60, [])).kind).toBe("busy");
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
    expect((await open("two").claim(mail, 60, [])).kind).toBe("busy");
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
    expect(await one.record(await hold(one), finals([toAlice, delivered]), "close")).toBe("closed");
    expect(await one.claim(mail, 60, [])).toEqual(closedWith(finals([toAlice, delivered])));
    await advance(3600);
    expect(await open("two").claim(mail, 60, [])).toEqual(closedWith(finals([toAlice, delivered])));
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
    const [blocked, standIn]: Final[] = [
      { action: "skipped", reason: "blocked", detail: "eve@remote.test" },
      { action: "relayed", detail: "0101", standIn: true },
    ];
    const rows = finals(
      [toAlice, odd],
      [toBob, failed],
      ["reply alice@example.com" as EffectKey, skipped],
      [deliverKey("carol@example.com"), blocked as Final],
      ["forward alice@example.com x@other.test" as EffectKey, standIn as Final],
      ["forward alice@example.com y@other.test" as EffectKey, relayed],
      ["d of a later version" as EffectKey, delivered],
      ["=" as EffectKey, delivered],
    );
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
    expect(await one.record(lease, finals([toAlice, delivered]), "close")).toBe("closed");
    expect(await open("two").claim(mail, 60, [])).toEqual(closedWith(finals([toAlice, delivered])));
  },
  "record() is fenced and writes nothing when another owner took over": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    const stale = await hold(one);
    await advance(61);
    const lease = await hold(two);
    for (const then of ["hold", "release", "close"] as const) {
      expect(await one.record(stale, finals([toAlice, delivered]), then)).toBe("fenced");
    }
    expect(await two.record(lease, finals([toBob, failed]), "hold")).toBe("recorded");
    expect([...(await hold(two)).finals.keys()]).toEqual([toBob]);
  },
  "record() is fenced when another owner took over and closed": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    const stale = await hold(one);
    await advance(61);
    await two.record(await hold(two), finals([toAlice, delivered]), "close");
    expect(await one.record(stale, finals([toAlice, failed]), "release")).toBe("fenced");
    expect(await one.claim(mail, 60, [])).toEqual(closedWith(finals([toAlice, delivered])));
  },
};

const former: MailId = mailId(`${mail}#0123456789ab`);

const noticeCases: Cases<LedgerHarness> = {
  "X23 a write of an earlier claim that arrives late is fenced, also when the same owner claimed again": async ({ open, advance }) => {
    const one = open("one");
    const earlier = await hold(one);
    for (const seconds of [0, 61]) {
      await advance(seconds);
      const later = await hold(one);
      expect(later.nonce).not.toBe(earlier.nonce);
      for (const then of ["hold", "release", "close"] as const) {
        expect(await one.record(earlier, finals([toAlice, failed]), then)).toBe("fenced");
      }
      expect(await one.extend(earlier, 60)).toBe("lost");
      expect((await open("two").claim(mail, 60, [])).kind).toBe("busy");
      expect(await one.extend(later, 60)).toBe("kept");
    }
    expect((await hold(one)).finals.size).toBe(0);
  },
  "X23 a release that arrives late leaves a mail closed that the same owner closed since": async ({ open }) => {
    const one = open("one");
    const earlier = await hold(one);
    expect(await one.record(await hold(one), finals([toAlice, delivered]), "close")).toBe("closed");
    expect(await one.record(earlier, finals(), "release")).toBe("fenced");
    expect((await one.claim(mail, 60, [])).kind).toBe("closed");
  },
  "X20 record() closes a mail only when the recipients of all its notices are done": async ({ open }) => {
    const one = open("one");
    const first = await hold(one, 60, [alice]);
    expect([first.recipients, first.othersWait]).toEqual([[alice], false]);
    await one.record(first, finals(), "release");
    const second = await hold(one, 60, [carol, dave]);
    expect([second.recipients, second.othersWait]).toEqual([[carol, dave], true]);
    expect(await one.record(second, finals([deliverKey("carol@example.com"), delivered]), "close")).toBe("recorded");
    const again = await hold(open("two"), 60, [alice]);
    expect(again.othersWait).toBe(false);
    expect(again.takenOver).toBe(false);
    expect(await open("two").record(again, finals([toAlice, delivered]), "close")).toBe("closed");
    expect(await one.claim(mail, 60, [carol])).toMatchObject({ kind: "closed" });
  },
  "X20 record() ends the wait of a recipient whom two notices name": async ({ open }) => {
    const one = open("one");
    await one.record(await hold(one, 60, [alice, carol]), finals(), "release");
    expect(await one.record(await hold(one, 60, [carol]), finals(), "close")).toBe("recorded");
    expect(await one.record(await hold(one, 60, [alice]), finals(), "close")).toBe("closed");
  },
  "X20 a lease that ran out leaves its recipients waiting": async ({ open, advance }) => {
    await hold(open("one"), 60, [alice]);
    await advance(61);
    const two = open("two");
    const lease = await hold(two, 60, [carol]);
    expect([lease.takenOver, lease.othersWait]).toEqual([true, true]);
    expect(await two.record(lease, finals(), "close")).toBe("recorded");
  },
  "X22 reopen() waits some seconds after the closing, in which its audit mark is written": async ({ open, now, advance }) => {
    const one = open("one");
    await one.record(await hold(one, 60, [alice]), finals([toAlice, delivered]), "close");
    const answer = await one.reopen(mail, 60, [carol], former);
    if (answer.kind !== "busy") throw new Error(answer.kind);
    expect(Math.abs(answer.until - now() - 10_000)).toBeLessThan(2000);
    expect((await one.claim(mail, 60, [alice])).kind).toBe("closed");
    await advance(11);
    expect((await one.reopen(mail, 60, [carol], former)).kind).toBe("held");
  },
  "X22 keepClosed() keeps a closed mail from being opened for some seconds, unless it was opened since": async ({ open, advance }) => {
    const one = open("one");
    expect(await one.keepClosed(mail, { nonce: null })).toBe("lost"); // there is none
    const lease = await hold(one, 60, [alice]);
    expect(await one.keepClosed(mail, lease)).toBe("lost"); // it is open
    await one.record(lease, finals([toAlice, delivered]), "close");
    const closed = await open("two").claim(mail, 60, [alice]);
    if (closed.kind !== "closed") throw new Error(closed.kind);
    await advance(30);
    expect(await open("two").keepClosed(mail, closed)).toBe("kept");
    expect((await one.reopen(mail, 60, [carol], former)).kind).toBe("busy");
    await advance(11);
    const opened = leaseOf(await one.reopen(mail, 60, [carol], former));
    expect(await open("two").keepClosed(mail, closed)).toBe("lost");
    await one.record(opened, finals(), "close");
    expect(await open("two").keepClosed(mail, closed)).toBe("lost");
  },
  "X20 reopen() holds a closed mail for others, who wait from then on": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    await one.record(await hold(one, 60, [alice]), finals([toAlice, delivered]), "close");
    await advance(11);
    const lease = leaseOf(await two.reopen(mail, 60, [carol], former));
    expect(lease).toMatchObject({ owner: "two", takenOver: false, recipients: [carol], othersWait: false, crashes: 0 });
    expect([...lease.finals]).toEqual([[toAlice, delivered]]);
    expect((await one.claim(mail, 60, [alice])).kind).toBe("busy");
    await two.record(lease, finals(), "release");
    expect(await one.record(await hold(one, 60, [alice]), finals(), "close")).toBe("recorded");
    const carols = finals([deliverKey("carol@example.com"), delivered]);
    expect(await two.record(await hold(two, 60, [carol]), carols, "close")).toBe("closed");
    expect(await one.claim(mail, 60, [alice])).toEqual(closedWith(finals([toAlice, delivered], ...carols)));
  },
  "X20 reopen() lets one of two owners have the mail when they contend": async ({ open, advance }) => {
    const one = open("one");
    await one.record(await hold(one, 60, [alice]), finals([toAlice, delivered]), "close");
    await advance(11);
    const claims = await Promise.all([one.reopen(mail, 60, [carol], former), open("two").reopen(mail, 60, [dave], former)]);
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["busy", "held"]);
  },
  "reopen() is a claim when the mail is open": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    await hold(one, 60, [alice]);
    expect((await two.reopen(mail, 60, [carol], former)).kind).toBe("busy");
    await advance(61);
    expect(leaseOf(await two.reopen(mail, 60, [carol], former))).toMatchObject({ crashes: 1, takenOver: true, othersWait: true });
  },
  "reopen() takes over the finals that an earlier version kept under another id, for good": async ({ open, advance }) => {
    const one = open("one");
    const toCarol = deliverKey("carol@example.com");
    await one.record(await hold(one), finals([toAlice, delivered]), "close");
    await one.record(leaseOf(await one.claim(former, 60, [])), finals([toCarol, delivered]), "release");
    await advance(11);
    const lease = leaseOf(await one.reopen(mail, 60, [carol, dave], former));
    expect(lease.takenOver).toBe(false);
    expect([...lease.finals.keys()].sort()).toEqual([toAlice, toCarol]);
    await one.record(lease, finals(), "release");
    expect([...(await hold(open("two"))).finals.keys()].sort()).toEqual([toAlice, toCarol]);
  },
  "reopen() waits for a lease under the other id, and tells of it when it ran out": async ({ open, advance }) => {
    const [one, two] = [open("one"), open("two")];
    await one.record(await hold(one), finals([toAlice, delivered]), "close");
    const { until } = leaseOf(await one.claim(former, 60, []));
    expect(await two.reopen(mail, 60, [carol], former)).toEqual({ kind: "busy", until });
    await advance(61);
    expect(leaseOf(await two.reopen(mail, 60, [carol], former))).toMatchObject({ takenOver: true });
  },
  "X21 record() keeps with a closed mail when it may be erased, until it is opened again": async ({ open, now, advance }) => {
    const one = open("one");
    const eraseAfter = (now() + 900_000) as EpochMs;
    const blocked: Final = { action: "skipped", reason: "blocked", detail: "bob@remote.test" };
    expect(await one.record(await hold(one, 60, [alice]), finals([toAlice, blocked]), "close", eraseAfter)).toBe("closed");
    expect(await one.claim(mail, 60, [alice])).toEqual(closedWith(finals([toAlice, blocked]), eraseAfter));
    await advance(11);
    const lease = leaseOf(await one.reopen(mail, 60, [carol], former));
    await one.record(lease, finals([deliverKey("carol@example.com"), delivered]), "close");
    expect(await one.claim(mail, 60, [alice])).toMatchObject({ kind: "closed", eraseAfter: null });
  },
  "X21 record() keeps no such time with a mail for which others wait": async ({ open, now }) => {
    const one = open("one");
    await one.record(await hold(one, 60, [carol]), finals(), "release");
    const eraseAfter = (now() + 900_000) as EpochMs;
    expect(await one.record(await hold(one, 60, [alice]), finals(), "close", eraseAfter)).toBe("recorded");
    expect(await one.record(await hold(one, 60, [carol]), finals(), "close")).toBe("closed");
    expect(await one.claim(mail, 60, [])).toMatchObject({ kind: "closed", eraseAfter: null });
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
