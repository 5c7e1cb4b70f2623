// The memory of the page: what it counts, how little it keeps, and what an event costs.

import { expect, test } from "bun:test";
import type { JournalEvent } from "@sesame/core";
import { endedAt, type MailRecord, mostOctets, octetsOf } from "../../apps/worker/page/mail-record.ts";
import { mailsKept, mostDomains, otherDomains, PageMemory } from "../../apps/worker/page/memory.ts";
import { Minutes, minutesKept, sumOf, total } from "../../apps/worker/page/minutes.ts";
import { quantile, samplesKept, TimeSamples } from "../../apps/worker/page/time-samples.ts";
import { busyTime } from "../busy-time.ts";
import { again, closed, delivered, effectEvent, full, type MailCase, mailEvent, relayed, start, unknown } from "./events.ts";

const minuteMs = 60_000;

function memoryAt(): { memory: PageMemory; at(now: number): void } {
  let now = start;
  const memory = new PageMemory({ now: () => now });
  return {
    memory,
    at: (then) => {
      now = then;
    },
  };
}

async function recordOf(...cases: readonly MailCase[]): Promise<MailRecord> {
  const { memory, at } = memoryAt();
  for (const [index, one] of cases.entries()) {
    at(start + index * minuteMs);
    memory.note("example.com", await mailEvent(one));
  }
  const [record] = memory.mails;
  if (record === undefined) throw new Error("no mail is kept");
  return record;
}

test("Minutes keeps 60 minutes, and forgets a minute when its place is needed", () => {
  const minutes = new Minutes();
  for (let i = 0; i < 200; i++) minutes.add(start + i * minuteMs, "delivered", i);
  const list = minutes.list(start + 199 * minuteMs);
  expect(list.length).toBe(minutesKept);
  expect(list.map(({ delivered }) => delivered)).toEqual(Array.from({ length: minutesKept }, (_, i) => 140 + i));
  expect(total(minutes.list(start + 230 * minuteMs), "delivered")).toBe(
    Array.from({ length: 29 }, (_, i) => 171 + i).reduce((a, b) => a + b),
  );
  expect(total(minutes.list(start + 300 * minuteMs), "delivered")).toBe(0);
});

test("Minutes keeps the longest wait of a minute; sumOf() adds domains and takes the longest of all", () => {
  const [one, two] = [new Minutes(), new Minutes()];
  one.waited(start, 3);
  one.waited(start, 1);
  two.waited(start, 7);
  one.add(start, "blocked");
  two.add(start, "blocked", 2);
  const last = sumOf([one.list(start), two.list(start)], start).at(-1);
  expect([last?.blocked, last?.waitSeconds, last?.at]).toEqual([3, 7, Math.floor(start / minuteMs) * minuteMs]);
});

test("TimeSamples keeps 2,000 times in order", () => {
  const samples = new TimeSamples();
  for (let i = 0; i < samplesKept + 500; i++) samples.add(start + i, i);
  const kept = samples.after(0);
  expect([kept.length, kept[0]?.seconds, kept.at(-1)?.seconds]).toEqual([samplesKept, 500, samplesKept + 499]);
  expect(samples.after(start + samplesKept + 490).length).toBe(10);
  expect([quantile(kept, 0.5), quantile(kept, 0.95), quantile([], 0.5)]).toEqual([1500, 2400, null]);
});

const outcomes: readonly (readonly [MailCase, MailRecord["outcome"], string])[] = [
  [{}, "delivered", "delivered"],
  [{ settlement: closed("partial") }, "partial", "delivered"],
  [{ settlement: closed("blocked"), blocked: { "alice@example.com": ["*@remote.test"] } }, "blocked", "blocked"],
  [{ settlement: again, verdictOf: () => full }, "retry", "again"],
  [{ settlement: closed("all_invalid"), verdictOf: () => unknown }, "all_invalid", "failed"],
  [{ settlement: closed("rejected"), verdictOf: () => unknown }, "rejected", "failed"],
  [{ event: { plan: { kind: "discard", reason: "spam-verdict", bounce: "not-a-bounce" } } }, "discard", "blocked"],
];
for (const [one, outcome, counted] of outcomes) {
  test(`PageMemory counts a mail that ends as ${outcome} as ${counted}`, async () => {
    const { memory } = memoryAt();
    memory.note("example.com", await mailEvent(one));
    expect(memory.mails[0]?.outcome).toBe(outcome);
    const last = memory.minutesOf("example.com").list(start).at(-1);
    const counts = ["delivered", "blocked", "again", "failed"].map((name) => Number(last?.[name as "delivered"]));
    expect(counts).toEqual(["delivered", "blocked", "again", "failed"].map((name) => (name === counted ? 1 : 0)));
  });
}

test("PageMemory knows how long a mail waited before it was taken, from its first receive only", async () => {
  const { memory } = memoryAt();
  const received = { receivedAt: start - 5000, seconds: 1 } as Partial<MailEventOf>;
  memory.note("example.com", await mailEvent({ event: received }));
  memory.note(
    "example.com",
    await mailEvent({ event: { ...received, receivedAt: start - 90_000, receiveCount: 2 } as Partial<MailEventOf> }),
  );
  const last = memory.minutesOf("example.com").list(start).at(-1);
  expect([last?.waitSeconds, last?.taken]).toEqual([4, 1]);
  expect(memory.samples.after(0).map(({ seconds }) => seconds)).toEqual([5, 90]);
});
type MailEventOf = Extract<JournalEvent, { readonly kind: "mail" }>;

test("PageMemory counts forwards and replies that left, and no stand-in", () => {
  const { memory } = memoryAt();
  memory.note("example.com", effectEvent(relayed, "forward"));
  memory.note("example.com", { ...effectEvent(relayed, "forward"), standIn: "too-large" } as JournalEvent);
  memory.note("example.com", effectEvent(relayed, "reply"));
  memory.note("example.com", effectEvent(full, "reply"));
  const last = memory.minutesOf("example.com").list(start).at(-1);
  expect([last?.forwarded, last?.replies]).toEqual([1, 1]);
});

test("PageMemory counts domains past the fiftieth together", async () => {
  const { memory } = memoryAt();
  const event = await mailEvent({});
  for (let i = 0; i < 80; i++) memory.note(`d${i}.test`, event);
  expect(memory.labels.length).toBe(mostDomains + 1);
  expect(total(memory.minutesOf(otherDomains).list(start), "delivered")).toBe(30);
});

test("PageMemory keeps the last 500 mails; a mail that is tried again is the latest", async () => {
  const { memory } = memoryAt();
  const event = await mailEvent({});
  const put = (id: number) => memory.note("example.com", { ...event, mailId: `mails/${id}` as typeof event.mailId });
  for (let i = 0; i < mailsKept; i++) put(i);
  put(0);
  put(mailsKept);
  expect(memory.mails.length).toBe(mailsKept);
  expect(memory.mails.slice(0, 2).map(({ id }) => id)).toEqual([`mails/${mailsKept}`, "mails/0"]);
  expect(memory.mail("mails/1")).toBeNull();
});

test("a mail record tells both tries, what made the first one wait, and leaves what was done where it was", async () => {
  const to = ["alice@example.com", "dave@example.com"];
  const first: MailCase = { to, settlement: again, verdictOf: (key) => (key.includes("dave") ? full : delivered) };
  const record = await recordOf(first, { to, event: { receiveCount: 2 } });
  expect(record.tries.map(({ again, receiveCount }) => [again?.reason ?? "done", receiveCount])).toEqual([
    ["try-later", 1],
    ["done", 2],
  ]);
  const acts = record.recipients.map((each) => (each.kind === "serve" ? each.acts[0] : undefined));
  expect(acts.map((act) => [act?.action, act?.at, act?.earlier.length])).toEqual([
    ["delivered", start, 0], // at the first try, and not asked again
    ["delivered", start + minuteMs, 1],
  ]);
  expect(acts[1]?.earlier).toEqual([{ at: start, reason: "try-later", detail: "452 4.2.2 Mailbox full" }]);
  expect(endedAt(record)).toBe(start + minuteMs);
});

test("a mail record has the stages of its tries, the one that follows its closing line too", async () => {
  const { memory } = memoryAt();
  const event = await mailEvent({});
  const stage = (name: "gather" | "execute" | "close", seconds: number): JournalEvent => ({
    kind: "stage",
    stage: name,
    seconds,
    mailId: event.mailId,
  });
  memory.note("example.com", stage("gather", 9)); // of a try that ended without a closing line
  memory.note("example.com", stage("gather", 0.06));
  memory.note("example.com", stage("execute", 0.1));
  memory.note("example.com", event);
  memory.note("example.com", stage("close", 0.01));
  expect(memory.mails[0]?.tries[0]?.stages).toEqual([
    ["gather", 0.06],
    ["execute", 0.1],
    ["close", 0.01],
  ]);
});

const long = (count: number) => "é".repeat(count);
const hostile: readonly (readonly [string, MailCase])[] = [
  ["a hundred recipients", { to: Array.from({ length: 100 }, (_, i) => `${"r".repeat(60)}${i}@example.com`) }],
  [
    "one recipient with fifty forwards",
    { rules: { "alice@example.com": { forwards: Array.from({ length: 50 }, (_, i) => `${"f".repeat(50)}${i}@private.test`) } } },
  ],
  ["an answer of many pages", { settlement: again, verdictOf: () => ({ ...full, detail: `"\\${long(100_000)}` }) as typeof full }],
  ["answers of control characters", { settlement: again, verdictOf: () => ({ ...full, detail: "\u0001".repeat(5000) }) as typeof full }],
  ["a sender of many letters", { event: { from: `${long(5000)}@remote.test` } }],
  ["a mail id of many letters", { event: { mailId: `bucket/${"\u0001".repeat(900)}` as MailEventOf["mailId"] } }],
  ["a bounce to many", { event: { bounce: Array.from({ length: 900 }, () => `${long(200)}@far.test`) } }],
];
for (const [what, one] of hostile) {
  test(`a mail record with ${what} takes at most 4 KB, through thirty tries`, async () => {
    const record = await recordOf(...Array.from({ length: 30 }, () => one));
    expect(octetsOf(record)).toBeLessThanOrEqual(mostOctets);
    const tries = record.tries.length + record.triesLeftOut;
    expect([tries, record.recipients.length + record.recipientsLeftOut]).toEqual([tries, (one.to ?? ["alice"]).length]);
  });
}

test("a memory that is full of the largest mails takes less than 8 MB", async () => {
  const { memory } = memoryAt();
  const event = await mailEvent({ to: Array.from({ length: 100 }, (_, i) => `${"r".repeat(60)}${i}@example.com`) });
  Bun.gc(true);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 3 * mailsKept; i++) memory.note("example.com", { ...event, mailId: `mails/${i}` as typeof event.mailId });
  Bun.gc(true);
  expect(memory.mails.length).toBe(mailsKept);
  expect((process.memoryUsage().heapUsed - before) / 2 ** 20).toBeLessThan(8);
});

test("note() takes less than 5 µs of the processor for a mail event", async () => {
  const { memory } = memoryAt();
  const event = await mailEvent({ rules: { "alice@example.com": { forwards: ["me@private.test"] } } });
  const ids = Array.from({ length: 1000 }, (_, i) => `mails/${i}` as typeof event.mailId);
  const run = (rounds: number) => {
    const busy = busyTime();
    for (let round = 0; round < rounds; round++) for (const mailId of ids) memory.note("example.com", { ...event, mailId });
    return (busy() * 1000) / (rounds * ids.length);
  };
  run(20); // until it is compiled
  const best = Math.min(run(10), run(10), run(10), run(10), run(10));
  console.info(`note() of a mail event: ${best.toFixed(2)} µs`);
  expect(best).toBeLessThan(5);
});
