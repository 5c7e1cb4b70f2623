// The lock of a data folder: one holder, in this process, in another one and in another PID namespace; a killed holder has none.

import { afterEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockData } from "../../apps/worker/local/data-lock.ts";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { inDataFolder } from "./data-folder.ts";

const running: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

const dataLock = join(import.meta.dir, "../../apps/worker/local/data-lock.ts");
const holder = `
  const { lockData } = await import(${JSON.stringify(dataLock)});
  const lock = lockData(process.argv[1]);
  Bun.gc(true);
  process.stdout.write(lock.ok ? "locked " + process.pid + "\\n" : lock.error + "\\n");
  if (lock.ok) setInterval(() => Bun.gc(true), 50);
`;
const newNamespace = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL"]; // or the child outlives unshare
const namespaces = spawnSync(newNamespace[0] ?? "", [...newNamespace.slice(1), "true"]).status === 0;
const note = namespaces ? "" : " (SKIPPED: unshare --pid is not allowed here)";

/** Starts a process that locks the folder; gives what it says first. */
async function start(folder: string, before: readonly string[] = []) {
  const child = Bun.spawn([...before, process.execPath, "-e", holder, folder], { stdout: "pipe", stderr: "inherit" });
  running.push(child);
  const { value } = await child.stdout.getReader().read();
  return { child, said: new TextDecoder().decode(value).trim() };
}

const refusal = (folder: string) => `Cannot lock "${folder}": another process uses it; stop that process or choose another folder`;

describe("lockData()", () => {
  test("lockData() locks once and again after its release", () =>
    inDataFolder(async (folder) => {
      const lock = lockData(folder);
      expect(lock.ok).toBe(true);
      expect(lockData(folder)).toEqual({ ok: false, error: refusal(folder) });
      if (lock.ok) lock.value.release();
      if (lock.ok) lock.value.release(); // of no effect
      const third = lockData(folder);
      expect(third.ok).toBe(true);
      if (third.ok) third.value.release();
    }));

  test("X27 lockData() refuses while another process holds the lock, and not after kill -9", () =>
    inDataFolder(async (folder) => {
      const { child, said } = await start(folder);
      expect(said).toBe(`locked ${child.pid}`);
      for (let i = 0; i < 3; i++) expect(lockData(folder)).toEqual({ ok: false, error: refusal(folder) });
      child.kill("SIGKILL");
      await child.exited;
      const lock = lockData(folder);
      expect(lock.ok).toBe(true);
      if (lock.ok) lock.value.release();
    }));

  test.skipIf(!namespaces)(`X27 lockData() refuses in another PID namespace, where the holder has no process id${note}`, () =>
    inDataFolder(async (folder) => {
      const lock = lockData(folder);
      expect(lock.ok).toBe(true);
      expect((await start(folder, newNamespace)).said).toBe(refusal(folder));
      if (lock.ok) lock.value.release();
      expect((await start(folder, newNamespace)).said).toMatch(/^locked [12]$/); // it has another name for itself
      expect(lockData(folder)).toEqual({ ok: false, error: refusal(folder) });
    }),
  );

  test("X27 lockData() does not mind what an earlier version or another program left", () =>
    inDataFolder(async (folder) => {
      writeFileSync(join(folder, "sesame.lock"), JSON.stringify({ pid: process.pid, startTime: null }));
      writeFileSync(join(folder, "lock.db-journal"), "rest");
      const lock = lockData(folder);
      expect(lock.ok).toBe(true);
      if (lock.ok) lock.value.release();
    }));

  test("lockData() says why when the folder or its lock cannot be used", () =>
    inDataFolder(async (folder) => {
      writeFileSync(join(folder, "file"), "");
      const lock = lockData(join(folder, "file"));
      expect(lock.ok ? "" : lock.error).toMatch(/^Cannot use the data folder ".*": this user must be able to write to it \(/);
      writeFileSync(join(folder, "lock.db"), "no database at all, but some text that is long enough to be read as one".repeat(20));
      const other = lockData(folder);
      expect(other.ok ? "" : other.error).toMatch(/^Cannot use the data folder/);
      rmSync(join(folder, "lock.db"));
    }));

  test("X27 lockData() gives the lock to one of several processes that ask at the same time", () =>
    inDataFolder(async (folder) => {
      const started = await Promise.all([1, 2, 3].map(() => start(folder)));
      expect(started.filter(({ said }) => said.startsWith("locked")).length).toBe(1);
    }));

  test("X27 the database stays open to sesame rules and sesame block while the lock is held", () =>
    inDataFolder(async (folder) => {
      const lock = lockData(folder);
      const [ours, theirs] = [openDatabase(folder), openDatabase(folder)];
      theirs.run("INSERT INTO email_rules VALUES ('alice@example.com', '{}')");
      expect(ours.query("SELECT count(*) AS n FROM email_rules").get()).toEqual({ n: 1 });
      for (const database of [ours, theirs]) database.close();
      expect(lockData(folder).ok).toBe(false); // to close the other database dropped nothing
      if (lock.ok) lock.value.release();
    }));

  test.skipIf(process.platform === "win32")("X27 lockData() makes the folder and its lock for this user alone", () =>
    inDataFolder(async (folder) => {
      const umask = process.umask(0);
      try {
        const lock = lockData(join(folder, "new", "data"));
        if (lock.ok) lock.value.release();
      } finally {
        process.umask(umask);
      }
      const mode = (...parts: string[]) => statSync(join(folder, ...parts)).mode & 0o777;
      expect([mode("new"), mode("new", "data"), mode("new", "data", "lock.db")]).toEqual([0o700, 0o700, 0o600]);
    }),
  );
});
