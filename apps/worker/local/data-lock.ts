// Data lock: only one process may use a data folder, because queue and ledger release at start what the last process held.
// The lock is a file with the process id and start time of its holder. The lock of a dead process is taken over. The system
// reuses process ids (in a container at once), so the start time must match too.

import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "@sesame/core";
import { sleep } from "../timers.ts";
import { hasCode } from "./trouble.ts";

/** A held lock. */
export type DataLock = Readonly<{ release(): void }>;

type Holder = Readonly<{ pid: number; startTime: string | null }>;

const held = new Set<string>();
const attempts = 20;
const retryDelayMs = 25; // the lock file is empty for a moment between its creation and the first write

/** Locks a data folder, and creates it if it is missing. The error says why the folder cannot be used. */
export async function lockData(folder: string): Promise<Result<DataLock>> {
  try {
    await mkdir(folder, { recursive: true });
    return await lockFile(folder, join(folder, "sesame.lock"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return err(`Cannot use the data folder "${folder}": this user must be able to write to it (${reason})`);
  }
}

async function lockFile(folder: string, path: string): Promise<Result<DataLock>> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (tryCreate(path)) return ok({ release: () => release(path) });
    const text = readLock(path);
    const holder = parseHolder(text);
    if (holder !== null && isAlive(holder, path)) return err(refusal(folder, holder));
    const fresh = holder === null && attempt < attempts / 2;
    if (fresh) await sleep(retryDelayMs);
    else if (text !== null) removeStale(path, text);
  }
  return err(`Cannot lock "${folder}": another process keeps changing its lock file; stop that process or choose another folder`);
}

function refusal(folder: string, { pid }: Holder): string {
  return `Cannot lock "${folder}": process ${pid} uses it; stop that process or choose another folder`;
}

function tryCreate(path: string): boolean {
  try {
    writeFileSync(path, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) }), { flag: "wx" });
    held.add(path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Renames a stale lock before it removes it. If another process has written a new lock meanwhile, it is restored. */
function removeStale(path: string, expected: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  if (readLock(aside) === expected) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

function release(path: string): void {
  const mine = held.delete(path) && parseHolder(readLock(path))?.pid === process.pid;
  if (mine) rmSync(path, { force: true });
}

function isAlive(holder: Holder, path: string): boolean {
  if (holder.pid === process.pid) return held.has(path); // else an earlier process had the same id
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (!hasCode(error, "EPERM")) return false; // EPERM: it runs under another user
  }
  const startTime = startTimeOf(holder.pid);
  return holder.startTime === null || startTime === null || holder.startTime === startTime;
}

function readLock(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

function parseHolder(text: string | null): Holder | null {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value !== "object" || value === null || !("pid" in value) || typeof value.pid !== "number") return null;
    const startTime = "startTime" in value && typeof value.startTime === "string" ? value.startTime : null;
    return { pid: value.pid, startTime };
  } catch {
    return null;
  }
}

/** Clock ticks from boot to the start of a process; `null` if the system does not tell (proc(5), field 22). */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 2, the process name, is in brackets and may itself contain blanks and brackets.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
