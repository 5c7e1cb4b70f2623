// Rows that an earlier version wrote (commit 2e9d88a), as they stood in DynamoDB when it stopped in the middle of a mail: this
// version ends the mail, without a second reply and without a copy that was not announced.

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { DynamoLedger } from "@sesame/aws-adapters";
import type { Address, EntryOutcome, JourneyPorts, QueueEntry } from "@sesame/core";
import { handleEntry } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { formerNoticeId } from "../../packages/core/journey/second-notice.ts";
import { location, mailId, TestWay } from "../journey/way.ts";
import { type Dynalite, ManualAwsClock, startDynalite } from "./dynalite.ts";

const TableName = "email-worker-ledger";
const [alice, carol] = ["alice@example.com" as Address, "carol@example.com" as Address];
const mail =
  "From: Bob <bob@remote.test>\r\nTo: alice@example.com, carol@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n";
const secondId = formerNoticeId(mailId, [carol]);

let dynamo: Dynalite;
let clock: ManualAwsClock;
beforeAll(async () => {
  dynamo = await startDynalite({ [TableName]: "id" });
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  clock = new ManualAwsClock();
  const { Items = [] } = await dynamo.client.send(new ScanCommand({ TableName }));
  for (const { id } of Items) await documents().send(new DeleteCommand({ TableName, Key: { id: id?.S } }));
});

const documents = () => DynamoDBDocumentClient.from(dynamo.client);
const put = (Item: Readonly<Record<string, unknown>>) => documents().send(new PutCommand({ TableName, Item }));
const rowOf = async (id: string) => (await documents().send(new GetCommand({ TableName, Key: { id } }))).Item;

const expires = 1_770_000_000;
const delivered = (address: string) => ({ key: `deliver ${address}`, action: "delivered", detail: "250 2.0.0 Ok" });
const relayed = (address: string, to: string) => ({ key: `forward ${address} ${to}`, action: "relayed", detail: "0101" });
const givenBack = () => ({ lastOwner: "old", until: clock.now() - 60_000, crashes: 0, expires });
const leased = () => ({ owner: "old", until: clock.now() - 1000, crashes: 0, expires });
const closed = () => ({ ...givenBack(), closed: true });
const reply = (address: string, mail: string, text = "of another text") => ({
  id: `reply#${address}#bob@remote.test`,
  ...{ mail, text, until: clock.now() + 7 * 86_400_000, expires, claim: "c1" },
});

class Upgraded extends TestWay {
  constructor() {
    super(mail);
    const rule = { ooo_active: true, ooo_message: "I am away", forwards: ["x@other.test", "y@other.test"] };
    for (const each of [alice, carol]) this.directory.rule(each, rule);
  }

  override way(): JourneyPorts {
    return { ...super.way(), ledger: new DynamoLedger({ client: dynamo.client, clock, owner: "new", loopKey: new Uint8Array(32) }) };
  }

  async announce(...recipients: readonly Address[]): Promise<EntryOutcome> {
    clock.advance(10);
    const head = new TextEncoder().encode(mail);
    const body = writeNotice({ sesId: "k1", location, source: "bob@remote.test", recipients, head, receivedAt: this.clock.now() });
    const entry: QueueEntry = { id: recipients.join(), receiptHandle: "r", receiveCount: 2, sentAt: this.clock.now(), body };
    return handleEntry(entry, this.way());
  }

  done(): readonly string[] {
    return this.courier.sent.flatMap(({ recipients }) => recipients.map(({ key }) => key as string));
  }

  kinds(): readonly string[] {
    return this.journal.events.map(({ kind }) => kind as string);
  }
}

test("X20 an open row of an earlier version is carried on: no delivery and no forward twice, and no reply that may be out", async () => {
  await put({ id: mailId, ...givenBack(), finals: [delivered(alice), relayed(alice, "x@other.test")] });
  await put(reply(alice, mailId));
  const way = new Upgraded();
  expect(await way.announce(alice)).toEqual({ kind: "ack" });
  expect(way.done()).toEqual([`forward ${alice} y@other.test`]);
  expect(await rowOf(mailId)).toMatchObject({ closed: true });
  expect(await way.announce(alice)).toEqual({ kind: "ack" });
  expect(way.done().length).toBe(1);
});

test("X20 a lease of an earlier version that ran out is taken over, and that is announced", async () => {
  await put({ id: mailId, ...leased(), finals: [delivered(alice)] });
  await put(reply(alice, mailId));
  const way = new Upgraded();
  expect(await way.announce(alice)).toEqual({ kind: "ack" });
  expect(way.done()).toEqual([`forward ${alice} x@other.test`, `forward ${alice} y@other.test`]);
  expect(way.kinds()).toContain("taken-over");
});

test("X20 the row of a second notice is carried on when the first one is closed", async () => {
  for (const state of [givenBack(), leased(), closed()]) {
    await put({ id: mailId, ...closed(), finals: [delivered(alice), relayed(alice, "x@other.test"), relayed(alice, "y@other.test")] });
    await put({ id: secondId, ...state, finals: [delivered(carol), relayed(carol, "x@other.test")] });
    const way = new Upgraded();
    const { textHash } = await hashOfReply();
    await put(reply(carol, secondId, textHash));
    expect(await way.announce(carol)).toEqual({ kind: "ack" });
    expect(way.done()).toEqual([`forward ${carol} y@other.test`]);
    expect(way.kinds().includes("taken-over")).toBe("owner" in state);
    expect(await way.announce(alice)).toEqual({ kind: "ack" });
    expect(await way.announce(alice, carol)).toEqual({ kind: "ack" });
    expect(way.done().length).toBe(1);
    expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered" });
  }
});

test("X20 an open row of an earlier version that tells of another notice's recipient is not closed, so that its forward is made", async () => {
  await put({ id: mailId, ...givenBack(), finals: [delivered(alice)] });
  await put(reply(alice, mailId));
  const way = new Upgraded();
  expect(await way.announce(carol)).toEqual({ kind: "ack" });
  expect((await rowOf(mailId))?.["closed"]).toBeUndefined();
  expect(await way.announce(alice)).toEqual({ kind: "ack" });
  expect(way.done().filter((key) => key.includes(alice))).toEqual([`forward ${alice} x@other.test`, `forward ${alice} y@other.test`]);
});

/** The hash of the reply's text, as both versions make it. */
async function hashOfReply(): Promise<Readonly<{ textHash: string }>> {
  const other = new TestWay(mail);
  other.directory.rule(alice, { ooo_active: true, ooo_message: "I am away" });
  await other.receive();
  const [row] = other.ledger.tables.replies.values();
  if (row === undefined) throw new Error("there is a reply");
  return row;
}
