// File mail store: MailStore as files, `<data>/mail/<bucket>/<key>`, with `<file>.json` beside them for attributes and audit
// marks. A stored mail is never changed, so it can be read while its audit mark is written.

import { access, open as openFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { headLimit, type MailStore, type ObjectLocation, PortError, type StoredMail } from "@sesame/core";
import { type AuditRecord, auditTexts } from "@sesame/core/journey";
import { linkIntoPlace, type Octets, removeDurably, writeDurably } from "./durable-file.ts";
import { safeFileName } from "./safe-file-name.ts";
import { asPortError, hasCode, portCall } from "./trouble.ts";

const pieceSize = 64 * 1024;

/** Raw mail in the data folder. */
export class FileMailStore implements MailStore {
  readonly #folder: string;
  readonly #temporary: string;

  /** `folder` is the data folder. */
  constructor({ folder }: Readonly<{ folder: string }>) {
    this.#folder = join(folder, "mail");
    this.#temporary = join(folder, "tmp");
  }

  /** Stores a mail. It is synced to the disk when this returns. */
  put(location: ObjectLocation, octets: Octets): Promise<void> {
    return portCall("MailStore", "put", () => writeDurably(this.#path(location), this.#temporary, octets));
  }

  /** Stores a synced file as a mail, by hard link if the file system has them. The file stays. */
  adopt(location: ObjectLocation, file: string): Promise<void> {
    return portCall("MailStore", "adopt", () => linkIntoPlace(file, this.#path(location)));
  }

  open(location: ObjectLocation): Promise<StoredMail | "missing"> {
    return portCall("MailStore", "open", async () => {
      const path = this.#path(location);
      const opened = await readHead(path);
      if (opened === "missing") return "missing";
      const { head, size } = opened;
      const attributes = await readAttributes(sidecarOf(path));
      return { location, size, attributes, head, rest: () => rest(path, size), whole: () => whole(path, size) };
    });
  }

  mark(mail: StoredMail, record: AuditRecord): Promise<void> {
    return portCall("MailStore", "mark", async () => {
      const path = this.#path(mail.location);
      await access(path); // a mark without its mail would later belong to another mail with this key
      const sidecar = sidecarOf(path);
      const attributes = { ...mail.attributes, ...(await readAttributes(sidecar)), ...auditTexts(record) };
      await writeDurably(sidecar, this.#temporary, Buffer.from(`${JSON.stringify(attributes, null, 2)}\n`));
    });
  }

  erase(mail: StoredMail): Promise<void> {
    return portCall("MailStore", "erase", () => this.discard(mail.location));
  }

  /** Deletes the mail at a location, whether it was opened or not. */
  async discard(location: ObjectLocation): Promise<void> {
    const path = this.#path(location);
    await removeDurably(path);
    await removeDurably(sidecarOf(path)); // after the mail: a mail without its audit mark would look unprocessed
  }

  #path({ bucket, key }: ObjectLocation): string {
    return join(this.#folder, safeFileName(bucket), safeFileName(key));
  }
}

function sidecarOf(path: string): string {
  return `${path}.json`;
}

async function readHead(path: string): Promise<Readonly<{ head: Uint8Array; size: number }> | "missing"> {
  try {
    const file = await openFile(path, "r");
    try {
      const { size } = await file.stat();
      return { size, head: await readFully(file, 0, Math.min(size, headLimit)) };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "missing";
    throw error;
  }
}

async function* rest(path: string, size: number): AsyncGenerator<Uint8Array> {
  const file = await openFile(path, "r").catch((error: unknown) => {
    throw asPortError("MailStore", "rest", error);
  });
  try {
    for (let at = headLimit; at < size; at += pieceSize) yield await readFully(file, at, Math.min(pieceSize, size - at));
  } catch (error) {
    throw asPortError("MailStore", "rest", error);
  } finally {
    await file.close();
  }
}

function whole(path: string, size: number): Promise<Uint8Array> {
  return portCall("MailStore", "whole", async () => {
    const octets = await readFile(path);
    if (octets.length < size) throw shorter("whole", octets.length);
    return octets.subarray(0, size);
  });
}

type Readable = Awaited<ReturnType<typeof openFile>>;

/** Reads exactly `length` octets from `position`. Throws if the file is shorter: an incomplete mail must not be delivered. */
async function readFully(file: Readable, position: number, length: number): Promise<Uint8Array> {
  const octets = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(octets, filled, length - filled, position + filled);
    if (bytesRead === 0) throw shorter("rest", position + filled);
    filled += bytesRead;
  }
  return octets;
}

function shorter(operation: string, length: number): PortError {
  return new PortError(
    "MailStore",
    operation,
    `Cannot read a mail: its file has only ${length} octets left, fewer than when it was opened`,
  );
}

async function readAttributes(sidecar: string): Promise<Readonly<Record<string, string>>> {
  try {
    const value: unknown = JSON.parse(await readFile(sidecar, "utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, string>) : {};
  } catch (error) {
    if (hasCode(error, "ENOENT") || error instanceof SyntaxError) return {};
    throw error;
  }
}
