// Two and three notices of one mail, with any recipients, rules, delays and blocklists, received by three workers in every
// order and interleaving, which die, hang and lose answers: nobody misses the mail, nobody gets it twice without a word of
// it, the audit mark is true, and the object is erased only when nobody needs it.

import { expect, test } from "bun:test";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { AwsClock, DynamoLedger } from "@sesame/aws-adapters";
import { type Address, delayed, type EffectKey, type Verdict } from "@sesame/core";
import fc from "fast-check";
import { ConditionalTable } from "../aws-adapters/conditional-table.ts";
import { NoticesWorld, type Round, type Trouble, type Visit } from "./notices-world.ts";
import { location } from "./way.ts";

const names = ["alice", "carol", "dave"] as const;
type Name = (typeof names)[number];
const addressOf = (name: Name) => `${name}@example.com` as Address;
const target = (name: Name) => `${name}-away@other.test` as Address;

/** What a recipient's rows and server make of the mail. */
type User = Readonly<{
  blocks: boolean;
  forwards: boolean;
  away: boolean;
  delivery: "at once" | "later" | "no mailbox";
  forwardLater: boolean;
}>;
type Case = Readonly<{
  users: Readonly<Record<Name, User>>;
  notices: readonly (readonly Name[])[];
  isNamed: boolean;
  rounds: readonly Round[];
  order: readonly number[];
}>;

type LedgerOf = ConstructorParameters<typeof NoticesWorld>[3];

const later = delayed("try-later", "recipient", "450");
const noMailbox: Verdict = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550 5.1.1" };
const delivered: Verdict = { action: "delivered", detail: "250" };

async function play({ users, notices, isNamed, rounds, order }: Case, ledgerOf?: LedgerOf): Promise<NoticesWorld> {
  const to = isNamed ? names.map(addressOf).join(", ") : "undisclosed:;";
  let at = 0;
  const mail = `From: bob@remote.test\r\nTo: ${to}\r\nSubject: Hi\r\n\r\nHello\r\n`;
  const world = new NoticesWorld(
    mail,
    notices.map((each) => each.map(addressOf)),
    () => order[at++ % order.length] ?? 0,
    ledgerOf,
  );
  for (const name of names) {
    const { blocks, forwards, away, delivery, forwardLater } = users[name];
    if (blocks) world.directory.block(addressOf(name), ["*@remote.test"]);
    const rule = { ...(forwards && { forwards: [target(name)] }), ...(away && { ooo_active: true, ooo_message: "I am away" }) };
    if (forwards || away) world.directory.rule(addressOf(name), rule);
    const end = delivery === "no mailbox" ? noMailbox : delivered;
    world.courier.script("mailbox", addressOf(name), ...(delivery === "later" ? [later] : []), end);
    if (forwardLater) world.courier.script("ses", target(name), delayed("throttled", "mail", "slow"), { action: "relayed", detail: "01" });
  }
  await world.play(rounds);
  return world;
}

/** What is wrong at the end, in words. */
async function wrongIn({ users, notices, isNamed }: Case, world: NoticesWorld): Promise<readonly string[]> {
  const wrong: string[] = [];
  const copies = world.copies();
  const served = names.filter((name) => notices.some((notice) => notice.includes(name)));
  const due = new Set<EffectKey>();
  for (const name of served) {
    const { blocks, forwards, away, delivery } = users[name];
    if (blocks) continue;
    if (delivery !== "no mailbox") due.add(`deliver ${addressOf(name)}` as EffectKey);
    if (forwards) due.add(`forward ${addressOf(name)} ${target(name)}` as EffectKey);
    const replies = world.courier.sent.filter(({ recipients }) => recipients.some(({ key }) => key === `reply ${addressOf(name)}`)).length;
    if (replies > (away ? 1 : 0)) wrong.push(`${replies} replies of ${name}`);
  }
  for (const key of due) if (!copies.has(key)) wrong.push(`lost: ${key}`);
  for (const [key, count] of copies) {
    if (!due.has(key) && !key.startsWith("reply ")) wrong.push(`not due: ${key}`);
    if (count > 1 + world.announcements(key)) wrong.push(`done ${count} times, announced ${world.announcements(key)} times: ${key}`);
  }
  if (!(await world.isClosed())) wrong.push("the row is not closed");
  if (world.running > 0) wrong.push(`${world.running} visits never ended`);
  if (world.heard.some(({ kind }) => kind === "object-missing")) wrong.push("an object was missed");
  return [
    ...wrong,
    ...wrongTrail(
      served.map((name) => users[name]),
      served,
      isNamed,
      world,
    ),
  ];
}

function wrongTrail(served: readonly User[], who: readonly Name[], isNamed: boolean, world: NoticesWorld): readonly string[] {
  const found = world.store.attributesOf(location);
  const allBlock = served.every(({ blocks }) => blocks);
  if (found === undefined) return allBlock ? [] : ["the mail is erased although somebody needs it"];
  if (allBlock && (!isNamed || who.length === names.length) && !kept(world)) return ["the mail is not erased"];
  if (world.markHung || world.heard.some(({ kind }) => kind === "audit-failed")) return [];
  const ends = served.filter(({ blocks }) => !blocks).map(({ delivery, forwards }) => delivery !== "no mailbox" || forwards);
  const invalid = who.filter((_, at) => !served[at]?.blocks && served[at]?.delivery === "no mailbox" && !served[at]?.forwards);
  const bad = ends.some((good) => !good);
  const status = ends.some((good) => good) ? (bad ? "partial" : "delivered") : bad ? "all_invalid" : "blocked";
  const listed = (found["invalid_inboxes"] ?? "")
    .split(",")
    .filter((each) => each !== "")
    .sort();
  const expected = [status, served.some(({ blocks }) => blocks) ? "bob@remote.test" : undefined, invalid.map(addressOf).sort()];
  const actual = [found["status"], found["blocked_sender"], listed];
  return JSON.stringify(expected) === JSON.stringify(actual)
    ? []
    : [`the trail is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`];
}

function kept(world: NoticesWorld): boolean {
  return world.heard.some(({ kind }) => kind === "blocked-kept");
}

const often = (weight: number) => fc.integer({ min: 0, max: 99 }).map((n) => n < weight);
const user: fc.Arbitrary<User> = fc.record({
  blocks: often(35),
  forwards: often(60),
  away: often(30),
  delivery: fc.constantFrom("at once", "at once", "later", "no mailbox"),
  forwardLater: often(40),
});
const trouble: fc.Arbitrary<Trouble | null> = fc.option(
  fc.record({
    call: fc.integer({ min: 1, max: 14 }),
    kind: fc.constantFrom("die-before", "die-after", "throw-before", "throw-after", "late", "hang"),
  }),
  { freq: 1 },
);
const visit: fc.Arbitrary<Visit> = fc.record({ entry: fc.nat(2), worker: fc.nat(2), trouble });
const round: fc.Arbitrary<Round> = fc.record({
  afterSeconds: fc.constantFrom(0, 1, 61, 121, 121, 900),
  visits: fc.array(visit, { minLength: 1, maxLength: 3 }),
});
const anyCase: fc.Arbitrary<Case> = fc.record({
  users: fc.record({ alice: user, carol: user, dave: user }),
  notices: fc.array(fc.subarray([...names], { minLength: 1 }), { minLength: 2, maxLength: 3 }),
  isNamed: fc.boolean(),
  rounds: fc.array(round, { maxLength: 8 }),
  order: fc.array(fc.nat(1000), { minLength: 1, maxLength: 60 }),
});

test("X20 X21 X22 two and three notices of one mail, in every interleaving of three workers that die, hang and fail", async () => {
  const property = fc.asyncProperty(anyCase, async (one) => {
    expect(await wrongIn(one, await play(one))).toEqual([]);
  });
  await fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 1000), seed: Number(process.env["SEED"] ?? 20260101) });
}, 600_000);

/** One table of DynamoDB, with rows of 200 octets. */
function dynamoLedgers(): LedgerOf {
  const { requestHandler } = new ConditionalTable({ serve: async () => "answered" });
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new DynamoDBClient({ region: "eu-central-1", endpoint: "http://dynamo.test", credentials, requestHandler });
  return (owner, clock) => {
    const time = new AwsClock({ wall: () => clock.now(), monotonic: () => clock.now() });
    return new DynamoLedger({ client, clock: time, owner, rowLimit: 200, loopKey: new Uint8Array(32) });
  };
}

test("X19 X20 X21 X22 the same with DynamoLedger, whose results go on in further rows", async () => {
  const property = fc.asyncProperty(anyCase, async (one) => {
    const silent = Object.fromEntries(names.map((name) => [name, { ...one.users[name], away: false }])) as Case["users"]; // no BatchGetItem
    const other = { ...one, users: silent };
    expect(await wrongIn(other, await play(other, dynamoLedgers()))).toEqual([]);
  });
  await fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 150), seed: Number(process.env["SEED"] ?? 20260101) });
}, 600_000);
