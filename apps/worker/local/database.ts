// Database: the SQLite file of a data folder, with queues, users' tables, ledger and outbound table. A commit is on the disk
// when it returns (WAL with synchronous=FULL), because the front door answers 250 after it.

import { Database, SQLiteError } from "bun:sqlite";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { err, ok, type Result } from "@sesame/core";
import { createPrivateFile, privateFolder } from "./private-file.ts";

const fileName = "sesame.sqlite";

// Rows of the users' tables and of the outbound table are JSON. The core decodes them strictly.
const firstSchema = `
  CREATE TABLE queue_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    sent_at INTEGER NOT NULL, visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL DEFAULT 0, receipt TEXT);
  CREATE INDEX queue_entries_by_sight ON queue_entries (queue, visible_at);
  CREATE INDEX queue_entries_by_receipt ON queue_entries (receipt);
  CREATE TABLE dead_letters (
    id TEXT PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL, sent_at INTEGER NOT NULL,
    receive_count INTEGER NOT NULL, moved_at INTEGER NOT NULL);
  CREATE TABLE email_rules (email_address TEXT PRIMARY KEY, row TEXT NOT NULL);
  CREATE TABLE email_blocked_senders (email_address TEXT PRIMARY KEY, row TEXT NOT NULL);
  CREATE TABLE ses_outbound_messages (message_id TEXT PRIMARY KEY, row TEXT NOT NULL);
  CREATE TABLE ledger_mails (
    mail_id TEXT PRIMARY KEY, owner TEXT, until INTEGER NOT NULL, crashes INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0, expires INTEGER NOT NULL);
  CREATE INDEX ledger_mails_by_expiry ON ledger_mails (expires);
  CREATE TABLE ledger_finals (
    mail_id TEXT NOT NULL REFERENCES ledger_mails ON DELETE CASCADE, effect_key TEXT NOT NULL, final TEXT NOT NULL,
    PRIMARY KEY (mail_id, effect_key));
  CREATE TABLE ledger_replies (
    recipient TEXT NOT NULL, sender TEXT NOT NULL, text_hash TEXT NOT NULL, mail_id TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (recipient, sender));
  CREATE TABLE ledger_secrets (name TEXT PRIMARY KEY, octets BLOB NOT NULL);
`;

// One row for each auto-reply that was claimed, and one for each that was counted.
const replySchema = `
  CREATE TABLE ledger_reply_claims (
    mail_id TEXT NOT NULL, effect_key TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (mail_id, effect_key));
  CREATE TABLE ledger_reply_counts (
    counter TEXT NOT NULL, entry TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (counter, entry));
`;

// Which claim has a mail, and who waits for it.
const waitingSchema = `
  ALTER TABLE ledger_mails ADD COLUMN nonce TEXT;
  ALTER TABLE ledger_mails ADD COLUMN erase_after INTEGER;
  CREATE TABLE ledger_waiting (
    mail_id TEXT NOT NULL REFERENCES ledger_mails ON DELETE CASCADE, recipient TEXT NOT NULL, PRIMARY KEY (mail_id, recipient));
`;

// By what a mail is found again, and when each of its ends was recorded.
const traceSchema = `
  ALTER TABLE ledger_mails ADD COLUMN since INTEGER;
  ALTER TABLE ledger_mails ADD COLUMN message TEXT;
  ALTER TABLE ledger_finals ADD COLUMN at INTEGER;
  CREATE INDEX ledger_mails_by_message ON ledger_mails (message) WHERE message IS NOT NULL;
  CREATE TABLE ledger_named (
    hash TEXT NOT NULL, mail_id TEXT NOT NULL REFERENCES ledger_mails ON DELETE CASCADE, PRIMARY KEY (hash, mail_id));
  CREATE INDEX ledger_named_by_mail ON ledger_named (mail_id);
`;

/** What each version adds to the one before. */
const schemas: readonly string[] = [firstSchema, replySchema, waitingSchema, traceSchema];
const version = schemas.length;

/** Opens the database of a data folder, and creates it if it is missing. Throws if it cannot be used. */
export function openDatabase(folder: string): Database {
  mkdirSync(folder, { recursive: true, mode: privateFolder });
  const path = join(folder, fileName);
  try {
    createPrivateFile(path); // the files that SQLite makes beside it get its mode
    return openFile(path);
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    throw new Error(`Cannot open "${path}": must be a Sesame database that this user can write (${error.message})`);
  }
}

/**
 * Opens the database of a data folder in which `sesame local` has run. In another folder no worker would read the row: the
 * user probably forgot `--aws`.
 */
export function openTables(folder: string): Result<Database> {
  if (existsSync(join(folder, fileName))) return ok(openDatabase(folder));
  const fix = "use --data with the data folder of sesame local, or --aws for the tables of sesame run";
  return err(`Cannot open the tables: "${folder}" has no ${fileName}; ${fix}`);
}

function openFile(path: string): Database {
  const database = new Database(path, { create: true, strict: true });
  try {
    // First, because the next pragmas may have to wait for another process.
    database.run("PRAGMA busy_timeout = 5000");
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = FULL");
    database.run("PRAGMA foreign_keys = ON");
    database.transaction(() => upgrade(database)).immediate();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The same database in memory, for this process only. A restart loses it. */
export function openMemoryDatabase(): Database {
  const database = new Database(":memory:", { strict: true });
  database.run("PRAGMA foreign_keys = ON");
  upgrade(database);
  return database;
}

function upgrade(database: Database): void {
  const found = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (found > version)
    throw new Error(
      `Cannot open ${database.filename}: its version must be at most ${version}, is ${found}; use the newer Sesame that wrote it`,
    );
  if (found === version) return;
  for (const schema of schemas.slice(found)) database.run(schema);
  database.run(`PRAGMA user_version = ${version}`);
}

/** A row as it was stored. Text that is not JSON stays text; its decoder refuses this row only. */
export function parseRow(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
