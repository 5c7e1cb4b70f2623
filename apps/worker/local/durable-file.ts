// Durable file: files that are whole or absent, and that survive a power cut once a call has returned.
// The order is always the same: write a temporary file, sync it, give it its name, sync the folder that holds the name.

import { randomUUID } from "node:crypto";
import { access, copyFile, type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasCode } from "./trouble.ts";

/** Octets to be written: in memory, or a stream of them. */
export type Octets = Uint8Array | AsyncIterable<Uint8Array>;

/** Makes a folder and its parents, so that they survive a power cut too. */
export async function ensureFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
}

/** Syncs the names that a folder holds. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // a folder cannot be opened there
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a temporary file, synced, and gives its path. Nothing is left of it when that fails. */
export async function writeTemporary(folder: string, octets: Octets): Promise<string> {
  await ensureFolder(folder);
  const path = join(folder, randomUUID());
  const handle = await open(path, "wx");
  try {
    await writeAll(handle, octets);
    await handle.sync();
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, octets: Octets): Promise<void> {
  if (octets instanceof Uint8Array) await handle.writeFile(octets);
  else for await (const piece of octets) await handle.writeFile(piece);
}

/** Gives a temporary file its name; an older file of that name is replaced at one stroke. */
export async function moveIntoPlace(temporary: string, path: string): Promise<void> {
  await ensureFolder(dirname(path));
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Gives a temporary file one more name and keeps it, for a mail that several places get. */
export async function linkIntoPlace(temporary: string, path: string): Promise<void> {
  await ensureFolder(dirname(path));
  try {
    await link(temporary, path);
  } catch (error) {
    if (!hasCode(error, "EPERM", "ENOTSUP", "EXDEV", "EMLINK")) throw error;
    await copyDurably(temporary, path); // a file system without hard links
  }
  await syncFolder(dirname(path));
}

async function copyDurably(from: string, to: string): Promise<void> {
  const temporary = join(dirname(from), randomUUID());
  await copyFile(from, temporary);
  const handle = await open(temporary, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, to);
}

/** Writes a whole file. */
export async function writeDurably(path: string, temporaryFolder: string, octets: Octets): Promise<void> {
  await moveIntoPlace(await writeTemporary(temporaryFolder, octets), path);
}

/** Removes what a process that died left in the data folder's `tmp`. Only for the start, before anything is written. */
export async function emptyTemporary(dataFolder: string): Promise<void> {
  await rm(join(dataFolder, "tmp"), { recursive: true, force: true });
}

/** Removes a file and syncs its folder. Removing what is gone is no error. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path)).catch((error: unknown) => {
    if (!hasCode(error, "ENOENT")) throw error;
  });
}

/** Whether there is such a file. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
