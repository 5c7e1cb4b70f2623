// Situations for tests of the page: one in which all is well, and one for each state of the verdict, worst first.

import { Minutes } from "../../apps/worker/page/minutes.ts";
import type { Notable } from "../../apps/worker/page/notables.ts";
import type { DomainSituation, Situation } from "../../apps/worker/page/situation.ts";
import type { State, Tone } from "../../apps/worker/page/verdict.ts";
import { start } from "./events.ts";

const minuteMs = 60_000;

/** An ordinary hour of mail. */
export function hour(perMinute: number = 9, until: number = start): Minutes {
  const minutes = new Minutes();
  for (let i = 60; i >= 0; i--) {
    const at = until - i * minuteMs;
    minutes.add(at, "delivered", perMinute + (i % 4));
    minutes.add(at, "taken", perMinute + (i % 5));
    minutes.add(at, "blocked", i % 3 === 0 ? 1 : 0);
    minutes.add(at, "failed", i === 20 ? 1 : 0);
    minutes.add(at, "forwarded", i % 2);
    minutes.add(at, "replies", i % 5 === 0 ? 1 : 0);
    minutes.add(at, "again", i === 30 ? 2 : 0);
    minutes.waited(at, 1 + (i % 3) / 4);
  }
  return minutes;
}

export function domain(name: string, more: Partial<DomainSituation> = {}): DomainSituation {
  const minutes = hour(4).list(start);
  return { domain: name, state: "receives", visible: 2, delayed: 3, inWork: 3, answeredSecondsAgo: 4, minutes, ...more };
}

export const well: Situation = {
  now: start,
  version: "0.1.0",
  startedAt: start - 6 * 86_400_000,
  domains: [domain("example.com"), domain("another.com", { visible: 0, inWork: 0 })],
  circuits: [],
  nextProbeAt: null,
  stopEndsAt: null,
  inWork: 3,
  visible: 2,
  delayed: 3,
  minutes: hour().list(start),
  samples: Array.from({ length: 600 }, (_, i) => ({ at: start - 3_500_000 + i * 5800, seconds: 0.4 + (i % 20) / 20 })),
  lateSeconds: 0.9,
  lastDelivery: { at: start - 12_000, seconds: 0.6 },
  lastTaken: start - 12_600,
  notables: [],
  deadLetters: [],
  featuresOff: [],
  sessions: { idle: 6, busy: 2, limit: 8 },
  octets: { held: 38 * 2 ** 20, most: 256 * 2 ** 20 },
  mailServer: "mail.example.com:25",
};

export function notable(kind: Notable["kind"], more: Partial<Notable> = {}): Notable {
  return { kind, label: "example.com", subject: "", text: "", first: start - 60_000, last: start - 60_000, count: 1, ...more };
}

const silent = (name: string) => domain(name, { state: "silent", visible: null, delayed: null, answeredSecondsAgo: 300 });
const away = (answer: string) => ({ dependency: "mail-server" as const, since: start - 11 * minuteMs, answer });

type Row = Readonly<{ name: string; situation: Situation; state: State; tone: Tone; headline: string }>;
const row = (name: string, more: Partial<Situation>, state: State, tone: Tone, headline: string): Row => ({
  name,
  situation: { ...well, ...more },
  state,
  tone,
  headline,
});

/** Each state, worst first. Each situation is also in all states below it that it can be in. */
export const states: readonly Row[] = [
  row(
    "no queue answers",
    { domains: [silent("example.com"), silent("another.com")], visible: null },
    "no-queue-answers",
    "bad",
    "No mail is taken: no queue answers",
  ),
  row(
    "the mail server is away",
    {
      domains: [domain("example.com", { state: "pauses", visible: 184 }), domain("another.com", { state: "pauses", visible: 28 })],
      circuits: [away("connect ECONNREFUSED 10.0.4.7:25")],
      nextProbeAt: start + 18_000,
      visible: 212,
      inWork: 0,
      minutes: hour(9, start - 11 * minuteMs).list(start),
    },
    "circuit-open",
    "bad",
    "Mail is waiting: the mail server does not answer",
  ),
  row(
    "the mail server refuses us",
    { circuits: [away("535 5.7.8 Error: authentication failed")], visible: 1 },
    "circuit-open",
    "bad",
    "Mail is waiting: the mail server refuses us",
  ),
  row(
    "the ledger is away",
    { circuits: [{ dependency: "ledger", since: start - 60_000, answer: "AWS is not reachable" }] },
    "circuit-open",
    "bad",
    "Mail is waiting: the ledger does not answer",
  ),
  row(
    "a bucket is away",
    { circuits: [{ dependency: "s3:example-com-emails", since: start - 60_000, answer: "" }] },
    "circuit-open",
    "bad",
    "Mail is waiting: the bucket example-com-emails does not answer",
  ),
  row(
    "a queue is missing",
    { domains: [domain("example.com"), silent("another.com")], notables: [notable("refused-us")] },
    "queue-missing",
    "bad",
    "another.com gets no mail: its queue does not answer",
  ),
  row(
    "the server refuses something",
    { notables: [notable("refused-us", { text: "554 5.7.1 <alice@example.com>: Relay access denied" }), notable("set-aside")] },
    "refused-us",
    "bad",
    "Mail waits: the server refuses something of ours",
  ),
  row(
    "a mail is set aside",
    { notables: [notable("set-aside", { subject: "mails/1", text: "3 workers crashed" }), notable("loop")] },
    "needs-you",
    "bad",
    "A mail needs you",
  ),
  row("an object is missing", { notables: [notable("object-missing", { subject: "mails/2" })] }, "needs-you", "bad", "A mail needs you"),
  row(
    "an entry cannot be read",
    { notables: [notable("entry-undecodable", { subject: "e-1", text: "Cannot read" })] },
    "needs-you",
    "bad",
    "A mail needs you",
  ),
  row(
    "a loop hung",
    { notables: [notable("loop", { text: "hung" })], lateSeconds: 700 },
    "loop-replaced",
    "wait",
    "A loop hung and was replaced",
  ),
  row("a loop died", { notables: [notable("loop", { text: "died" })] }, "loop-replaced", "wait", "A loop ended and was replaced"),
  row(
    "mail is late",
    { lateSeconds: 14 * 60 + 5, visible: 900, notables: [notable("throttled")] },
    "late",
    "wait",
    "Mail flows, but it is 14 min late",
  ),
  row(
    "SES is away",
    { circuits: [{ dependency: "ses", since: start - 60_000, answer: "SES is unavailable" }] },
    "part-waits",
    "wait",
    "Mail flows; forwards wait for SES",
  ),
  row(
    "SES limits",
    { notables: [notable("throttled")], featuresOff: ["blocklists"] },
    "part-waits",
    "wait",
    "Mail flows; forwards wait for SES's limit",
  ),
  row("a feature is off", { featuresOff: ["blocklists"] }, "part-waits", "wait", "Mail flows; blocklists are off"),
  row("it stops", { stopEndsAt: start + 12_000 }, "stopping", "none", "Stopping: 3 mails in work, 12 s left"),
  row(
    "it starts",
    {
      startedAt: start - 3000,
      domains: [domain("example.com", { state: "starts", answeredSecondsAgo: null })],
      lastDelivery: null,
      lastTaken: null,
    },
    "starting",
    "none",
    "Starting: the queues were asked",
  ),
  row(
    "no mail came yet",
    { lastDelivery: null, lastTaken: null, minutes: new Minutes().list(start), samples: [], lateSeconds: null },
    "no-mail-yet",
    "none",
    "Ready, and no mail yet",
  ),
  row("all is well", {}, "flowing", "ok", "Mail is flowing"),
];

/** Two things to look at, as in the pictures. */
export const twoThings: Partial<Situation> = {
  deadLetters: [{ label: "example.com", entries: 3, since: start - 4 * 3_600_000 }],
  notables: [
    notable("rule-invalid", {
      subject: "rules carol@example.com",
      text: 'Cannot read ooo_end: must be a date, is "soon"',
      count: 4,
    }),
  ],
};
