// Memory mail store: MailStore on a map. It counts what is read, so that a test can tell what a journey cost, and it can
// be told to break off a mail in its middle.

import { headLimit, type MailStore, type ObjectLocation, PortError, type StoredMail } from "@sesame/core";
import { type AuditRecord, auditTexts } from "@sesame/core/journey";

type StoredObject = { octets: Uint8Array; attributes: Readonly<Record<string, string>> };

export type MemoryMailStoreOptions = Readonly<{
  /** Octets in each piece of `rest()`. Default 64 KiB. */
  pieceSize?: number;
}>;

/** Objects in memory, by bucket and key. */
export class MemoryMailStore implements MailStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #breaks = new Map<string, number>();
  readonly #pieceSize: number;
  /** How many mails were opened. */
  opens: number = 0;
  /** How often the octets after a head were asked for. */
  restOpens: number = 0;
  /** Octets given away: heads, pieces of `rest()` and whole mails. */
  octetsRead: number = 0;

  constructor({ pieceSize = 64 * 1024 }: MemoryMailStoreOptions = {}) {
    this.#pieceSize = pieceSize;
  }

  /** Puts or replaces an object. */
  put(location: ObjectLocation, octets: Uint8Array, attributes: Readonly<Record<string, string>> = {}): void {
    this.#objects.set(nameOf(location), { octets, attributes });
  }

  /** The octets of an object, or `undefined` where there is none. Not counted as read. */
  octetsOf(location: ObjectLocation): Uint8Array | undefined {
    return this.#objects.get(nameOf(location))?.octets;
  }

  /** The attributes of an object, or `undefined` where there is none. */
  attributesOf(location: ObjectLocation): Readonly<Record<string, string>> | undefined {
    return this.#objects.get(nameOf(location))?.attributes;
  }

  /** Lets the next `rest()` of an object fail after so many octets. */
  breakRest(location: ObjectLocation, afterOctets: number): void {
    this.#breaks.set(nameOf(location), afterOctets);
  }

  async open(location: ObjectLocation): Promise<StoredMail | "missing"> {
    const found = this.#objects.get(nameOf(location));
    if (!found) return "missing";
    this.opens++;
    const size = found.octets.length;
    const head = found.octets.slice(0, headLimit);
    this.octetsRead += head.length;
    return {
      location,
      size,
      attributes: found.attributes,
      head,
      rest: () => this.#rest(location, size),
      whole: async () => this.#read(location, 0, size, "whole"),
    };
  }

  async mark(mail: StoredMail, record: AuditRecord): Promise<void> {
    const found = this.#objects.get(nameOf(mail.location));
    if (!found) throw new PortError("MailStore", "mark", `Cannot mark ${nameOf(mail.location)} as it is gone`);
    found.attributes = { ...found.attributes, ...mail.attributes, ...auditTexts(record) };
  }

  async erase(mail: StoredMail): Promise<void> {
    this.#objects.delete(nameOf(mail.location));
  }

  async *#rest(location: ObjectLocation, size: number): AsyncGenerator<Uint8Array> {
    this.restOpens++;
    const end = headLimit + (this.#breaks.get(nameOf(location)) ?? Number.POSITIVE_INFINITY);
    this.#breaks.delete(nameOf(location));
    for (let at = headLimit; at < size; at += this.#pieceSize) {
      const until = Math.min(size, at + this.#pieceSize);
      if (until > end) throw new PortError("MailStore", "rest", `Cannot read on: the connection broke off, is ${at}`);
      yield this.#read(location, at, until, "rest");
    }
  }

  #read(location: ObjectLocation, from: number, to: number, operation: string): Uint8Array {
    const octets = this.#objects.get(nameOf(location))?.octets;
    if (!octets || octets.length < to) throw new PortError("MailStore", operation, `Cannot read ${nameOf(location)} as it is cut short`);
    this.octetsRead += to - from;
    return octets.slice(from, to);
  }
}

function nameOf({ bucket, key }: ObjectLocation): string {
  return `${bucket}/${key}`;
}
