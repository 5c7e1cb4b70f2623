// A mail that all its recipients block: when its object is erased, how long its entry rests, and what is kept.

import { expect, test } from "bun:test";
import { type Address, type EntryOutcome, handleEntry, type QueueEntry } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { nextEraseDelayMs } from "../../packages/core/journey/retry-delay.ts";
import { FaultInjector, faultAt } from "../fakes/faults.ts";
import { location, mailId, TestWay } from "./way.ts";

const [alice, carol] = ["alice@example.com" as Address, "carol@example.com" as Address];
const mail = "From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const ack: EntryOutcome = { kind: "ack" };
const rests = (minutes: number): EntryOutcome => ({ kind: "retry", afterSeconds: minutes * 60 });

/** The entries of alice, who blocks the mail, and of others. */
class Blocked extends TestWay {
  readonly #receives = new Map<Address, number>();

  constructor() {
    super(mail);
    this.directory.block(alice, ["*@remote.test"]);
  }

  announce(recipient: Address): Promise<EntryOutcome> {
    const head = new TextEncoder().encode(mail);
    const body = writeNotice({
      sesId: "k1",
      location,
      source: "bob@remote.test",
      recipients: [recipient],
      head,
      receivedAt: this.clock.now(),
    });
    const receiveCount = (this.#receives.get(recipient) ?? 0) + 1;
    this.#receives.set(recipient, receiveCount);
    const entry: QueueEntry = { id: recipient, receiptHandle: "r", receiveCount, sentAt: this.clock.now(), body };
    return handleEntry(entry, this.way());
  }

  get isKept(): boolean {
    return this.store.octetsOf(location) !== undefined;
  }

  kinds(): readonly string[] {
    return this.journal.events.map(({ kind }) => kind).filter((kind) => kind !== "stage");
  }
}

test("X21 a blind copy finds the mail that the recipient in To blocks", async () => {
  const way = new Blocked();
  expect(await way.announce(alice)).toEqual(rests(15));
  way.clock.advance(600);
  expect(await way.announce(carol)).toEqual(ack);
  expect(way.courier.mailsFor(carol).length).toBe(1);
  way.clock.advance(600);
  expect(await way.announce(alice)).toEqual(ack);
  expect(way.isKept).toBe(true);
  expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered", blocked_sender: "bob@remote.test" });
});

test("X21 a blind copy whose delivery waits keeps the mail, and one who blocks it too lets it go", async () => {
  const way = new Blocked();
  way.directory.block(carol, ["*@remote.test"]);
  await way.announce(alice);
  way.clock.advance(600);
  expect(await way.announce(carol)).toEqual(rests(15));
  way.clock.advance(300);
  expect(await way.announce(alice)).toEqual(rests(10)); // counted from the last closing
  way.clock.advance(600);
  expect([await way.announce(carol), way.isKept]).toEqual([ack, false]);
  expect(await way.announce(alice)).toEqual(ack);
});

test("X21 the entry rests longer each time while the queues are not quiet, 12 hours at most, and the mail is then kept and counted", async () => {
  const way = new Blocked();
  way.quietAt = way.clock.now();
  const minutes: number[] = [];
  for (let visit = 0; visit < 20; visit++) {
    const outcome = await way.announce(alice);
    if (outcome.kind !== "retry") break;
    minutes.push(outcome.afterSeconds / 60);
    way.clock.advance(outcome.afterSeconds);
  }
  expect(minutes).toEqual([15, 30, 60, 120, 240, 240, 15]);
  expect(way.isKept).toBe(true);
  expect(way.journal.events.at(-1)).toEqual({ kind: "blocked-kept", mailId, reason: "queues-never-quiet" });
});

test("X21 a queue that was empty before the lease of another notice could end proves nothing", async () => {
  const way = new Blocked();
  const closedAt = way.clock.now();
  await way.announce(alice);
  for (const [seconds, erases] of [
    [119, false],
    [120, true],
  ] as const) {
    way.quietAt = closedAt + seconds * 1000;
    way.clock.advance(3600);
    expect((await way.announce(alice)).kind).toBe(erases ? "ack" : "retry");
    expect(way.isKept).toBe(!erases);
  }
});

test("X21 no more entries rest than a queue can hide: the mail is kept and counted", async () => {
  const way = new Blocked();
  way.admits = false;
  expect(await way.announce(alice)).toEqual(ack);
  expect([way.isKept, way.journal.events.at(-1)]).toEqual([true, { kind: "blocked-kept", mailId, reason: "too-many-wait" }]);
  expect(way.store.attributesOf(location)).toMatchObject({ status: "blocked" });
});

test("X21 a second visit counts neither as redelivered nor as a duplicate, and has no closing line", async () => {
  const way = new Blocked();
  await way.announce(alice);
  const before = way.kinds().length;
  way.clock.advance(900);
  await way.announce(alice);
  expect(way.kinds().slice(before)).toEqual(["erased"]);
  await way.announce(alice);
  expect(way.kinds().at(-1)).toBe("already-closed"); // this one is delivered again
});

test("X21 an entry that comes back early rests on, and its missing mark is written", async () => {
  const way = new Blocked();
  way.faults = new FaultInjector([faultAt("MailStore.mark#1", { kind: "die-before" })]);
  await way.announce(alice);
  way.faults.revive();
  way.clock.advance(120);
  expect(await way.announce(alice)).toEqual(rests(13));
  expect(way.store.attributesOf(location)).toMatchObject({ status: "blocked" });
});

test("X21 BLOCKED_MAIL=keep, set meanwhile, keeps the mail", async () => {
  const way = new Blocked();
  await way.announce(alice);
  way.clock.advance(900);
  const entry: QueueEntry = { id: "e", receiptHandle: "r", receiveCount: 2, sentAt: way.clock.now(), body: bodyFor(alice, way) };
  expect(await handleEntry(entry, { ...way.way(), blockedMail: "keep" })).toEqual(ack);
  expect(way.isKept).toBe(true);
});

test("X21 a mail that cannot be read on its second visit rests on", async () => {
  const way = new Blocked();
  await way.announce(alice);
  way.clock.advance(900);
  way.faults = new FaultInjector([faultAt("MailStore.open#1", { kind: "throw-before" })]);
  expect(await way.announce(alice)).toEqual(rests(30));
  expect(way.isKept).toBe(true);
});

function bodyFor(recipient: Address, way: TestWay): string {
  const head = new TextEncoder().encode(mail);
  return writeNotice({ sesId: "k1", location, source: "bob@remote.test", recipients: [recipient], head, receivedAt: way.clock.now() });
}

const delays: readonly (readonly [sinceMinutes: number, delayMinutes: number | null])[] = [
  [-1, 15],
  [0, 15],
  [15, 30],
  [45, 60],
  [105, 120],
  [225, 240],
  [465, 240],
  [705, 15],
  [719, 1],
  [719.5, null],
  [720, null],
  [10_000, null],
];
for (const [since, delay] of delays) {
  test(`nextEraseDelayMs() is ${delay} minutes ${since} minutes after the closing`, () => {
    expect(nextEraseDelayMs(since * 60_000)).toBe(delay === null ? null : delay * 60_000);
  });
}
