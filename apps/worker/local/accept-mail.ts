// Accept mail: stores a mail from the front door as SES would: for each served domain one object and one queue entry, like one
// receipt rule per domain. All of it is on the disk when `acceptMail` returns. The octets are stored as received. SES adds
// Return-Path, Received and its verdicts at the top; here nothing is added, so that tests can compare octets.

import type { Database } from "bun:sqlite";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Address, type Clock, type Domain, domainOf, headLimit, type ObjectLocation } from "@sesame/core";
import { ensureFolder } from "./durable-file.ts";
import type { FileMailStore } from "./file-mail-store.ts";
import { privateFile } from "./private-file.ts";
import { writeNotice } from "./ses-notice.ts";
import type { SqliteMailQueue } from "./sqlite-mail-queue.ts";

export type AcceptOptions = Readonly<{
  /** The data folder. */
  folder: string;
  database: Database;
  store: FileMailStore;
  /** The queue of each served domain. */
  queues: ReadonlyMap<Domain, SqliteMailQueue>;
  clock: Clock;
}>;

/** A mail in a synced temporary file. */
export type SpooledMail = Readonly<{ file: string; head: Uint8Array; size: number; sha256: string }>;

/** The SMTP envelope; `source` "" is the null reverse-path. */
export type Envelope = Readonly<{ source: string; recipients: readonly Address[] }>;

/** A mail that was stored. */
export type AcceptedMail = Readonly<{ sesId: string; size: number; sha256: string; locations: readonly ObjectLocation[] }>;

/** The bucket for the mail of a domain. */
export function bucketOf(domain: Domain): string {
  return `${domain.replaceAll(".", "-")}-emails`;
}

/** Writes a stream to a temporary file. The whole stream is read, even if writing fails. */
export async function spool(folder: string, stream: AsyncIterable<Uint8Array>, limit: number): Promise<SpooledMail | "too-big"> {
  await ensureFolder(join(folder, "tmp"));
  const file = join(folder, "tmp", randomUUID());
  const handle = await open(file, "wx", privateFile);
  try {
    const written = await writeStream(stream, handle, limit);
    if (written === "too-big") await rm(file, { force: true });
    return written === "too-big" ? written : { ...written, file };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function writeStream(
  stream: AsyncIterable<Uint8Array>,
  handle: FileHandle,
  limit: number,
): Promise<Omit<SpooledMail, "file"> | "too-big"> {
  const [hash, head] = [createHash("sha256"), new Uint8Array(headLimit)];
  let size = 0;
  let failure: unknown = null;
  for await (const piece of stream) {
    if (size < headLimit) head.set(piece.subarray(0, headLimit - size), size);
    size += piece.length;
    // Reads on: the client gets the reply after the final dot (RFC 5321 §4.2.5).
    if (size > limit || failure !== null) continue;
    hash.update(piece);
    await handle.writeFile(piece).catch((error: unknown) => {
      failure = error;
    });
  }
  if (size > limit) return "too-big";
  if (failure !== null) throw failure;
  await handle.sync();
  return { head: head.subarray(0, size), size, sha256: hash.digest("hex") };
}

/** Stores a spooled mail and puts its queue entries. The caller removes the temporary file. */
export async function acceptMail(options: AcceptOptions, envelope: Envelope, spooled: SpooledMail): Promise<AcceptedMail> {
  const { database, store, queues, clock } = options;
  const [sesId, receivedAt] = [newSesId(), clock.now()];
  const groups = groupByDomain(envelope.recipients, sesId);
  // One transaction for the entries of all domains: otherwise a client that gets 451 and sends again would reach some
  // recipients twice.
  const putEntries = database.transaction(() => {
    for (const { domain, recipients, location } of groups) {
      const queue = queues.get(domain);
      if (!queue) throw new TypeError(`Cannot store a mail for ${domain}: it has no queue`); // the front door refuses foreign domains
      queue.put(writeNotice({ sesId, location, source: envelope.source, recipients, head: spooled.head, receivedAt }));
    }
  });
  try {
    // Objects first: an entry must never name a mail that does not exist.
    for (const { location } of groups) await store.adopt(location, spooled.file);
    putEntries.immediate();
  } catch (error) {
    for (const { location } of groups) await store.discard(location).catch(() => {}); // the first error is reported
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

/** An id in the form of SES: 40 characters of `[a-z0-9]`. */
function newSesId(): string {
  return Array.from(randomBytes(40), (octet) => (octet % 36).toString(36)).join("");
}
