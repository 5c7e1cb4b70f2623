// The tools of the page of `sesame local`, on a real data folder: a preview that changes nothing, rows that are checked as the
// command line checks them, and a mail that goes into the queue as one from the front door.

import type { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Domain, EpochMs } from "@sesame/core";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { FileMailStore } from "../../apps/worker/local/file-mail-store.ts";
import { PageTools } from "../../apps/worker/local/page-tools.ts";
import { SqliteMailQueue } from "../../apps/worker/local/sqlite-mail-queue.ts";
import { SqliteRuleBook } from "../../apps/worker/local/sqlite-rule-book.ts";

const domain = "example.com" as Domain;
const alice = "alice@example.com";
let folder = "";
let database: Database;
let book: SqliteRuleBook;
let queue: SqliteMailQueue;
let tools: PageTools;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sesame-page-tools-"));
  database = openDatabase(folder);
  const clock = { now: () => Date.parse("2026-11-25T03:14:18Z") as EpochMs };
  queue = new SqliteMailQueue({ database, name: domain, clock, visibilitySeconds: 60, waitSeconds: 0 });
  book = new SqliteRuleBook({ database });
  tools = new PageTools({
    book,
    accept: { folder, database, store: new FileMailStore({ folder }), queues: new Map([[domain, queue]]), clock },
    commands: { rules: "sesame rules", block: "sesame block" },
    policy: {},
  });
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const form = { address: alice, from: "bob@remote.test", to: alice, subject: "Hello" };
const empty = { active: "", ooo: "", html: "", oooSubject: "", start: "", end: "", timezone: "", forwards: "", patterns: "" };

test("preview() compares the saved row with the form, and saves nothing", async () => {
  const changed = { ...form, active: "on", ooo: "I am away", forwards: "me@private.test" };
  const preview = await tools.preview(changed, null);
  expect(preview.errors).toEqual({});
  expect(preview.asSaved).toBe(`${alice}: delivered`);
  expect(preview.withChanges.split("\n")).toEqual([
    `${alice}: delivered`,
    `${alice}: auto-reply to bob@remote.test`,
    `${alice}: forwarded to me@private.test`,
  ]);
  expect(preview.explanation).toContain("auto-reply of the row alice@example.com");
  expect([await book.list("rules"), await queue.size()]).toEqual([[], { visible: 0, inFlight: 0, delayed: 0 }]);
});

const marks: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
  [{ list: "on" }, "no auto-reply (mailing-list)"],
  [{ program: "on" }, "no auto-reply (auto-submitted)"],
  [{ spam: "on" }, "no auto-reply (spam-verdict)"],
  [{ from: "<>" }, "no auto-reply (null-reverse-path)"],
];
for (const [more, words] of marks) {
  test(`preview() of ${JSON.stringify(more)} says: ${words}`, async () => {
    const preview = await tools.preview({ ...form, active: "on", ooo: "I am away", ...more }, null);
    expect(preview.withChanges).toContain(words);
  });
}

test("preview() of a file takes its header, and its size even where only its start came", async () => {
  const octets = new TextEncoder().encode("From: x@spam.test\r\nTo: alice@example.com\r\nPrecedence: bulk\r\n\r\nHi\r\n");
  const away = { ...form, active: "on", ooo: "Away", forwards: "me@private.test" };
  expect((await tools.preview(away, { octets, size: octets.length })).withChanges).toContain("no auto-reply (bulk-precedence)");
  const large = await tools.preview(away, { octets, size: 45_000_000 });
  expect(large.withChanges).toContain("a stand-in sent to me@private.test (too-large)");
});

const wrong: readonly (readonly [Readonly<Record<string, string>>, string, RegExp])[] = [
  [{ active: "on", ooo: "Away", end: "soon" }, "end", /ooo_end.*"soon"/],
  [{ active: "on", ooo: "Away", start: "2026-13-01" }, "start", /ooo_start/],
  [{ active: "on", ooo: "Away", timezone: "Mars" }, "timezone", /ooo_timezone/],
  [{ active: "on" }, "ooo", /ooo_message/],
  [{ forwards: "nobody" }, "forwards", /forward/],
  [{ patterns: "spam.test" }, "patterns", /spam\.test/], // matches nobody
  [{ from: "nobody" }, "from", /nobody/],
  [{ to: "@" }, "to", /@/],
  [{ address: "nobody" }, "address", /nobody/],
];
for (const [more, field, error] of wrong) {
  test(`preview() shows an error at ${field} for ${JSON.stringify(more)}, and save() refuses it`, async () => {
    const { errors } = await tools.preview({ ...form, ...more }, null);
    expect(Object.keys(errors)).toEqual([field]);
    expect(errors[field]).toMatch(error);
    if (field === "from" || field === "to") return; // nothing of the row
    expect(Object.keys(await tools.save({ ...form, ...more }))).toEqual([field]);
    expect(await book.list("rules")).toEqual([]);
  });
}

test("save() writes both rows, keeps attributes that it does not know, and undo() puts back what was there", async () => {
  await book.set("rules", alice, { ooo_active: false, ooo_message: "Old", note: "mine" });
  const before = await tools.rowOf(alice);
  expect(before).toEqual({ ...empty, ooo: "Old" });
  const next = {
    ...form,
    ...before,
    active: "on",
    ooo: "New",
    end: "2026-12-24",
    forwards: "me@private.test\nyou@private.test",
    patterns: "*@spam.test",
  };
  expect(await tools.save(next)).toEqual({});
  expect(await book.show("rules", alice)).toEqual({
    ...{ ooo_active: true, ooo_message: "New", ooo_content_type: "text", ooo_end: "2026-12-24", note: "mine" },
    forwards: ["me@private.test", "you@private.test"],
  });
  expect(await book.show("blocked", alice)).toEqual({ blocked_patterns: ["*@spam.test"] });
  expect(await tools.rowOf(alice)).toMatchObject({ active: "on", end: "2026-12-24", patterns: "*@spam.test" });
  expect((await tools.preview({ ...next, from: "x@spam.test" }, null)).asSaved).toContain('blocked: x@spam.test matches "*@spam.test"');
  expect([await tools.undo(alice), await tools.undo(alice)]).toEqual([true, false]);
  expect([await book.show("rules", alice), await book.show("blocked", alice)]).toEqual([
    { ooo_active: false, ooo_message: "Old", note: "mine" },
    null,
  ]);
});

test("save() takes away rows that say nothing", async () => {
  await book.set("blocked", alice, { blocked_patterns: ["*@spam.test"] });
  expect(await tools.save({ ...form, ...empty })).toEqual({});
  expect([await book.show("rules", alice), await book.show("blocked", alice)]).toEqual([null, null]);
});

test("send() puts the mail into the queue of its domain, and subjectOf() reads it; a foreign domain is refused", async () => {
  const sent = await tools.send({ ...form, subject: "Grüße\r\nBcc: x@y.test" }, null);
  if (!sent.ok) throw new Error(sent.error);
  expect((await queue.size()).visible).toBe(1);
  expect(await tools.subjectOf(sent.value)).toBe("Grüße Bcc: x@y.test"); // no field was injected
  expect([await tools.subjectOf("example-com-emails/none"), await tools.subjectOf("x"), await tools.subjectOf("../../etc/passwd")]).toEqual(
    [null, null, null],
  );
  expect(await tools.send({ ...form, to: "alice@other.test" }, null)).toMatchObject({
    ok: false,
    error: expect.stringContaining("not a served domain"),
  });
});
