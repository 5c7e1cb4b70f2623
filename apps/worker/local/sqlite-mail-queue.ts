// SQLite mail queue: MailQueue in a table, with the behaviour of an SQS standard queue: visibility timeout, receive counts, only
// the newest receipt handle is valid, and a dead-letter table. A waiting receive returns when this process puts an entry, or
// when an entry becomes visible again. Only one process may use it; releaseAll() relies on that.

import type { Database } from "bun:sqlite";
import { randomUUID } from "node:crypto";
import type { Clock, EpochMs, MailQueue, QueueEntry, Stop } from "@sesame/core";
import type { QueueSize, ReceiveWait } from "@sesame/core/journey";
import { sleep } from "../timers.ts";
import { portCall } from "./trouble.ts";

export type SqliteMailQueueOptions = Readonly<{
  database: Database;
  /** The queue's name; several queues share the table. */
  name: string;
  clock: Clock;
  /** Visibility timeout. Default 120. */
  visibilitySeconds?: number;
  /** How long an empty receive waits. Default 20. */
  waitSeconds?: number;
  /** Whether the first receive answers at once, also if there is no entry: so the queue is known to answer. Default false. */
  firstAtOnce?: boolean;
  /** An entry received this often becomes a dead letter. Default 1000: high, because nothing reads the dead-letter table. */
  maxReceiveCount?: number;
  /** Waits some milliseconds. Tests pass a fake one. */
  sleep?: (ms: number) => Promise<void>;
}>;

type Row = { seq: number; id: string; receipt: string; receive_count: number; sent_at: number; body: string };

const stopCheckMs = 250; // a wait checks this often whether it must stop

/** One queue of the data folder. */
export class SqliteMailQueue implements MailQueue {
  readonly #options: Required<SqliteMailQueueOptions>;
  readonly #waiters = new Set<() => void>();
  #mayWait: boolean;

  constructor(options: SqliteMailQueueOptions) {
    this.#options = { visibilitySeconds: 120, waitSeconds: 20, maxReceiveCount: 1000, firstAtOnce: false, sleep, ...options };
    this.#mayWait = !this.#options.firstAtOnce;
  }

  /** Puts an entry and returns its id. May be called inside a transaction of the same database. */
  put(body: string): string {
    const { database, name } = this.#options;
    const [id, now] = [randomUUID(), this.#now()];
    database.query("INSERT INTO queue_entries (queue, id, body, sent_at, visible_at) VALUES (?, ?, ?, ?, ?)").run(name, id, body, now, now);
    for (const wake of this.#waiters) wake(); // they read the table later, after the commit
    return id;
  }

  /** Makes all entries visible that a process held when it ended. Only for the start, before the first receive. */
  releaseAll(): void {
    const { database, name } = this.#options;
    database
      .query("UPDATE queue_entries SET visible_at = ?, receipt = NULL WHERE queue = ? AND receipt IS NOT NULL")
      .run(this.#now(), name);
  }

  receive(limit: number, stop: Stop, wait: ReceiveWait = "long"): Promise<readonly QueueEntry[]> {
    return portCall("MailQueue", "receive", async () => {
      const until = this.#now() + (wait === "long" && this.#mayWait ? this.#options.waitSeconds * 1000 : 0);
      this.#mayWait = true;
      while (!stop.stopped) {
        const entries = this.#take(limit);
        const left = until - this.#now();
        if (entries.length > 0 || left <= 0) return entries;
        await this.#wait(Math.min(left, stopCheckMs, this.#untilVisible()));
      }
      return [];
    });
  }

  extend(entry: QueueEntry, seconds: number): Promise<"kept" | "lost"> {
    return portCall("MailQueue", "extend", () => (this.#hide(entry, seconds, true) ? "kept" : "lost"));
  }

  ack(entries: readonly QueueEntry[]): Promise<void> {
    const { database } = this.#options;
    return portCall("MailQueue", "ack", () => {
      if (entries.length === 0) return;
      const receipts = JSON.stringify(entries.map((entry) => entry.receiptHandle));
      database.query("DELETE FROM queue_entries WHERE receipt IN (SELECT value FROM json_each(?))").run(receipts);
    });
  }

  retryLater(entry: QueueEntry, afterSeconds: number): Promise<void> {
    return portCall("MailQueue", "retryLater", () => {
      this.#hide(entry, afterSeconds, false);
      for (const wake of this.#waiters) wake();
    });
  }

  size(): Promise<QueueSize> {
    const { database, name } = this.#options;
    return portCall("MailQueue", "size", () => {
      const sql = `SELECT count(*) FILTER (WHERE visible_at <= ?1) AS visible,
        count(*) FILTER (WHERE visible_at > ?1 AND receipt IS NOT NULL) AS inFlight,
        count(*) FILTER (WHERE visible_at > ?1 AND receipt IS NULL) AS delayed FROM queue_entries WHERE queue = ?2`;
      const row = database.query<QueueSize, [number, string]>(sql).get(this.#now(), name);
      return row ?? { visible: 0, inFlight: 0, delayed: 0 };
    });
  }

  /** How many dead letters this queue has. */
  deadLetterCount(): Promise<number> {
    const { database, name } = this.#options;
    return portCall("MailQueue", "deadLetterCount", () => {
      return database.query<{ n: number }, [string]>("SELECT count(*) AS n FROM dead_letters WHERE queue = ?").get(name)?.n ?? 0;
    });
  }

  #now(): number {
    return this.#options.clock.now();
  }

  #take(limit: number): readonly QueueEntry[] {
    const { database, name, visibilitySeconds, maxReceiveCount } = this.#options;
    const now = this.#now();
    // Read first: an empty queue is polled often, and a write would sync the disk each time.
    const some = database.query("SELECT 1 FROM queue_entries WHERE queue = ? AND visible_at <= ? LIMIT 1").get(name, now);
    if (some === null) return [];
    const take = database.transaction(() => {
      this.#redrive(now, maxReceiveCount);
      const sql = `UPDATE queue_entries SET receive_count = receive_count + 1, visible_at = ?, receipt = lower(hex(randomblob(16)))
        WHERE seq IN (SELECT seq FROM queue_entries WHERE queue = ? AND visible_at <= ? ORDER BY seq LIMIT ?) RETURNING *`;
      return database.query<Row, [number, string, number, number]>(sql).all(now + visibilitySeconds * 1000, name, now, limit);
    });
    return take
      .immediate()
      .sort((a, b) => a.seq - b.seq)
      .map(entryOf);
  }

  #redrive(now: number, maxReceiveCount: number): void {
    const { database, name } = this.#options;
    const spent = "queue = ?1 AND visible_at <= ?2 AND receive_count >= ?3";
    const columns = "id, queue, body, sent_at, receive_count";
    database
      .query(`INSERT INTO dead_letters (${columns}, moved_at) SELECT ${columns}, ?2 FROM queue_entries WHERE ${spent}`)
      .run(name, now, maxReceiveCount);
    database.query(`DELETE FROM queue_entries WHERE ${spent}`).run(name, now, maxReceiveCount);
  }

  /** Hides an entry if its receipt handle is still valid. `held`: false removes the receipt handle. */
  #hide(entry: QueueEntry, seconds: number, held: boolean): boolean {
    const now = this.#now();
    const sql = "UPDATE queue_entries SET visible_at = ?1, receipt = iif(?2, receipt, NULL) WHERE receipt = ?3 AND visible_at > ?4";
    return this.#options.database.query(sql).run(now + seconds * 1000, held ? 1 : 0, entry.receiptHandle, now).changes > 0;
  }

  #untilVisible(): number {
    const sql = "SELECT min(visible_at) AS at FROM queue_entries WHERE queue = ?";
    const at = this.#options.database.query<{ at: number | null }, [string]>(sql).get(this.#options.name)?.at;
    return at === null || at === undefined ? Number.POSITIVE_INFINITY : Math.max(1, at - this.#now());
  }

  async #wait(ms: number): Promise<void> {
    let wake: () => void = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#waiters.add(wake);
    try {
      await Promise.race([woken, this.#options.sleep(ms)]);
    } finally {
      this.#waiters.delete(wake);
    }
  }
}

function entryOf({ id, receipt, receive_count, sent_at, body }: Row): QueueEntry {
  return { id, receiptHandle: receipt, receiveCount: receive_count, sentAt: sent_at as EpochMs, body };
}
