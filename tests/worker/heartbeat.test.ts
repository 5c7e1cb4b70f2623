import { expect, test } from "bun:test";
import type { EpochMs, Lease, MailQueue, QueueEntry } from "@sesame/core";
import { Heartbeat } from "../../apps/worker/heartbeat.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const entryOf = (id: string): QueueEntry => ({ id, receiptHandle: id, receiveCount: 1, sentAt: 0 as EpochMs, body: "" });
const lease = { mailId: "b/k", owner: "me" } as unknown as Lease;

function beatOf(answers: { entry?: () => Promise<"kept" | "lost">; lease?: () => Promise<"kept" | "lost"> } = {}) {
  const timers = new FakeTimers();
  const calls: string[] = [];
  const errors: string[] = [];
  const queue = {
    extend: async (entry: QueueEntry, seconds: number) => {
      calls.push(`${entry.id} ${seconds}`);
      return answers.entry ? answers.entry() : "kept";
    },
  } as unknown as MailQueue;
  const ledger = {
    extend: async () => {
      calls.push("lease");
      return answers.lease ? answers.lease() : "kept";
    },
  } as never;
  const journal = { note: (event: { kind: string }) => void errors.push(event.kind) };
  return { timers, calls, errors, beat: new Heartbeat({ queue, ledger, journal, visibilitySeconds: 120, timers }) };
}

async function minutes(timers: FakeTimers, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    timers.advance(1000);
    await turn();
  }
}

test("Heartbeat extends entry and lease before a third of the visibility is over, and again", async () => {
  const { timers, calls, beat } = beatOf();
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  inWork.onLease(lease);
  await minutes(timers, 29);
  expect(calls).toEqual([]);
  await minutes(timers, 1);
  expect(calls).toEqual(["e1 120", "lease"]);
  await minutes(timers, 10);
  expect(calls.length).toBe(2);
  await minutes(timers, 40);
  expect(calls.length).toBe(4);
  await inWork.end();
  await minutes(timers, 200);
  expect([calls.length, timers.pending]).toEqual([4, 0]);
});

test("Heartbeat stops an entry whose receipt or lease belongs to another", async () => {
  for (const answers of [{ entry: async () => "lost" as const }, { lease: async () => "lost" as const }]) {
    const { timers, beat } = beatOf(answers);
    const inWork = beat.start(entryOf("e1"), { stopped: false });
    inWork.onLease(lease);
    const other = beat.start(entryOf("e2"), { stopped: false });
    await minutes(timers, 40);
    expect(inWork.stopped).toBe(true);
    await Promise.all([inWork.end(), other.end()]);
  }
});

test("Heartbeat tries again at the next check when the call fails, and notes it", async () => {
  let failing = true;
  const { timers, calls, errors, beat } = beatOf({
    entry: async () => {
      if (failing) throw new Error("reset");
      return "kept";
    },
  });
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  await minutes(timers, 35);
  failing = false;
  await minutes(timers, 10);
  expect([calls.length, inWork.stopped, errors[0]]).toEqual([2, false, "port-error"]);
  await inWork.end();
});

test("EntryInWork.end() waits for a running extension", async () => {
  let release: (answer: "kept") => void = () => {};
  const { timers, beat } = beatOf({
    entry: () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  });
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  timers.advance(40_000);
  let ended = false;
  const ending = inWork.end().then(() => {
    ended = true;
  });
  await turn();
  expect(ended).toBe(false);
  release("kept");
  await ending;
  expect(ended).toBe(true);
});

test("a stop of the worker stops every entry in work", () => {
  const { beat } = beatOf();
  const stop = { stopped: false };
  const inWork = beat.start(entryOf("e1"), stop);
  stop.stopped = true;
  expect(inWork.stopped).toBe(true);
  return inWork.end();
});

test("EntryInWork.end() waits for the extension of the entry even if that of the lease has failed", async () => {
  let release: (answer: "kept") => void = () => {};
  const { timers, beat, errors } = beatOf({
    entry: () =>
      new Promise((resolve) => {
        release = resolve;
      }),
    lease: async () => {
      throw new Error("throttled");
    },
  });
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  inWork.onLease(lease);
  timers.advance(40_000);
  await turn();
  let ended = false;
  const ending = inWork.end().then(() => {
    ended = true;
  });
  await turn();
  expect([ended, errors.length]).toEqual([false, 0]);
  release("kept");
  await ending;
  expect(errors).toEqual(["port-error"]);
});

test("Heartbeat notices a lost entry even if the extension of its lease fails", async () => {
  const { timers, beat } = beatOf({
    entry: async () => "lost",
    lease: async () => {
      throw new Error("throttled");
    },
  });
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  inWork.onLease(lease);
  await minutes(timers, 40);
  expect(inWork.stopped).toBe(true);
  await inWork.end();
});

test("Heartbeat extends the lease of the current mail, and not of a finished mail of the same entry", async () => {
  const { timers, calls, beat } = beatOf();
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  inWork.onLease(lease);
  inWork.onLease(lease);
  await minutes(timers, 40);
  expect(calls).toEqual(["e1 120", "lease"]);
  await inWork.end();
});

test("Heartbeat starts no second extension of an entry while the first is running", async () => {
  let release: (answer: "kept") => void = () => {};
  const { timers, calls, beat } = beatOf({
    entry: () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  });
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  await minutes(timers, 110);
  expect(calls).toEqual(["e1 120"]);
  release("kept");
  await minutes(timers, 10);
  expect(calls.length).toBe(2);
  const ending = inWork.end();
  release("kept");
  await ending;
});

test("Heartbeat extends an entry that starts after all others have ended", async () => {
  const { timers, calls, beat } = beatOf();
  const first = beat.start(entryOf("e1"), { stopped: false });
  await minutes(timers, 5);
  await first.end();
  expect([beat.size, timers.pending]).toEqual([0, 0]);
  const second = beat.start(entryOf("e2"), { stopped: false });
  await minutes(timers, 30);
  expect(calls).toEqual(["e2 120"]);
  await second.end();
});

test("Heartbeat tries again at the next check when only the lease could not be extended", async () => {
  const { timers, calls, beat } = beatOf({
    lease: async () => {
      throw new Error("throttled");
    },
  });
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  inWork.onLease(lease);
  await minutes(timers, 40);
  expect(calls).toEqual(["e1 120", "lease", "e1 120", "lease"]);
  await inWork.end();
});

test("Heartbeat checks twelve times within the visibility timeout, and extends when due", async () => {
  const { timers, calls, beat } = beatOf();
  const inWork = beat.start(entryOf("e1"), { stopped: false });
  while (calls.length === 0 && timers.now() < 60_000) {
    timers.advance(50);
    await turn();
  }
  expect(timers.now()).toBe(30_000);
  await inWork.end();
});

test("Heartbeat extends an entry when another one ends", async () => {
  const { timers, calls, beat } = beatOf();
  const [first, second] = [beat.start(entryOf("e1"), { stopped: false }), beat.start(entryOf("e2"), { stopped: false })];
  await minutes(timers, 5);
  await first.end();
  expect(beat.size).toBe(1);
  await minutes(timers, 25);
  expect(calls).toEqual(["e2 120"]);
  await second.end();
});
