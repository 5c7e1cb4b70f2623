// The lock of a data folder: one holder; the lock of a dead process is taken over.

import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lockData, startTimeOf } from "../../apps/worker/local/data-lock.ts";
import { inDataFolder } from "./data-folder.ts";

/** Runs with the id of a process that sleeps, and ends it. */
async function withProcess(run: (pid: number) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "ignore" });
  try {
    await once(child, "spawn");
    await run(child.pid ?? 0);
  } finally {
    child.kill("SIGKILL");
  }
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid ?? 0;
}

describe("lockData()", () => {
  test("lockData() locks once and again after its release", () =>
    inDataFolder(async (folder) => {
      const lock = await lockData(folder);
      expect(lock.ok).toBe(true);
      const second = await lockData(folder);
      expect(second).toEqual({
        ok: false,
        error: `Cannot lock "${folder}": process ${process.pid} uses it; stop that process or choose another folder`,
      });
      if (lock.ok) lock.value.release();
      const third = await lockData(folder);
      expect(third.ok).toBe(true);
      if (third.ok) third.value.release();
    }));

  test("lockData() refuses when another process that runs holds the lock", () =>
    inDataFolder((folder) =>
      withProcess(async (pid) => {
        await writeFile(join(folder, "sesame.lock"), JSON.stringify({ pid, startTime: startTimeOf(pid) }));
        const lock = await lockData(folder);
        expect(lock.ok ? "" : lock.error).toContain(`process ${pid}`);
      }),
    ));

  test("lockData() takes over when the holder is dead", () =>
    inDataFolder(async (folder) => {
      await writeFile(join(folder, "sesame.lock"), JSON.stringify({ pid: await deadPid(), startTime: "1" }));
      const lock = await lockData(folder);
      expect(lock.ok).toBe(true);
      expect(JSON.parse(await readFile(join(folder, "sesame.lock"), "utf8"))).toMatchObject({ pid: process.pid });
      if (lock.ok) lock.value.release();
    }));

  test.skipIf(startTimeOf(process.pid) === null)("lockData() takes over when another process has the holder's id by now", () =>
    inDataFolder((folder) =>
      withProcess(async (pid) => {
        await writeFile(join(folder, "sesame.lock"), JSON.stringify({ pid, startTime: "1" }));
        const lock = await lockData(folder);
        expect(lock.ok).toBe(true);
        if (lock.ok) lock.value.release();
      }),
    ),
  );

  test("lockData() takes over when an earlier process had the same id, as in a container", () =>
    inDataFolder(async (folder) => {
      await writeFile(join(folder, "sesame.lock"), JSON.stringify({ pid: process.pid, startTime: null }));
      const lock = await lockData(folder);
      expect(lock.ok).toBe(true);
      if (lock.ok) lock.value.release();
    }));

  test("lockData() takes over when the lock stays empty", () =>
    inDataFolder(async (folder) => {
      await writeFile(join(folder, "sesame.lock"), "");
      const lock = await lockData(folder);
      expect(lock.ok).toBe(true);
      if (lock.ok) lock.value.release();
    }));

  test("release() leaves the lock of another", () =>
    inDataFolder(async (folder) => {
      const lock = await lockData(folder);
      await writeFile(join(folder, "sesame.lock"), JSON.stringify({ pid: 1, startTime: null }));
      if (lock.ok) lock.value.release();
      expect(JSON.parse(await readFile(join(folder, "sesame.lock"), "utf8"))).toMatchObject({ pid: 1 });
    }));

  test("lockData() gives the lock to one of several processes that take over at the same time", () =>
    inDataFolder(async (folder) => {
      await writeFile(join(folder, "sesame.lock"), JSON.stringify({ pid: await deadPid(), startTime: "1" }));
      const locks = await Promise.all([1, 2, 3].map(() => lockData(folder)));
      expect(locks.filter(({ ok }) => ok).length).toBe(1);
      for (const lock of locks) if (lock.ok) lock.value.release();
    }));
});
