// Data lock: only one process may use a data folder, because queue and ledger release at start what the last process held.
// The lock is SQLite's exclusive lock on a database of its own. The kernel holds it for the process and drops it when the
// process ends, however it ends, so no lock of a dead process is left and none of a running one can be taken, from no PID
// namespace. `sesame rules` and `sesame block` do not take it. See sqlite.org, "File Locking And Concurrency In SQLite Version 3".

import { Database, SQLiteError } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { err, ok, type Result } from "@sesame/core";
import { createPrivateFile, privateFolder } from "./private-file.ts";

/** A held lock. */
export type DataLock = Readonly<{ release(): void }>;

/** Not for look-ups: a database that nothing refers to is closed by the garbage collector, and the lock would be lost. */
const held = new Set<Database>();

/** Locks a data folder, and creates it if it is missing. The error says why the folder cannot be used. */
export function lockData(folder: string): Result<DataLock> {
  const path = join(folder, "lock.db");
  try {
    mkdirSync(folder, { recursive: true, mode: privateFolder });
    createPrivateFile(path);
    const database = openExclusively(path);
    if (database === "busy") return err(`Cannot lock "${folder}": another process uses it; stop that process or choose another folder`);
    held.add(database);
    return ok({ release: () => release(database) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return err(`Cannot use the data folder "${folder}": this user must be able to write to it (${reason})`);
  }
}

/** The transaction stays open as long as the lock is held. It writes nothing, so no journal is left by a process that is killed. */
function openExclusively(path: string): Database | "busy" {
  const database = new Database(path);
  try {
    database.run("PRAGMA busy_timeout = 0");
    database.run("BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") return "busy";
    throw error;
  }
}

function release(database: Database): void {
  if (held.delete(database)) database.close();
}
