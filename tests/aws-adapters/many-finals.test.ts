// Mails with more final results than one row of DynamoDB holds: all is recorded, nothing is repeated, whichever write of the
// ledger a worker dies at, and rows of earlier versions that are full are carried on.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { DynamoLedger } from "@sesame/aws-adapters";
import type { Address, EffectKey, JournalEvent, JourneyPorts, Lease, Ledger } from "@sesame/core";
import { ConfiguredRetryStrategy } from "@smithy/core/retry";
import { mailId, TestWay } from "../journey/way.ts";
import { ConditionalTable, type Fate, type Write } from "./conditional-table.ts";
import { type Dynalite, ManualAwsClock, startDynalite } from "./dynalite.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: undisclosed:;\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n";
const table = "email-worker-ledger";

/** A way whose ledger is DynamoDB. Each life has a name of its own, and a dead worker says nothing. */
class ManyFinals extends TestWay {
  readonly heard: JournalEvent[] = [];
  dead: boolean = false;
  lives: number = 0;
  readonly #ledgerOf: (owner: string) => Ledger;

  constructor(recipients: readonly string[], ledgerOf: (owner: string) => Ledger) {
    super(mail, { recipients });
    this.#ledgerOf = ledgerOf;
  }

  override way(): JourneyPorts {
    const ledger = this.#ledgerOf(`worker-${this.lives}`);
    return { ...super.way(), ledger, journal: { note: (event) => void (this.dead || this.heard.push(event)) } };
  }

  /** The most copies of one effect. */
  mostCopies(): number {
    const counts = new Map<EffectKey, number>();
    for (const { recipients } of this.courier.sent) for (const { key } of recipients) counts.set(key, (counts.get(key) ?? 0) + 1);
    return Math.max(...counts.values());
  }

  get copies(): number {
    return this.courier.sent.reduce((sum, { recipients }) => sum + recipients.length, 0);
  }

  get effects(): number {
    return new Set(this.courier.sent.flatMap(({ recipients }) => recipients.map(({ key }) => key))).size;
  }
}

const users = (count: number) => Array.from({ length: count }, (_, n) => `user${n}@example.com`);
const targets = (count: number, domain: string) => Array.from({ length: count }, (_, n) => `target${n}@${domain}`);
/** As long as an address may be (RFC 5321 §4.5.3.1). */
const longDomain = `${Array.from({ length: 3 }, () => "d".repeat(60)).join(".")}.test`;

describe("against dynalite, which refuses rows of more than 400 KB", () => {
  let dynamo: Dynalite;
  beforeAll(async () => {
    dynamo = await startDynalite({ [table]: "id" });
  });
  afterAll(() => dynamo.close());

  const cases: readonly (readonly [name: string, recipients: readonly string[], forwards: number, domain: string])[] = [
    ["1,000 tags of one user", Array.from({ length: 1000 }, (_, n) => `alice+${n}@example.com`), 0, "remote.test"],
    ["1,000 recipients with long names", users(1000).map((each) => `${"x".repeat(200)}${each}`.slice(-64 - 12)), 0, "remote.test"],
    ["100 recipients with 10 forwards to long addresses", users(100), 10, longDomain],
    ["100 recipients with 50 forwards", users(100), 50, "other.test"],
  ];
  for (const [name, recipients, forwards, domain] of cases) {
    test(`X19 a mail for ${name} is recorded to the last result, and nothing is done twice`, async () => {
      const clock = new ManualAwsClock();
      const way = new ManyFinals(recipients, (owner) => new DynamoLedger({ client: dynamo.client, clock, owner }));
      for (const each of forwards > 0 ? recipients : []) way.directory.rule(each, { forwards: targets(forwards, domain) });
      way.courier.script("mailbox", recipients[0] as Address, { action: "delivered", detail: "d".repeat(500) });
      expect(await way.receive()).toEqual({ kind: "ack" });
      const effects = recipients.length * (1 + forwards);
      expect([way.effects, way.mostCopies()]).toEqual([effects, 1]);
      expect(way.heard.filter(({ kind }) => kind === "unrecorded" || kind === "port-error")).toEqual([]);
      const claim = await new DynamoLedger({ client: dynamo.client, clock, owner: "reader" }).claim(mailId, 60, []);
      expect([claim.kind, claim.kind === "closed" && claim.finals.size]).toEqual(["closed", effects]);
      await removeRows(dynamo.client);
    }, 300_000);
  }

  test("X19 a full row of an earlier version is carried on in further rows", async () => {
    const documents = DynamoDBDocumentClient.from(dynamo.client);
    const done = users(3900).map((each) => ({ key: `deliver ${each}`, action: "delivered", detail: "d".repeat(30) }));
    await documents.send(
      new PutCommand({ TableName: table, Item: { id: mailId, crashes: 0, until: 0, expires: 0, lastOwner: "old", finals: done } }),
    );
    const ledger = new DynamoLedger({ client: dynamo.client, clock: new ManualAwsClock(), owner: "new" });
    const recipients = users(1000) as unknown as Lease["recipients"];
    const claim = await ledger.claim(mailId, 60, recipients);
    if (claim.kind !== "held") throw new Error(claim.kind);
    expect(claim.lease.finals.size).toBe(3900);
    const added = new Map(
      users(5000).map((each) => [`forward ${each} x@other.test` as EffectKey, { action: "relayed", detail: "" } as const]),
    );
    expect(await ledger.record(claim.lease, added, "release")).toBe("recorded");
    const again = await ledger.claim(mailId, 60, recipients);
    expect(again.kind === "held" && again.lease.finals.size).toBe(8900);
    const { Item } = await documents.send(new GetCommand({ TableName: table, Key: { id: mailId } }));
    expect(Item?.["more"].length).toBeGreaterThan(1);
    await removeRows(dynamo.client);
  }, 120_000);
});

async function removeRows(client: DynamoDBClient): Promise<void> {
  const documents = DynamoDBDocumentClient.from(client);
  const { Item } = await documents.send(new GetCommand({ TableName: table, Key: { id: mailId } }));
  expect(Item).toBeDefined();
  await documents.send(new PutCommand({ TableName: table, Item: { id: mailId } }));
}

/** What becomes of the n-th request of a mail with rows of 150 octets. */
type Strike = Readonly<{ request: number; kind: "die before" | "die after" | "fails" | "fails after" }>;

class SmallRows {
  readonly way: ManyFinals;
  requests: number = 0;
  readonly sent: string[] = [];
  readonly #table: ConditionalTable;

  constructor(strike: Strike | null) {
    this.#table = new ConditionalTable({ serve: async (request) => this.#serve(request, strike) });
    const client = new DynamoDBClient({
      region: "eu-central-1",
      endpoint: "http://dynamo.test",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      retryStrategy: new ConfiguredRetryStrategy(1, () => 0),
      requestHandler: this.#table.requestHandler,
    });
    const loopKey = new Uint8Array(32);
    const clock = new ManualAwsClock();
    this.way = new ManyFinals(users(4), (owner) => new DynamoLedger({ client, clock, owner, rowLimit: 150, loopKey }));
    this.#clock = clock;
    for (const each of users(4)) this.way.directory.rule(each, { forwards: targets(3, "other.test") });
  }

  readonly #clock: ManualAwsClock;

  async untilDone(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) {
      const outcome = await this.way.receive().catch(() => ({ kind: "leave" }) as const);
      if (!this.way.dead && outcome.kind === "ack") return;
      if (this.way.dead) this.way.lives++;
      this.way.dead = false;
      this.#clock.advance(121);
      this.way.clock.advance(121);
    }
    throw new Error("it never ends");
  }

  /** The further rows, and all keys that the rows hold. */
  rows(): Readonly<{ further: number; keys: ReadonlySet<string>; closed: boolean }> {
    const main = this.#table.item(mailId) ?? {};
    const more = [...new Set(main["more"]?.L?.map(({ S = "" }) => S) ?? [])];
    const all = [main, ...more.map((name) => this.#table.item(`${mailId}#finals#${name}`) ?? {})];
    const texts = all.flatMap((row) => row["done"]?.L?.map(({ S = "[]" }) => S) ?? []);
    return { further: more.length, keys: new Set(texts.map((each) => String(JSON.parse(each)[0]))), closed: main["closed"]?.BOOL === true };
  }

  async #serve({ UpdateExpression = "" }: Write, strike: Strike | null): Promise<Fate> {
    if (this.way.dead) return "request lost";
    this.sent.push(UpdateExpression);
    if (++this.requests !== strike?.request) return "answered";
    if (strike.kind.startsWith("die")) this.way.dead = true;
    return strike.kind === "die after" || strike.kind === "fails after" ? "answer lost" : "request lost";
  }
}

test("X19 whichever write of many rows a worker dies at, or fails, nothing is lost, and each copy too many was announced", async () => {
  const clean = new SmallRows(null);
  await clean.untilDone();
  const { further, keys, closed } = clean.rows();
  expect([further > 3, keys.size, closed, clean.way.mostCopies()]).toEqual([true, 16, true, 1]);
  for (const part of ["#more = list_append", "#holder = :nonce", "#closed = :true", "REMOVE #last"])
    expect([part, clean.sent.some((each) => each.includes(part))]).toEqual([part, true]);
  const all = { copies: 0, effects: 0, strikes: 0 };
  for (let request = 1; request <= clean.requests + 4; request++) {
    for (const kind of ["die before", "die after", "fails", "fails after"] as const) {
      const struck = new SmallRows({ request, kind });
      await struck.untilDone();
      const { way } = struck;
      const found = struck.rows();
      const announced = way.heard.some(
        (event) => event.kind === "taken-over" || event.kind === "unrecorded" || (event.kind === "fenced" && event.keys.length > 0),
      );
      expect([request, kind, found.keys.size, found.closed, way.effects]).toEqual([request, kind, 16, true, 16]);
      expect([request, kind, way.mostCopies() <= (announced ? 2 : 1)]).toEqual([request, kind, true]);
      all.copies += way.copies;
      all.effects += way.effects;
      all.strikes++;
    }
  }
  console.info(`copies for each effect over ${all.strikes} faults: ${(all.copies / all.effects).toFixed(3)}`);
}, 120_000);
