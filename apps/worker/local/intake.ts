// Intake: takes the octets of a mail from the front door and makes of them what SES would: for each served domain one
// object and one queue entry, as one receipt rule for each domain does. When `take` returns, all of it is on the disk.
// The octets are stored exactly as they came. SES puts Return-Path, Received and its verdicts on top; here nothing is
// added, so that what arrives in a mailbox can be compared with what was sent, octet by octet.

import type { Database } from "bun:sqlite";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Address, type Clock, type Domain, domainOf, headLimit, type ObjectLocation } from "@sesame/core";
import { ensureFolder } from "./durable-file.ts";
import type { FileMailStore } from "./file-mail-store.ts";
import { writeNotice } from "./ses-notice.ts";
import type { SqliteMailQueue } from "./sqlite-mail-queue.ts";

export type IntakeOptions = Readonly<{
  /** The data folder. */
  folder: string;
  database: Database;
  store: FileMailStore;
  /** The queue of each served domain. */
  queues: ReadonlyMap<Domain, SqliteMailQueue>;
  clock: Clock;
}>;

/** A mail's octets in a temporary file, synced. */
export type Spooled = Readonly<{ file: string; head: Uint8Array; size: number; sha256: string }>;

/** Who sent a mail to whom; "" is the null reverse-path. */
export type Envelope = Readonly<{ source: string; recipients: readonly Address[] }>;

/** What became of a mail. */
export type Intaken = Readonly<{ sesId: string; size: number; sha256: string; locations: readonly ObjectLocation[] }>;

/** The bucket in which a domain's mail is stored. */
export function bucketOf(domain: Domain): string {
  return `${domain.replaceAll(".", "-")}-emails`;
}

/** Writes a stream to a temporary file while it is read. All of it is read, even when the disk does not take it. */
export async function spool(folder: string, stream: AsyncIterable<Uint8Array>, limit: number): Promise<Spooled | "too-big"> {
  await ensureFolder(join(folder, "tmp"));
  const file = join(folder, "tmp", randomUUID());
  const handle = await open(file, "wx");
  try {
    const written = await pour(stream, handle, limit);
    if (written === "too-big") await rm(file, { force: true });
    return written === "too-big" ? written : { ...written, file };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function pour(stream: AsyncIterable<Uint8Array>, handle: FileHandle, limit: number): Promise<Omit<Spooled, "file"> | "too-big"> {
  const [hash, head] = [createHash("sha256"), new Uint8Array(headLimit)];
  let size = 0;
  let trouble: unknown = null;
  for await (const piece of stream) {
    if (size < headLimit) head.set(piece.subarray(0, headLimit - size), size);
    size += piece.length;
    // Read on in any case: the client hears of it at the final dot, where it listens (RFC 5321 §4.2.5).
    if (size > limit || trouble !== null) continue;
    hash.update(piece);
    await handle.writeFile(piece).catch((error: unknown) => {
      trouble = error;
    });
  }
  if (size > limit) return "too-big";
  if (trouble !== null) throw trouble;
  await handle.sync();
  return { head: head.subarray(0, size), size, sha256: hash.digest("hex") };
}

/** Stores a spooled mail and announces it. The temporary file is left to the caller. */
export async function take(options: IntakeOptions, envelope: Envelope, spooled: Spooled): Promise<Intaken> {
  const { database, store, queues, clock } = options;
  const [sesId, receivedAt] = [newSesId(), clock.now()];
  const groups = groupByDomain(envelope.recipients, sesId);
  // The entries of all domains are one transaction, or else a client that hears 451 and sends again would reach some
  // recipients twice.
  const announce = database.transaction(() => {
    for (const { domain, recipients, location } of groups) {
      const queue = queues.get(domain);
      if (!queue) throw new TypeError(`There is no queue for ${domain}`); // the front door refuses foreign domains
      queue.put(writeNotice({ sesId, location, source: envelope.source, recipients, head: spooled.head, receivedAt }));
    }
  });
  try {
    // Objects first: an entry never announces a mail that is not there.
    for (const { location } of groups) await store.adopt(location, spooled.file);
    announce.immediate();
  } catch (error) {
    for (const { location } of groups) await store.discard(location).catch(() => {}); // the first error is the one to tell
    throw error;
  }
  return { sesId, size: spooled.size, sha256: spooled.sha256, locations: groups.map(({ location }) => location) };
}

type Group = Readonly<{ domain: Domain; recipients: readonly Address[]; location: ObjectLocation }>;

function groupByDomain(recipients: readonly Address[], key: string): readonly Group[] {
  const domains = [...new Set(recipients.map(domainOf))];
  return domains.map((domain) => ({
    domain,
    recipients: recipients.filter((recipient) => domainOf(recipient) === domain),
    location: { kind: "object", bucket: bucketOf(domain), key },
  }));
}

/** An id in the look of SES's own: 40 characters of `[a-z0-9]`. */
function newSesId(): string {
  return Array.from(randomBytes(40), (octet) => (octet % 36).toString(36)).join("");
}
