// `sesame trace` in a data folder: found by its key, its beginning, the Message-ID and a recipient, while `sesame local` may run.

import { describe, expect, test } from "bun:test";
import { Writable } from "node:stream";
import { type EpochMs, mailId } from "@sesame/core";
import { traceHashes } from "@sesame/core/journey";
import { type TraceOptions, trace } from "../../apps/worker/commands/trace.ts";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { FileMailStore } from "../../apps/worker/local/file-mail-store.ts";
import { SqliteLedger } from "../../apps/worker/local/sqlite-ledger.ts";
import { soughtIn } from "../../apps/worker/tracing/mail-search.ts";
import { delivered, deliverKey, key } from "../contracts/samples.ts";
import { inDataFolder } from "../local/data-folder.ts";

class Text extends Writable {
  text = "";

  override _write(piece: Buffer, _: unknown, done: () => void): void {
    this.text += piece.toString();
    done();
  }
}

async function run(
  data: string,
  what: string,
  options: TraceOptions = {},
): Promise<Readonly<{ code: number; out: string; problems: string }>> {
  const [out, problems] = [new Text(), new Text()];
  const code = await trace(what, { data, ...options }, { out, problems });
  return { code, out: out.text, problems: problems.text };
}

const [first, second] = ["7t1zit4y3p5i5gws79rtkm6eqnyad8053gwolckn", "7t1zzz4y3p5i5gws79rtkm6eqnyad8053gwolckn"];
const [alice, carol] = [key("alice@example.com"), key("carol+x@example.com")];
const octets = new TextEncoder().encode("From: bob@remote.test\r\nMessage-ID: <1@remote.test>\r\n\r\nHi\r\n");

/** Two mails: one is done, the other waits. */
async function filled(folder: string): Promise<void> {
  const database = openDatabase(folder);
  const store = new FileMailStore({ folder });
  const ledger = new SqliteLedger({ database, owner: "one", clock: { now: () => Date.now() as EpochMs } });
  const secret = await ledger.loopKey();
  for (const name of [first, second] as const) {
    const location = { kind: "object", bucket: "example-com-emails", key: name } as const;
    await store.put(location, octets);
    const recipients = name === first ? [alice] : [alice, carol];
    const hashes = traceHashes(secret, name === first ? "<1@remote.test>" : null, recipients);
    const claim = await ledger.claim(mailId(`example-com-emails/${name}`), 60, recipients, hashes);
    if (claim.kind !== "held") throw new Error(claim.kind);
    await ledger.record(claim.lease, new Map([[deliverKey("alice@example.com"), delivered]]), name === first ? "close" : "release");
    const mail = await store.open(location);
    if (mail !== "missing" && name === first)
      await store.mark(mail, { processed: "true", status: "delivered", processed_by: "worker-example.com", processed_at: "1764000000" });
  }
  database.close();
}

describe("sesame trace", () => {
  test("tells of one mail by its key, the beginning of it, and the Message-ID", () =>
    inDataFolder(async (folder) => {
      await filled(folder);
      for (const what of [first, first.slice(0, 6), `example-com-emails/${first}`, "<1@remote.test>", "1@remote.test"]) {
        const { code, out } = await run(folder, what);
        expect([what, code]).toEqual([what, 0]);
        expect(out).toStartWith(`Delivered to 1: example-com-emails/${first}`);
        expect(out).toContain("Ledger ✓  S3 mark ✓.");
      }
    }));

  test("lists the mails of a recipient, and of a beginning of several keys", () =>
    inDataFolder(async (folder) => {
      await filled(folder);
      for (const what of ["alice@example.com", "7t1z"]) {
        const { code, out } = await run(folder, what);
        expect([code, out.trim().split("\n").length]).toEqual([0, 3]);
      }
      expect((await run(folder, "alice@example.com", { most: 1 })).out).toContain("Waiting for 2");
    }));

  test("ends with 1 for a mail that is not done, found by a tagged recipient or by the mailbox", () =>
    inDataFolder(async (folder) => {
      await filled(folder);
      for (const what of ["carol+x@example.com", "Carol@example.com"]) {
        const { code, out } = await run(folder, what);
        expect([code, out]).toEqual([1, expect.stringContaining(`Waiting for 2, delivered to 1: example-com-emails/${second}`)]);
      }
    }));

  test("ends with 2 and says so where nothing is found", () =>
    inDataFolder(async (folder) => {
      await filled(folder);
      for (const what of [
        "nobody@example.com",
        "carol+y@example.com",
        "<2@remote.test>",
        "unknownkey",
        "abc",
        "example-com-emails/none-of-these-mails",
      ]) {
        const { code, out, problems } = await run(folder, what);
        expect([what, code, out]).toEqual([what, 2, ""]);
        expect(problems).toMatch(/^Cannot (find|look for) /m);
      }
    }));

  test("prints JSON that a program can read", () =>
    inDataFolder(async (folder) => {
      await filled(folder);
      const { out } = await run(folder, first, { json: true });
      expect(JSON.parse(out)).toMatchObject({
        mailId: `example-com-emails/${first}`,
        state: "done",
        entry: { state: "closed" },
        object: { mark: { status: "delivered" } },
      });
    }));

  test("refuses a folder without tables", () =>
    inDataFolder(async (folder) => {
      expect(await run(folder, first)).toMatchObject({ code: 2, out: "" });
    }));
});

const domains = ["example.com"] as unknown as Parameters<typeof soughtIn>[1];
const arguments_: readonly (readonly [string, unknown])[] = [
  ["5m0qbgf3fq190q", { kind: "key", begin: "5m0qbgf3fq190q" }],
  ["example-com-emails/5m0q", { kind: "key", begin: "example-com-emails/5m0q" }],
  ["<a@remote.test>", { kind: "message", id: "<a@remote.test>" }],
  ["Message-ID: <a@remote.test>", { kind: "message", id: "<a@remote.test>" }],
  ["a@remote.test", { kind: "message", id: "<a@remote.test>" }],
  ["alice@example.com", { kind: "recipient", address: "alice@example.com" }],
  ["alice@EXAMPLE.com", { kind: "recipient", address: "alice@EXAMPLE.com" }],
];
for (const [text, expected] of arguments_) {
  test(`soughtIn() reads ${text}`, () => {
    expect(soughtIn(text, domains)).toMatchObject({ ok: true, value: expected });
  });
}

test("soughtIn() refuses what names too many mails, or none", () => {
  for (const text of ["abc", "", "a b@c"]) expect(soughtIn(text, domains).ok).toBe(false);
});
