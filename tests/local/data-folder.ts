// Data folder: a temporary folder for each test, removed when the test ends.

import type { Database } from "bun:sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../apps/worker/local/database.ts";

export type DataFolder = Readonly<{ folder: string; remove(): Promise<void> }>;

/** Makes an empty data folder. */
export async function makeDataFolder(): Promise<DataFolder> {
  const folder = await mkdtemp(join(tmpdir(), "sesame-test-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Runs a test in a data folder of its own. */
export async function inDataFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const { folder, remove } = await makeDataFolder();
  try {
    await run(folder);
  } finally {
    await remove();
  }
}

/** A data folder with its database open; `close` closes and removes it. */
export async function makeDatabase(): Promise<Readonly<{ folder: string; database: Database; close(): Promise<void> }>> {
  const { folder, remove } = await makeDataFolder();
  const database = openDatabase(folder);
  const close = async () => {
    database.close();
    await remove();
  };
  return { folder, database, close };
}
