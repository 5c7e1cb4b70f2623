// HONOUR_MARKS on the whole way: the backlog of an earlier program at a cut-over.

import { expect, test } from "bun:test";
import { TestWay } from "./way.ts";

const mail = "From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Hello\r\nMessage-ID: <m1@remote.test>\r\n\r\nHello\r\n";
const location = { kind: "object", bucket: "example-com-emails", key: "k1" } as const;

/** A mail that an earlier program has processed, and whose entry is still queued. */
function marked(more: Readonly<Record<string, string>> = {}): TestWay {
  const way = new TestWay(mail);
  const mark = {
    processed: "true",
    processed_at: String(Math.floor(way.clock.now() / 1000) + 1),
    processed_by: "old-worker",
    status: "delivered",
  };
  way.store.put(location, new TextEncoder().encode(mail), { ...mark, ...more });
  return way;
}

test("X25 a mail that an earlier program delivered is acknowledged and said, and nothing is sent", async () => {
  const way = marked();
  expect(await way.receive({ honourMarks: "other-names" })).toEqual({ kind: "ack" });
  expect(way.courier.sends).toBe(0);
  const said = way.journal.events.find(({ kind }) => kind === "mark-honoured");
  expect(said).toEqual({ kind: "mark-honoured", mailId: "example-com-emails/k1", processedBy: "old-worker", status: "delivered" } as never);
  expect(way.store.attributesOf(location)).toMatchObject({ processed_by: "old-worker" }); // the mark stays
  expect(way.ledger.tables.mails.get("example-com-emails/k1" as never)).toMatchObject({ owner: null, closed: false });
});

test("X25 it is delivered without HONOUR_MARKS, and when the mark leaves a doubt", async () => {
  for (const [way, ports] of [
    [marked(), {}],
    [marked({ status: "partial" }), { honourMarks: "other-names" }],
  ] as const) {
    expect(await way.receive(ports)).toEqual({ kind: "ack" });
    expect(way.courier.sends).toBe(1);
  }
});

test("X25 a mail that this program has begun is finished, whatever mark it has", async () => {
  const way = new TestWay(mail);
  way.directory.rule("alice@example.com", { forwards: ["x@other.test"] });
  way.courier.script("ses", "x@other.test" as never, {
    action: "delayed",
    status: "4.0.0",
    reason: "throttled",
    scope: "mail",
    detail: "",
    possibleDuplicate: false,
  });
  expect((await way.receive({ honourMarks: "all-names" })).kind).toBe("retry");
  const mark = { processed: "true", processed_at: "9999999999", processed_by: "old-worker", status: "delivered" };
  way.store.put(location, new TextEncoder().encode(mail), mark);
  way.clock.advance(3600);
  way.courier.script("ses", "x@other.test" as never, { action: "relayed", detail: "id" });
  expect(await way.receive({ honourMarks: "all-names" })).toEqual({ kind: "ack" });
  expect(way.courier.mailsFor("x@other.test" as never).length).toBe(1);
});
