// Metrics: how the events of a journal are counted.

import { expect, test } from "bun:test";
import type { EffectKey, EpochMs, JournalEvent, MailId } from "@sesame/core";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { planOf } from "../core/sample.ts";

const ended = async (settlement: Extract<JournalEvent, { kind: "mail" }>["settlement"]): Promise<string> => {
  const metrics = makeMetrics("1.0.0");
  metrics.journal("example.com").note({
    kind: "mail",
    mailId: "example-com-emails/1" as MailId,
    sesId: "1",
    from: null,
    receivedAt: (Date.now() - 90_000) as EpochMs,
    receiveCount: 1,
    plan: await planOf({}),
    verdicts: new Map(),
    settlement,
    seconds: 2.5,
  });
  return metrics.registry.metrics();
};

test("queue_age_seconds counts a mail with its age when it is closed", async () => {
  const text = await ended({ kind: "close", mark: { status: "delivered", invalidInboxes: [], blockedSender: null }, erase: false });
  expect(text).toContain('sesame_queue_age_seconds_bucket{le="60",domain="example.com"} 0');
  expect(text).toContain('sesame_queue_age_seconds_bucket{le="600",domain="example.com"} 1');
});

test("processing_seconds has the seconds of the closing line, for closed mails and for retries", async () => {
  const mark = { status: "delivered", invalidInboxes: [], blockedSender: null } as const;
  for (const settlement of [
    { kind: "close", mark, erase: false },
    { kind: "retry", afterSeconds: 30, reason: "try-later" },
  ] as const) {
    const text = await ended(settlement);
    expect(text).toContain('sesame_processing_seconds_sum{domain="example.com"} 2.5');
    expect(text).toContain('sesame_processing_seconds_bucket{le="2",domain="example.com"} 0');
    expect(text).toContain('sesame_processing_seconds_bucket{le="10",domain="example.com"} 1');
  }
});

test("queue_age_seconds does not count a mail that is retried", async () => {
  const text = await ended({ kind: "retry", afterSeconds: 30, reason: "try-later" });
  expect(text).not.toContain("sesame_queue_age_seconds_count{");
  expect(text).toContain('sesame_retries_total{domain="example.com",reason="try-later"} 1');
});

test("retries_total counts an entry whose mail is in work in another worker", async () => {
  const metrics = makeMetrics("1.0.0");
  metrics.journal("example.com").note({ kind: "busy-elsewhere", mailId: "example-com-emails/1" as MailId, until: 0 as EpochMs });
  expect(await metrics.registry.metrics()).toContain('sesame_retries_total{domain="example.com",reason="busy-elsewhere"} 1');
});

test("retries_total counts a bounce that waits for its row", async () => {
  const metrics = makeMetrics("1.0.0");
  metrics.journal("example.com").note({ kind: "bounce", mailId: "example-com-emails/1" as MailId, result: "awaited" });
  metrics.journal("example.com").note({ kind: "bounce", mailId: "example-com-emails/1" as MailId, result: "rewritten" });
  const text = await metrics.registry.metrics();
  expect(text.match(/sesame_retries_total\{.*/g)).toEqual(['sesame_retries_total{domain="example.com",reason="awaited"} 1']);
  expect(text).toContain('sesame_bounces_total{domain="example.com",result="awaited"} 1');
});

test("begin() shows a domain whose queue never answers, so that an alert on the age of the last poll works", async () => {
  const metrics = makeMetrics("1.0.0");
  metrics.begin("example.com");
  expect(await metrics.registry.metrics()).toContain('sesame_last_poll_timestamp_seconds{domain="example.com"} 0');
});

test("X23 possible_duplicates_total counts what was sent and fenced off, and not a mail of which nothing was sent", async () => {
  const metrics = makeMetrics("1.0.0");
  const journal = metrics.journal("example.com");
  const mailId = "example-com-emails/1" as MailId;
  journal.note({ kind: "fenced", mailId, keys: [] });
  expect(await metrics.registry.metrics()).not.toContain("sesame_possible_duplicates_total{");
  journal.note({ kind: "fenced", mailId, keys: ["deliver alice@example.com" as EffectKey, "deliver carol@example.com" as EffectKey] });
  expect(await metrics.registry.metrics()).toContain('sesame_possible_duplicates_total{domain="example.com"} 1');
});

test("smtp_sessions and smtp_sessions_limit are read at each scrape", async () => {
  const metrics = makeMetrics("1.0.0");
  let limit = 4;
  metrics.watch({ smtpSessions: () => ({ idle: 1, busy: 3, limit }) });
  const scraped = async () => (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("sesame_smtp"));
  const sessions = ['sesame_smtp_sessions{state="idle"} 1', 'sesame_smtp_sessions{state="busy"} 3'];
  expect(await scraped()).toEqual([...sessions, "sesame_smtp_sessions_limit 4"]);
  limit = 19;
  expect(await scraped()).toEqual([...sessions, "sesame_smtp_sessions_limit 19"]);
});

test("X21 blocked_kept_total counts mails that are not deleted, and a mail that waits or is deleted counts nowhere", async () => {
  const metrics = makeMetrics("1.0.0");
  const journal = metrics.journal("example.com");
  const mailId = "example-com-emails/1" as MailId;
  journal.note({ kind: "erase-waits", mailId, afterSeconds: 900 });
  journal.note({ kind: "erased", mailId });
  const counted = async () =>
    (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("sesame_") && line.includes("example.com"));
  expect(await counted()).toEqual([]);
  journal.note({ kind: "blocked-kept", mailId, reason: "too-many-wait" });
  expect(await counted()).toEqual(['sesame_blocked_kept_total{domain="example.com",reason="too-many-wait"} 1']);
});
