// Contract of Ledger: one holder at a time, crashes counted at takeover, late holders fenced off, finals that stand. The
// half that remembers replies is in reply-memory.ts.

import { expect } from "bun:test";
import type { EffectKey, Final, Lease, Ledger, MailId } from "@sesame/core";
import type { LedgerHarness } from "./ledger-harness.ts";
import { replyCases } from "./reply-memory.ts";
import { delivered, deliverKey, failed, mailId, relayed } from "./samples.ts";
import { type Cases, runSuite, type SuiteOptions } from "./suite.ts";

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
  "claim() counts no crash when the same owner claims after its lease ran out: it lives": async ({ open, advance }) => {
    const one = open("one");
    await one.record(await hold(one), finals([toAlice, delivered]), "hold");
    await advance(61);
    const again = await hold(one);
    expect(again).toMatchObject({ crashes: 0, takenOver: false });
    expect([...again.finals]).toEqual([[toAlice, delivered]]);
    expect((await open("two").claim(mail, 60)).kind).toBe("busy");
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
    expect(await one.claim(mail, 60)).toEqual({ kind: "closed", finals: finals([toAlice, delivered]) });
    await advance(3600);
    expect(await open("two").claim(mail, 60)).toEqual({ kind: "closed", finals: finals([toAlice, delivered]) });
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
    expect(await open("two").claim(mail, 60)).toEqual({ kind: "closed", finals: finals([toAlice, delivered]) });
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
    expect(await one.claim(mail, 60)).toEqual({ kind: "closed", finals: finals([toAlice, delivered]) });
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
