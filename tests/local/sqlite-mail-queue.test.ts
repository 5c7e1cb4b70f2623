// The local queue beyond the contract: long poll, dead letters and restarts.

import { describe, expect, test } from "bun:test";
import type { QueueEntry } from "@sesame/core";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { SqliteMailQueue } from "../../apps/worker/local/sqlite-mail-queue.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { inDataFolder } from "./data-folder.ts";

const going = { stopped: false };

type Desk = Readonly<{ queue: SqliteMailQueue; clock: FakeClock; reopen(): SqliteMailQueue }>;

async function withQueue(
  run: (desk: Desk) => Promise<void>,
  more: Readonly<{ maxReceiveCount?: number; firstAtOnce?: boolean }> = {},
): Promise<void> {
  await inDataFolder(async (folder) => {
    const clock = new FakeClock();
    const databases = [openDatabase(folder)];
    const make = (database = databases[databases.length - 1]) => {
      if (!database) throw new Error("There is no database");
      return new SqliteMailQueue({ database, name: "q", clock, visibilitySeconds: 30, waitSeconds: 20, sleep: clock.sleep, ...more });
    };
    const reopen = () => {
      databases.at(-1)?.close();
      databases.push(openDatabase(folder));
      return make();
    };
    await run({ queue: make(), clock, reopen });
    databases.at(-1)?.close();
  });
}

/** Lets a waiter come to rest. */
async function settled(clock: FakeClock): Promise<void> {
  for (let turn = 0; turn < 50 && clock.sleeping === 0; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Moves time on until the promise is done, a quarter of a second at a time. */
async function within(clock: FakeClock, seconds: number, work: Promise<readonly QueueEntry[]>): Promise<readonly QueueEntry[] | "waiting"> {
  let answer: readonly QueueEntry[] | "waiting" = "waiting";
  const watched = work.then((entries) => {
    answer = entries;
  });
  for (let passed = 0; passed < seconds && answer === "waiting"; passed += 0.25) {
    await settled(clock);
    clock.advance(0.25);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (answer !== "waiting") await watched;
  return answer;
}

describe("SqliteMailQueue", () => {
  test("receive() wakes at once when an entry is put", () =>
    withQueue(async ({ queue, clock }) => {
      const waiting = queue.receive(10, going);
      await settled(clock);
      queue.put("a");
      expect((await waiting).map(({ body }) => body)).toEqual(["a"]); // no time has passed
    }));

  test("receive() wakes when the visibility of an entry ends", () =>
    withQueue(async ({ queue, clock }) => {
      queue.put("a");
      await queue.receive(10, going);
      clock.advance(20);
      const entries = await within(clock, 11, queue.receive(10, going));
      expect(entries).not.toBe("waiting");
      expect(entries).toMatchObject([{ body: "a", receiveCount: 2 }]);
    }));

  test("receive() gives nothing when its wait is over", () =>
    withQueue(async ({ queue, clock }) => {
      expect(await within(clock, 19, queue.receive(10, going))).toBe("waiting");
      expect(await within(clock, 21, queue.receive(10, going))).toEqual([]);
    }));

  test("receive() ends its wait soon when `stop` is raised", () =>
    withQueue(async ({ queue, clock }) => {
      const stop = { stopped: false };
      const waiting = queue.receive(10, stop);
      await settled(clock);
      stop.stopped = true;
      expect(await within(clock, 1, waiting)).toEqual([]);
    }));

  test("receive() takes nothing when `stop` was raised before", () =>
    withQueue(async ({ queue }) => {
      queue.put("a");
      expect(await queue.receive(10, { stopped: true })).toEqual([]);
      expect(await queue.size()).toMatchObject({ visible: 1 });
    }));

  test("receive() moves an entry to the dead letters when it was received too often", () =>
    withQueue(
      async ({ queue, clock }) => {
        queue.put("poison");
        for (let n = 0; n < 3; n++) {
          expect((await queue.receive(10, going)).length).toBe(1);
          clock.advance(31);
        }
        queue.put("good");
        expect((await queue.receive(10, going)).map(({ body }) => body)).toEqual(["good"]);
        expect(await queue.deadLetterCount()).toBe(1);
        expect(await queue.size()).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
      },
      { maxReceiveCount: 3 },
    ));

  test("put() is undone when the transaction round it fails", () =>
    inDataFolder(async (folder) => {
      const database = openDatabase(folder);
      const queue = new SqliteMailQueue({ database, name: "q", clock: new FakeClock() });
      const failing = database.transaction(() => {
        queue.put("a");
        throw new Error("no");
      });
      expect(() => failing()).toThrow("no");
      expect(await queue.size()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
      database.close();
    }));

  test("releaseAll() makes entries in flight visible after a restart, and leaves entries that wait for a retry", () =>
    withQueue(async ({ queue, reopen }) => {
      queue.put("in flight");
      queue.put("later");
      const entries = await queue.receive(10, going);
      const later = entries.find(({ body }) => body === "later");
      if (later) await queue.retryLater(later, 600);
      const again = reopen();
      expect(await again.size()).toEqual({ visible: 0, inFlight: 1, delayed: 1 });
      again.releaseAll();
      expect(await again.receive(10, going)).toMatchObject([{ body: "in flight", receiveCount: 2 }]);
    }));

  test("receive() keeps queues apart when they share a database", () =>
    inDataFolder(async (folder) => {
      const database = openDatabase(folder);
      const clock = new FakeClock();
      const [one, two] = ["one", "two"].map((name) => new SqliteMailQueue({ database, name, clock, waitSeconds: 0 }));
      one?.put("a");
      expect(await two?.receive(10, going)).toEqual([]);
      expect((await one?.receive(10, going))?.length).toBe(1);
      database.close();
    }));
});

test("receive() answers at once the first time if the queue shall do so, and waits from then on", async () => {
  await withQueue(
    async ({ queue, clock }) => {
      expect(await queue.receive(1, going)).toEqual([]); // no time has passed
      const second = queue.receive(1, going);
      expect(await within(clock, 19, second)).toBe("waiting");
      queue.put("a");
      expect((await second).map(({ body }) => body)).toEqual(["a"]);
    },
    { firstAtOnce: true },
  );
});
