// Places: where the traces of a mail are: ledger, store, outbound table and queues, on AWS or in a data folder. For commands that
// look for mails. Opening them connects to nothing.

import { awsClients, DynamoLedgerBook, DynamoOutbound, S3MailStore, S3Shelf, SqsMailQueue, SqsPost } from "@sesame/aws-adapters";
import type { Domain, MailStore, Outbound, Result } from "@sesame/core";
import { ok } from "@sesame/core";
import type { LedgerBook, MailShelf, QueueSize } from "@sesame/core/journey";
import { awsOptions } from "../aws-options.ts";
import { type Config, queueNamesOf } from "../config.ts";
import { openTables } from "../local/database.ts";
import { FileMailStore } from "../local/file-mail-store.ts";
import { FileShelf } from "../local/file-shelf.ts";
import { clock } from "../local/local-ports.ts";
import { SqliteLedgerBook } from "../local/sqlite-ledger-book.ts";
import { SqliteMailQueue } from "../local/sqlite-mail-queue.ts";
import { SqliteOutbound } from "../local/sqlite-outbound.ts";
import { type MailArea, mailAreas } from "../mail-areas.ts";

/** A queue and its dead letters. Numbers are approximate. `dead`: 0 without a dead-letter queue, `null` if it cannot be read. */
export type QueueView = Readonly<{ name: string; size: QueueSize; dead: number | null }>;

export type Places = Readonly<{
  book: LedgerBook;
  store: Pick<MailStore, "open">;
  shelf: MailShelf;
  outbound: Pick<Outbound, "find">;
  areas: readonly MailArea[];
  domains: readonly Domain[];
  /** The state of the queue of a domain. */
  queue(domain: Domain): Promise<QueueView>;
  /** Puts a notice into the queue of a domain, seen after so many seconds (0 to 900). */
  put(domain: Domain, notice: string, afterSeconds: number): Promise<void>;
  /** What time it is there. */
  now(): number;
  close(): void;
}>;

const patienceMs = 30_000; // nobody waits for a mail: a table that throttles may take its time

/** The places of `sesame run`. */
export function awsPlaces(config: Config): Result<Places> {
  const areas = mailAreas(config);
  if (!areas.ok) return areas;
  const clients = awsClients(awsOptions(config));
  const { s3, sqs, sqsPoll, dynamo, clock: awsClock } = clients;
  const loopKey = config.LOOP_KEY === undefined ? {} : { loopKey: new TextEncoder().encode(config.LOOP_KEY) };
  const table = { client: dynamo, clock: awsClock, deadlineMs: patienceMs };
  const names = queueNamesOf(config);
  const post = new SqsPost({ sqs, clock: awsClock });
  return ok({
    book: new DynamoLedgerBook({ ...table, table: config.LEDGER_TABLE, indexed: config.TRACE_INDEX === "on", ...loopKey }),
    store: new S3MailStore({ s3, clock: awsClock }),
    shelf: new S3Shelf({ s3, clock: awsClock }),
    outbound: new DynamoOutbound({ ...table, table: config.OUTBOUND_TABLE }),
    areas: areas.value,
    domains: config.domains,
    queue: async (domain) => {
      const name = names.get(domain) ?? "";
      const queue = new SqsMailQueue({ sqs, sqsPoll, clock: awsClock, name });
      const [size, { deadLetter }] = await Promise.all([queue.size(), queue.describe()]);
      return { name, size, dead: deadLetter === null ? 0 : "entries" in deadLetter.queue ? deadLetter.queue.entries : null };
    },
    put: (domain, notice, afterSeconds) => post.put(names.get(domain) ?? "", notice, afterSeconds),
    now: () => awsClock.now(),
    close: () => clients.close(),
  });
}

/** The places of `sesame local`. It may run meanwhile. */
export function localPlaces(config: Config, folder: string): Result<Places> {
  const areas = mailAreas(config);
  if (!areas.ok) return areas;
  const opened = openTables(folder);
  if (!opened.ok) return opened;
  const database = opened.value;
  return ok({
    book: new SqliteLedgerBook({ database, clock }),
    store: new FileMailStore({ folder }),
    shelf: new FileShelf({ folder }),
    outbound: new SqliteOutbound({ database }),
    areas: areas.value,
    domains: config.domains,
    queue: async (domain) => {
      const queue = new SqliteMailQueue({ database, name: domain, clock });
      return { name: domain, size: await queue.size(), dead: await queue.deadLetterCount() };
    },
    put: async (domain, notice) => void new SqliteMailQueue({ database, name: domain, clock }).put(notice),
    now: () => clock.now(),
    close: () => database.close(),
  });
}

/** Why a place cannot be read. */
export type Failed = Readonly<{ trouble: string }>;

/** The result of a look, or why it failed: one place that cannot be read must not hide what the others say. */
export async function looked<T>(look: Promise<T>): Promise<T | Failed> {
  try {
    return await look;
  } catch (error) {
    return { trouble: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether a look failed. */
export function isFailed(value: unknown): value is Failed {
  return typeof value === "object" && value !== null && "trouble" in value;
}
