// Contract of LedgerBook: it finds what the claims of a ledger wrote, and tells what was recorded, in the order and with the time of
// each record.

import { expect } from "bun:test";
import type { Claim, EffectKey, Final, Lease, MailId } from "@sesame/core";
import { type LedgerBook, type LedgerQuestion, messageHash, recipientHash, traceHashes } from "@sesame/core/journey";
import type { LedgerHarness } from "./ledger-harness.ts";
import { delivered, deliverKey, failed, key, mailId } from "./samples.ts";
import { type Cases, runSuite, type SuiteOptions } from "./suite.ts";

export type LedgerBookHarness = LedgerHarness & Readonly<{ book(): LedgerBook }>;

/** Declares the contract's tests for one implementation, on the tables of a ledger that are empty at first. */
export function ledgerBookContract(name: string, makeHarness: () => Promise<LedgerBookHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as LedgerBook`, makeHarness, bookCases, options);
}

const [first, second]: readonly MailId[] = [mailId("example-com-emails/first"), mailId("example-com-emails/second")] as const;
const [alice, tagged, carol] = [key("alice@example.com"), key("alice+shop@example.com"), key("carol@example.com")];
const limits = { most: 10, pages: 10 };

function leaseOf(claim: Claim): Lease {
  if (claim.kind !== "held") throw new Error(`The claim is ${claim.kind}`);
  return claim.lease;
}

const ends = (...rows: readonly (readonly [EffectKey, Final])[]): ReadonlyMap<EffectKey, Final> => new Map(rows);

async function found({ book }: LedgerBookHarness, question: LedgerQuestion): Promise<readonly MailId[]> {
  return (await book().search(question, limits)).mails;
}

const bookCases: Cases<LedgerBookHarness> = {
  "search() finds a mail by its Message-ID, and by the mailbox of its first recipient": async (harness) => {
    const ledger = harness.open("one");
    const secret = await ledger.loopKey();
    await ledger.claim(first, 60, [tagged, carol], traceHashes(secret, "<one@remote.test>", [tagged, carol]));
    await ledger.claim(second, 60, [carol], traceHashes(secret, null, [carol]));
    const mailbox = recipientHash(secret, alice);
    expect(await found(harness, { kind: "message", hash: messageHash(secret, "<one@remote.test>") })).toEqual([first]);
    expect(await found(harness, { kind: "message", hash: messageHash(secret, "<other@remote.test>") })).toEqual([]);
    expect(await found(harness, { kind: "recipient", hash: mailbox, mailbox })).toEqual([first]);
    expect(await found(harness, { kind: "recipient", hash: recipientHash(secret, tagged), mailbox })).toEqual([first]);
    expect(await found(harness, { kind: "recipient", hash: recipientHash(secret, key("alice+news@example.com")), mailbox })).toEqual([]);
    expect(await harness.book().key()).toEqual(secret);
  },
  "search() gives the newest mails first, and says when there are more": async (harness) => {
    const ledger = harness.open("one");
    const secret = await ledger.loopKey();
    for (const mail of [first, second]) {
      await ledger.claim(mail, 60, [alice], traceHashes(secret, null, [alice]));
      await harness.advance(10);
    }
    const mailbox = recipientHash(secret, alice);
    const question = { kind: "recipient", hash: mailbox, mailbox } as const;
    expect(await found(harness, question)).toEqual([second, first]);
    const one = await harness.book().search(question, { ...limits, most: 1 });
    expect(one).toMatchObject({ mails: [second], complete: false });
  },
  "search() finds a mail still that another claim named without its hashes, or with those of others": async (harness) => {
    const ledger = harness.open("one");
    const secret = await ledger.loopKey();
    await ledger.record(leaseOf(await ledger.claim(first, 60, [alice], traceHashes(secret, "<a@b>", [alice]))), ends(), "close");
    await harness.advance(11);
    const again = leaseOf(await ledger.reopen(first, 60, [carol], mailId(`${first}#x`), traceHashes(secret, "<a@b>", [carol])));
    await ledger.record(again, ends(), "release");
    await ledger.claim(first, 60, [carol]);
    const mailbox = recipientHash(secret, alice);
    expect(await found(harness, { kind: "recipient", hash: mailbox, mailbox })).toEqual([first]);
    expect(await found(harness, { kind: "message", hash: messageHash(secret, "<a@b>") })).toEqual([first]);
  },
  "read() tells the ends in their order, when they were recorded, and who waits": async (harness) => {
    const { open, book, now, advance } = harness;
    const ledger = open("one");
    const secret = await ledger.loopKey();
    expect(await book().read(first)).toBeNull();
    const began = now();
    const lease = leaseOf(await ledger.claim(first, 60, [alice, carol], traceHashes(secret, null, [alice, carol])));
    expect(await book().read(first)).toMatchObject({ state: "held", until: lease.until, waiting: 2, ends: [] });
    await ledger.record(lease, ends([deliverKey("alice@example.com"), delivered]), "release");
    expect(await book().read(first)).toMatchObject({ state: "open", until: null, waiting: 2 });
    await advance(60);
    const again = leaseOf(await ledger.claim(first, 60, [alice, carol], traceHashes(secret, null, [alice, carol])));
    await ledger.record(again, ends([deliverKey("carol@example.com"), failed]), "close");
    const entry = await book().read(first);
    expect(entry).toMatchObject({ mailId: first, state: "closed", waiting: 0, crashes: 0 });
    expect(entry?.ends.map(({ key, final }) => [key, final])).toEqual([
      [deliverKey("alice@example.com"), delivered],
      [deliverKey("carol@example.com"), failed],
    ]);
    const about = (at: number | null | undefined) => Math.round(((at ?? 0) - began) / 30_000) * 30;
    expect([about(entry?.since), ...(entry?.ends.map(({ at }) => about(at)) ?? [])]).toEqual([0, 0, 60]);
  },
  "read() tells of a mail that a claim without hashes made, as earlier versions did": async ({ open, book }) => {
    const ledger = open("one");
    await ledger.record(leaseOf(await ledger.claim(first, 60, [alice])), ends([deliverKey("alice@example.com"), delivered]), "close");
    expect(await book().read(first)).toMatchObject({ state: "closed", since: null, ends: [{ final: delivered }] });
  },
  "takeBack() takes failed deliveries of a closed mail back, and nothing else": async ({ open, book, advance }) => {
    const ledger = open("one");
    const [toAlice, toCarol, toDave] = ["alice", "carol", "dave"].map((name) => deliverKey(`${name}@example.com`)) as [
      EffectKey,
      EffectKey,
      EffectKey,
    ];
    const lease = leaseOf(await ledger.claim(first, 60, [alice, carol]));
    await ledger.record(lease, ends([toAlice, delivered], [toCarol, failed], [toDave, failed]), "hold");
    expect(await book().takeBack(first, [toCarol])).toBe("changed"); // it is open
    await ledger.record(lease, ends(), "close");
    expect(await book().takeBack(first, [toAlice, toCarol])).toBe("taken-back");
    expect(await book().takeBack(first, [toAlice, toCarol])).toBe("changed");
    const entry = await book().read(first);
    expect(entry?.ends.map(({ key, final }) => [key, final])).toEqual([
      [toAlice, delivered],
      [toDave, failed],
    ]);
    expect(entry?.ends.every(({ at }) => at !== null)).toBe(true);
    await advance(11);
    const again = leaseOf(await ledger.reopen(first, 60, [carol], mailId(`${first}#x`)));
    await ledger.record(again, ends([toCarol, delivered]), "close");
    expect((await book().read(first))?.ends.map(({ key }) => key).sort()).toEqual([toAlice, toCarol, toDave].sort());
  },
  "states() tells of those mails that are remembered": async ({ open, book, advance }) => {
    const ledger = open("one");
    await ledger.claim(first, 60, [alice]);
    expect(await book().states([first, second])).toEqual(new Map([[first, "held"]]));
    await advance(61);
    await ledger.record(leaseOf(await ledger.claim(second, 60, [alice])), ends(), "close");
    expect(await book().states([second, first])).toEqual(
      new Map([
        [first, "open"],
        [second, "closed"],
      ]),
    );
    expect(await book().states([])).toEqual(new Map());
  },
};
