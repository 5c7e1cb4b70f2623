// One mail in, few mails out: whatever recipients, tags, rules and senders, and however often mails and their notices come, a rule
// row answers a mail once and forwards it once to each target, and the replies of an hour and of a day are bounded. Whole
// journeys over the fakes; what left is judged by the rows as a reader finds them, without the core's keys.

import { expect, test } from "bun:test";
import {
  type Address,
  delayed,
  handleEntry,
  type JourneyPorts,
  type ObjectLocation,
  openMail,
  type Policy,
  type QueueEntry,
  type Verdict,
} from "@sesame/core";
import fc from "fast-check";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { valuesOf } from "../../packages/core/mail/header.ts";
import { type Case, markOf, personal, planOf } from "../core/sample.ts";
import { TestWay } from "./way.ts";

const mailboxes = ["alice", "alice+a", "alice+b", "Alice+c", "bob", "any1", "any2", "any3+x"].map((local) => `${local}@example.com`);
const targets = ["x@other.test", "y@other.test", "alice@example.com", "carol@another.test"];
const sesId = (n: number) => `0101019b8e3f000${n}-11111111-2222-3333-4444-555555555555-000000`;
const paths = [
  "victim@victim.test",
  "victim+1@victim.test",
  "prvs=0123456789=victim@victim.test",
  "SRS0=hash=tt=victim.test=victim@relay.test",
  "other@victim.test",
  `${sesId(1)}@victim.test`, // the form of SES, on another domain
  `${sesId(2)}@eu-west-1.amazonses.com`,
];
/** Of what address the reply is, for the count of a day: written down here, not computed. */
const person: Readonly<Record<string, string>> = Object.fromEntries(
  paths.map((path) => [path, /victim[+@=]/.test(path) && !path.startsWith("0101") ? "victim@victim.test" : path]),
);

type Row = Readonly<{ away: boolean; forwards: readonly string[] }>;
type MailCase = Readonly<{
  recipients: readonly string[];
  path: string;
  author: string;
  /** Which mail that left before lends this one its X-Loop fields. */
  replays: number | null;
  isNamed: boolean;
  afterMinutes: number;
  /** Notices: for all recipients, or for some of them; each may come again. */
  notices: readonly (readonly boolean[])[];
  ends: readonly ("delivered" | "later" | "full")[];
}>;
type World = Readonly<{ rows: Readonly<Record<string, Row>>; mails: readonly MailCase[]; perHour: number; perDay: number }>;

const row: fc.Arbitrary<Row> = fc.record({
  away: fc.boolean(),
  forwards: fc.uniqueArray(fc.constantFrom(...targets), { maxLength: 3 }),
});
const mailCase: fc.Arbitrary<MailCase> = fc.record({
  recipients: fc.uniqueArray(fc.constantFrom(...mailboxes), { minLength: 1, maxLength: 8 }),
  path: fc.constantFrom(...paths),
  author: fc.constantFrom("bob@remote.test", "carol@remote.test", "eve@evil.test"),
  replays: fc.option(fc.nat({ max: 5 })),
  isNamed: fc.boolean(),
  afterMinutes: fc.constantFrom(0, 1, 30, 61, 1500),
  notices: fc.array(fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), { maxLength: 3 }),
  ends: fc.array(fc.constantFrom("delivered", "delivered", "later", "full"), { minLength: 1, maxLength: 4 }),
});
const worlds: fc.Arbitrary<World> = fc.record({
  rows: fc.dictionary(fc.constantFrom("alice@example.com", "alice+a@example.com", "bob@example.com", "*@example.com"), row, { minKeys: 1 }),
  mails: fc.array(mailCase, { minLength: 1, maxLength: 6 }),
  perHour: fc.constantFrom(1, 2, 3, 30),
  perDay: fc.constantFrom(1, 2, 5),
});

const later = delayed("try-later", "recipient", "450");
const ends: Readonly<Record<MailCase["ends"][number], readonly Verdict[]>> = {
  delivered: [{ action: "delivered", detail: "250" }],
  later: [later, later, { action: "delivered", detail: "250" }],
  full: [{ action: "failed", status: "5.2.2", reason: "mailbox-full", scope: "recipient", detail: "full" }],
};

/** What left for a mail: who sent it, to whom, and when the mail came. */
type Left = Readonly<{ kind: string; mail: number; row: string; mailbox: string; from: string; to: string; path: string; hour: string }>;

/** Plays all mails, one after another, each with all its notices until they are acknowledged. */
async function play({ rows, mails, perHour, perDay }: World): Promise<readonly Left[]> {
  const way = new TestWay("Subject: none\r\n\r\n");
  for (const [key, { away, forwards }] of Object.entries(rows))
    way.directory.rule(key, { forwards: [...forwards], ...(away && { ooo_active: true, ooo_message: `I am away, says ${key}` }) });
  const policy: Policy = { ...way.way().policy, repliesPerHour: perHour, repliesPerDay: perDay };
  const left: Left[] = [];
  for (const [index, one] of mails.entries()) {
    way.clock.advance(one.afterMinutes * 60);
    const hour = new Date(way.clock.now()).toISOString().slice(0, 13);
    const before = way.courier.sent.length;
    await carry(way, index, one, policy);
    for (const { route, from, recipients, octets } of way.courier.sent.slice(before)) {
      const { block } = openMail(octets, octets.length);
      if (route === "mailbox") continue;
      const [author = ""] = /[^\s<>]+@[^\s<>]+/.exec(valuesOf(block, "From")[0]?.replace(/^.*</, "<") ?? "") ?? [];
      const to = recipients[0]?.address ?? "";
      const kind = valuesOf(block, "Auto-Submitted")[0]?.startsWith("auto-replied") ? "reply" : "forward";
      const mailbox = plain(from ?? author);
      left.push({ kind, mail: index, row: rowOf(author, rows), mailbox, from: author.toLowerCase(), to, path: one.path, hour });
    }
  }
  return left;
}

async function carry(way: TestWay, index: number, one: MailCase, policy: Policy): Promise<void> {
  const location: ObjectLocation = { kind: "object", bucket: "example-com-emails", key: `k${index}` };
  const sent = one.replays === null ? undefined : way.courier.sent.filter(({ route }) => route !== "mailbox").at(one.replays);
  const marks = sent === undefined ? [] : valuesOf(openMail(sent.octets, sent.octets.length).block, "X-Loop");
  const to = one.isNamed ? one.recipients.join(", ") : "somebody@remote.test";
  const header = `From: ${one.author}\r\nTo: ${to}\r\nSubject: Hi\r\nMessage-ID: <${index}@remote.test>\r\n`;
  const head = new TextEncoder().encode(`${header}${marks.map((mark) => `X-Loop: ${mark}\r\n`).join("")}\r\nHello\r\n`);
  way.store.put(location, head);
  for (const [n, recipient] of one.recipients.entries())
    way.courier.script("mailbox", recipient as Address, ...ends[one.ends[n % one.ends.length] ?? "delivered"]);
  const some = one.notices.map((chosen) => one.recipients.filter((_, n) => chosen[n])).filter((each) => each.length > 0);
  const receivedAt = way.clock.now();
  for (const recipients of [one.recipients, ...some]) {
    const body = writeNotice({ sesId: `k${index}`, location, source: one.path, recipients, head, receivedAt });
    for (let receiveCount = 1; receiveCount < 30; receiveCount++) {
      const entry: QueueEntry = { id: `e${index}`, receiptHandle: "r", receiveCount, sentAt: receivedAt, body };
      const ports: JourneyPorts = { ...way.way(), policy };
      const outcome = await handleEntry(entry, ports);
      if (outcome.kind !== "retry") break;
      way.clock.advance(outcome.afterSeconds);
    }
  }
}

/** The address in lower case, without its tag. */
function plain(address: string): string {
  return address.toLowerCase().replace(/\+[^@]*@/, "@");
}

/** The nearest row of an address, as docs/configuration.md says. */
function rowOf(address: string, rows: Readonly<Record<string, Row>>): string {
  const exact = address.toLowerCase();
  return [exact, plain(exact), exact.replace(/^.*@/, "*@")].find((key) => key in rows) ?? "none";
}

/** Counts by a name. */
function countBy(left: readonly Left[], name: (one: Left) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const one of left) counts.set(name(one), (counts.get(name(one)) ?? 0) + 1);
  return counts;
}

const most = (counts: ReadonlyMap<string, number>) => Math.max(0, ...counts.values());

function judge({ rows, mails, perHour, perDay }: World, left: readonly Left[]): readonly string[] {
  const replies = left.filter(({ kind }) => kind === "reply");
  const forwards = left.filter(({ kind }) => kind === "forward");
  const wrong: string[] = [];
  if (most(countBy(replies, ({ mail, row }) => `${mail} ${row}`)) > 1) wrong.push("a row answered a mail twice");
  if (most(countBy(replies, ({ mail, mailbox }) => `${mail} ${mailbox}`)) > 1) wrong.push("a mailbox answered a mail twice");
  if (most(countBy(forwards, ({ mail, row, to }) => `${mail} ${row} ${to}`)) > 1) wrong.push("a row forwarded a mail twice to a target");
  if (most(countBy(replies, ({ mailbox, hour }) => `${mailbox} ${hour}`)) > perHour) wrong.push("a mailbox answered too often in an hour");
  if (most(countBy(replies, ({ path, hour }) => `${person[path]} ${hour.slice(0, 10)}`)) > perDay)
    wrong.push("a sender was answered too often in a day");
  for (const { kind, from, to, path, mail, row } of left) {
    if (!mails[mail]?.recipients.some((recipient) => recipient.toLowerCase() === from)) wrong.push("the author is no recipient");
    if (kind === "reply" && to !== path) wrong.push("a reply went elsewhere");
    if (kind === "reply" && !rows[row]?.away) wrong.push("nobody is away");
    if (kind === "forward" && !rows[row]?.forwards.includes(to)) wrong.push("nobody forwards there");
  }
  return wrong;
}

const runs = { numRuns: Number(process.env["RUNS"] ?? 2000), seed: Number(process.env["SEED"] ?? 20260101) };

test("X12 X13 one mail makes one reply by a row and mailbox, one copy by a row and target, and never more than the limits", async () => {
  const seen = { replies: 0, forwards: 0, worlds: 0 };
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const left = await play(world);
      expect(judge(world, left)).toEqual([]);
      seen.worlds++;
      seen.replies += left.filter(({ kind }) => kind === "reply").length;
      seen.forwards += left.filter(({ kind }) => kind === "forward").length;
    }),
    runs,
  );
  // It is no property of worlds in which nothing happens.
  expect([seen.replies > seen.worlds / 2, seen.forwards > seen.worlds / 2]).toEqual([true, true]);
}, 600_000);

test("X13 what a sender writes into From changes nothing, but where SES made the path", async () => {
  const options = { numRuns: Math.ceil(runs.numRuns / 4), seed: runs.seed };
  await fc.assert(
    fc.asyncProperty(worlds, fc.constantFrom("bob@remote.test", "eve@evil.test"), async (world, author) => {
      const mails = world.mails.filter(({ path }) => !path.endsWith("amazonses.com"));
      const forged = mails.map((one) => ({ ...one, author }));
      expect(await play({ ...world, mails: forged })).toEqual(await play({ ...world, mails }));
    }),
    options,
  );
}, 600_000);

test("X15 a replayed mark stops the mailbox that it names, and for all others the mail is planned as if that one had not got it", async () => {
  const recipients = fc.uniqueArray(fc.constantFrom(...mailboxes), { minLength: 1, maxLength: 8 });
  const rows = fc.dictionary(fc.constantFrom("alice@example.com", "alice+a@example.com", "bob@example.com", "*@example.com"), row);
  await fc.assert(
    fc.asyncProperty(
      recipients,
      rows,
      fc.constantFrom(...mailboxes),
      fc.nat({ max: 30 }),
      fc.boolean(),
      async (to, given, marked, days, forges) => {
        const rules = Object.fromEntries(
          Object.entries(given).map(([key, { away, forwards }]) => [
            key,
            { forwards, ...(away && { ooo_active: true, ooo_message: key }) },
          ]),
        );
        const header = personal.replace("To: alice@example.com", `To: ${to.join(", ")}`);
        const mark = markOf(marked, days, ...(forges ? [new Uint8Array(32)] : []));
        const stops = days <= 14 && !forges;
        const others = to.filter((recipient) => !stops || plain(recipient) !== plain(marked));
        const found = await actsOf({ to, rules, header: `${header}X-Loop: ${mark}\r\n` });
        expect(found).toEqual(await actsOf({ to: others, rules, header }));
      },
    ),
    runs,
  );
}, 600_000);

/** Replies and forwards of a plan: for whom, by which key. */
async function actsOf(one: Case): Promise<readonly string[]> {
  const { courses } = await planOf(one);
  return courses.flatMap((course) =>
    course.kind === "serve" ? course.effects.flatMap(({ kind, key }) => (kind === "deliver" ? [] : [`${course.recipient}: ${key}`])) : [],
  );
}
