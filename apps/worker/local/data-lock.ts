// Data lock: one process at a time uses a data folder, since queue and ledger give back at start what they find held.
// The lock is a file with the holder's process id and start time; the lock of a process that is dead is taken over. A
// process id is used again sooner or later (in a container at once), so the start time must agree as well.

import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "@sesame/core";
import { hasCode } from "./trouble.ts";

/** A held lock. */
export type DataLock = Readonly<{ release(): void }>;

type Holder = Readonly<{ pid: number; startTime: string | null }>;

const held = new Set<string>();
const attempts = 20;
const pauseMs = 25; // between making the file and writing into it a holder's lock is empty for a moment

/** Locks a data folder, and makes it where there is none. The error says why it cannot be used. */
export async function lockData(folder: string): Promise<Result<DataLock>> {
  try {
    await mkdir(folder, { recursive: true });
    return await lockFile(folder, join(folder, "sesame.lock"));
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return err(`Cannot use "${folder}": data folder as this user must be able to write in it, is ${said}`);
  }
}

async function lockFile(folder: string, path: string): Promise<Result<DataLock>> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (tryCreate(path)) return ok({ release: () => release(path) });
    const text = readLock(path);
    const holder = parseHolder(text);
    if (holder !== null && isAlive(holder, path)) return err(refusal(folder, holder));
    const fresh = holder === null && attempt < attempts / 2;
    if (fresh) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    else if (text !== null) removeStale(path, text);
  }
  return err(`Cannot lock "${folder}": only one process may use it, is a lock that keeps changing`);
}

function refusal(folder: string, { pid }: Holder): string {
  return `Cannot lock "${folder}": only one process may use it, is process ${pid}, which is running`;
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

/** Moves a stale lock aside before removing it: should it be another's fresh lock by now, it is put back. */
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
  if (holder.pid === process.pid) return held.has(path); // else a process before this one had its number
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (!hasCode(error, "EPERM")) return false; // EPERM: it runs, and is somebody else's
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

/** Clock ticks from the boot to the start of a process; `null` where the system does not tell (see proc(5), field 22). */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the process is field 2, in brackets, and may hold blanks and brackets itself.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
