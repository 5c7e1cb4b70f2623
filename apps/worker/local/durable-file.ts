// Durable file: files that are complete or absent, and that survive a power failure once a call has returned. The order is
// always the same: write a temporary file, sync it, rename it, sync its folder. Only the own user may read them.

import { randomUUID } from "node:crypto";
import { access, copyFile, type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { privateFile, privateFolder } from "./private-file.ts";
import { hasCode } from "./trouble.ts";

/** Octets to write: in memory or as a stream. */
export type Octets = Uint8Array | AsyncIterable<Uint8Array>;

/** Creates a folder and its parents, and syncs them. */
export async function ensureFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: privateFolder });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
}

/** Syncs the directory entries of a folder. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // Windows cannot open a folder
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes and syncs a temporary file, and returns its path. If that fails, the file is removed. */
export async function writeTemporary(folder: string, octets: Octets): Promise<string> {
  await ensureFolder(folder);
  const path = join(folder, randomUUID());
  const handle = await open(path, "wx", privateFile);
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

/** Renames a temporary file to its path. A file already there is replaced atomically. */
export async function moveIntoPlace(temporary: string, path: string): Promise<void> {
  await ensureFolder(dirname(path));
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Hard-links a temporary file to a path and keeps it, for a mail that is stored in several places. */
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

/** Removes temporary files of a process that crashed. Only for the start, before anything is written. */
export async function emptyTemporary(dataFolder: string): Promise<void> {
  await rm(join(dataFolder, "tmp"), { recursive: true, force: true });
}

/** Removes a file and syncs its folder. A missing file is not an error. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path)).catch((error: unknown) => {
    if (!hasCode(error, "ENOENT")) throw error;
  });
}

/** Whether the file exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
