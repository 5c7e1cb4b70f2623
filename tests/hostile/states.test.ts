// States: a worker dies before and after each call of a mail's way. What it leaves in ledger, store and queue is a state of the
// table in docs/reliability.md that a death may leave; and each of those is left by some death.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { delayed } from "@sesame/core";
import { FaultInjector, faultAt } from "../fakes/faults.ts";
import { location, mailId, TestWay } from "../journey/way.ts";

const page = readFileSync(join(import.meta.dir, "../../docs/reliability.md"), "utf8");
const rows = page
  .slice(page.indexOf("<!-- states: begin -->"), page.indexOf("<!-- states: end -->"))
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| state"))
  .map((line) =>
    line
      .slice(2, -2)
      .split(" | ")
      .map((cell) => cell.trim()),
  );
const stateOf = ([, ledger, mark, object, entry]: readonly string[]) => [ledger, mark, object, entry].join(", ");
const afterDeath = rows.filter(([, , , , , isLeft]) => isLeft === "yes").map(stateOf);
const ends = rows.filter(([name = ""]) => name === "done" || name === "done, erased").map(stateOf);

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n";
const ways: readonly (readonly [string, () => TestWay])[] = [
  [
    "a mail with everything",
    () => {
      const way = new TestWay(mail, { recipients: ["alice@example.com", "carol@example.com"] });
      way.directory.rule("alice@example.com", { ooo_active: true, ooo_message: "away", forwards: ["x@other.test"] });
      way.courier.script("mailbox", "carol@example.com" as never, delayed("try-later", "recipient", "450"), {
        action: "delivered",
        detail: "250",
      });
      return way;
    },
  ],
  ["a plain mail", () => new TestWay(mail)],
  [
    "a blocked mail",
    () => {
      const way = new TestWay(mail);
      way.directory.block("alice@example.com", ["bob@remote.test"]);
      return way;
    },
  ],
];

/** What a table, a bucket and a queue would show. */
function seen(way: TestWay, entry: "queued" | "gone"): string {
  const row = way.ledger.tables.mails.get(mailId);
  const ledger = row === undefined ? "no row" : row.closed ? "closed" : row.owner === null ? "given back" : "leased";
  const attributes = way.store.attributesOf(location);
  if (attributes === undefined) return [ledger, "gone", "gone", entry].join(", ");
  return [ledger, attributes["processed"] === "true" ? "yes" : "no", "there", entry].join(", ");
}

test("the table has ten states, six of which a death may leave", () => {
  expect([rows.length, afterDeath.length, new Set(rows.map(stateOf)).size]).toEqual([10, 6, 10]);
});

test("a death leaves a mail in one of these states, in each of them at some point, and the next receives end it", async () => {
  const left = new Map<string, number>();
  for (const [name, make] of ways) {
    const clean = make();
    await clean.untilDone();
    expect([name, ends.includes(seen(clean, "gone"))]).toEqual([name, true]);
    for (const point of clean.faults.points) {
      for (const kind of ["die-before", "die-after"] as const) {
        const way = make();
        way.faults = new FaultInjector([faultAt(point, { kind })]);
        for (let i = 0; i < 10 && !way.faults.dead; i++) {
          await way.receive().catch(() => {});
          if (!way.faults.dead) way.clock.advance(200);
        }
        const state = seen(way, "queued");
        expect([name, point, kind, state, afterDeath.includes(state)]).toEqual([name, point, kind, state, true]);
        left.set(state, (left.get(state) ?? 0) + 1);
        way.faults.revive();
        way.clock.advance(200);
        await way.untilDone();
        expect([name, point, kind, ends.includes(seen(way, "gone"))]).toEqual([name, point, kind, true]);
      }
    }
  }
  expect([...left.keys()].sort()).toEqual([...new Set(afterDeath)].sort());
});
