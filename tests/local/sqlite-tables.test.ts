// The database file, and the users' tables: the worker reads what the command line writes.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Claim } from "@sesame/core";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { SqliteDirectory } from "../../apps/worker/local/sqlite-directory.ts";
import { SqliteLedger } from "../../apps/worker/local/sqlite-ledger.ts";
import { SqliteOutbound } from "../../apps/worker/local/sqlite-outbound.ts";
import { SqliteRuleBook } from "../../apps/worker/local/sqlite-rule-book.ts";
import { key, mailId } from "../contracts/samples.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { inDataFolder } from "./data-folder.ts";

describe("openDatabase()", () => {
  test("openDatabase() keeps what was written when it is opened again", () =>
    inDataFolder(async (folder) => {
      const first = openDatabase(folder);
      await new SqliteRuleBook({ database: first }).set("rules", "a@example.com", { ooo_active: true });
      first.close();
      const second = openDatabase(folder);
      expect(await new SqliteRuleBook({ database: second }).show("rules", "a@example.com")).toEqual({ ooo_active: true });
      second.close();
    }));

  test("openDatabase() syncs each commit", () =>
    inDataFolder(async (folder) => {
      const database = openDatabase(folder);
      expect(database.query("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
      expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
      database.close();
    }));

  test("openDatabase() refuses a file of a newer version", () =>
    inDataFolder(async (folder) => {
      const newer = new Database(join(folder, "sesame.sqlite"), { create: true });
      newer.run("PRAGMA user_version = 99");
      newer.close();
      expect(() => openDatabase(folder)).toThrow("its version must be at most 4, is 99");
    }));
});

describe("SqliteDirectory", () => {
  test("look() sees at once what another process writes", () =>
    inDataFolder(async (folder) => {
      const [worker, command] = [openDatabase(folder), openDatabase(folder)];
      const directory = new SqliteDirectory({ database: worker });
      const asked = { rules: [], blocked: ["a@example.com"] };
      expect((await directory.look(asked)).blocked.size).toBe(0);
      await new SqliteRuleBook({ database: command }).set("blocked", "a@example.com", { blocked_patterns: ["*@spam.test"] });
      expect((await directory.look(asked)).blocked.get("a@example.com")).toEqual(["*@spam.test"]);
      for (const database of [worker, command]) database.close();
    }));

  test("look() gives a row that is no JSON as text, and the others as they are", () =>
    inDataFolder(async (folder) => {
      const database = openDatabase(folder);
      database.run("INSERT INTO email_rules VALUES ('a@example.com', '{broken'), ('b@example.com', '{}')");
      const { rules } = await new SqliteDirectory({ database }).look({ rules: ["a@example.com", "b@example.com"], blocked: [] });
      expect(rules).toEqual(
        new Map<string, unknown>([
          ["a@example.com", "{broken"],
          ["b@example.com", {}],
        ]),
      );
      database.close();
    }));
});

describe("SqliteOutbound", () => {
  test("note() gathers the recipients of several bounces of one mail", () =>
    inDataFolder(async (folder) => {
      const database = openDatabase(folder);
      const outbound = new SqliteOutbound({ database });
      for (const recipient of ["a@remote.test", "b@remote.test", "a@remote.test"]) {
        await outbound.note({ MessageId: "id", original_source: "x@example.com", bouncedRecipients: [recipient] });
      }
      expect(await outbound.find(["id"])).toMatchObject({ bouncedRecipients: ["a@remote.test", "b@remote.test"] });
      database.close();
    }));
});

test("openDatabase() adds to a database of version 1 what later versions have, and keeps its rows", () =>
  inDataFolder(async (folder) => {
    openDatabase(folder).close();
    const former = new Database(join(folder, "sesame.sqlite"));
    former.run("DROP TABLE ledger_reply_claims");
    former.run("DROP TABLE ledger_reply_counts");
    former.run("DROP TABLE ledger_waiting");
    former.run("DROP TABLE ledger_named");
    former.run("DROP INDEX ledger_mails_by_message");
    for (const column of ["since", "message"]) former.run(`ALTER TABLE ledger_mails DROP COLUMN ${column}`);
    former.run("ALTER TABLE ledger_finals DROP COLUMN at");
    former.run("ALTER TABLE ledger_mails DROP COLUMN nonce");
    former.run("ALTER TABLE ledger_mails DROP COLUMN erase_after");
    former.run(
      "INSERT INTO ledger_mails VALUES ('bucket/open', NULL, 0, 0, 0, 9000000000000), ('bucket/closed', NULL, 0, 0, 1, 9000000000000)",
    );
    for (const id of ["bucket/open", "bucket/closed"])
      former.run("INSERT INTO ledger_finals VALUES (?, ?, ?)", [id, "deliver alice@example.com", '{"action":"delivered","detail":""}']);
    former.run("INSERT INTO ledger_replies VALUES ('alice@example.com', 'bob@remote.test', 'hash', 'bucket/1', 9000000000000)");
    former.run("PRAGMA user_version = 1");
    former.close();
    const database = openDatabase(folder);
    const count = (table: string) => database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n;
    expect(["ledger_replies", "ledger_reply_claims", "ledger_reply_counts"].map(count)).toEqual([1, 0, 0]);
    const ledger = new SqliteLedger({ database, owner: "new", clock: new FakeClock() });
    const [alice, carol] = [key("alice@example.com"), key("carol@example.com")];
    const leaseOf = (claim: Claim) => {
      if (claim.kind !== "held") throw new Error(claim.kind);
      return claim.lease;
    };
    // An open row that tells of others is not closed; of a closed one those others are done.
    const open = leaseOf(await ledger.claim(mailId("bucket/open"), 60, [carol]));
    expect([open.finals.size, open.othersWait, await ledger.record(open, new Map(), "close")]).toEqual([1, true, "recorded"]);
    expect(await ledger.claim(mailId("bucket/closed"), 60, [alice])).toMatchObject({ kind: "closed", nonce: null });
    const closed = leaseOf(await ledger.reopen(mailId("bucket/closed"), 60, [carol], mailId("bucket/none")));
    expect([closed.othersWait, await ledger.record(closed, new Map(), "close")]).toEqual([false, "closed"]);
    database.close();
  }));
