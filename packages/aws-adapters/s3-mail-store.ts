// S3 mail store: MailStore on the objects that SES stores. One GetObject reads a mail; the rest of a large mail is read while
// it is delivered. open() returns "missing" only for NoSuchKey, which S3 returns only with the permission to list the
// bucket. The audit mark is written by copying the object onto itself.
// S3 API Reference: "GetObject", "HeadObject", "CopyObject", "DeleteObject".

import { DeleteObjectCommand, HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { headLimit, type MailStore, type ObjectLocation, PortError, quote, type StoredMail } from "@sesame/core";
import type { AuditRecord } from "@sesame/core/journey";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import type { ObjectAnswer, ObjectCalls } from "./hot-calls.ts";
import { attributesOf, clientEncryption, metadataOf } from "./s3-attributes.ts";
import { S3Body } from "./s3-body.ts";
import { fitMetadata, metadataLimit } from "./s3-metadata.ts";
import { HeldBody, type RestOptions, restOf } from "./s3-rest.ts";
import { sdkObjectCalls } from "./sdk-s3.ts";
import { GarbledError, troubleOf } from "./trouble.ts";

export type S3MailStoreOptions = Readonly<{
  s3: S3Client;
  clock: AwsClock;
  /** How objects are read and copied. Default: through `s3`. */
  hot?: ObjectCalls;
  /** Milliseconds for a call, and for reading the head. Default 30 000. */
  callMs?: number;
  /** Milliseconds to wait for one piece of the rest. Default 30 000. */
  stallMs?: number;
  /** Milliseconds of all waits for the rest: 41 MiB need at least 140 KiB/s. Default 300 000. */
  restMs?: number;
  /** Milliseconds that the answer to `open` stays open for the first `rest`; 0 closes it at once. Default 10 000. */
  holdMs?: number;
  /** Octets of the largest mail. SES accepts 40 MB (SES Developer Guide, "Service quotas"). Default 41 MiB. */
  maxOctets?: number;
}>;

type Settings = Required<S3MailStoreOptions>;

const defaults = { callMs: 30_000, stallMs: 30_000, restMs: 300_000, holdMs: 10_000, maxOctets: 41 * 1024 * 1024 };

/** Raw mail in S3. */
export class S3MailStore implements MailStore {
  readonly #settings: Settings;

  constructor(options: S3MailStoreOptions) {
    this.#settings = { ...defaults, hot: sdkObjectCalls(options.s3), ...options };
  }

  async open(location: ObjectLocation): Promise<StoredMail | "missing"> {
    try {
      return await this.#call("open", location, (signal) => this.#open(location, signal));
    } catch (error) {
      if (troubleOf(error).code === "NoSuchKey") return "missing";
      throw error;
    }
  }

  async mark(mail: StoredMail, record: AuditRecord): Promise<void> {
    try {
      await this.#copy(mail, mail.attributes, record);
    } catch (error) {
      const { kind } = troubleOf(error);
      // S3 may count metadata in another way. If it is still too large, the record is shortened to half, once.
      if (kind === "metadata-too-large") return this.#copy(mail, mail.attributes, record, metadataLimit / 2);
      if (kind !== "conflict") throw error;
      await this.#copy(mail, await this.#attributes(mail.location), record);
    }
  }

  async erase({ location }: StoredMail): Promise<void> {
    const { bucket: Bucket, key: Key } = location;
    await this.#call("erase", location, (abortSignal) => this.#settings.s3.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal }));
  }

  async #open(location: ObjectLocation, abortSignal: AbortSignal): Promise<StoredMail> {
    const { hot, callMs, holdMs } = this.#settings;
    const { bucket: Bucket, key: Key } = location;
    const answer = await hot.getObject({ Bucket, Key }, abortSignal);
    const body = bodyOf(answer);
    try {
      const size = this.#sizeOf(location, answer);
      const head = await body.head(headLimit, callMs);
      const held = head.length < size ? new HeldBody(body, holdMs) : null;
      return this.#stored(location, size, answer.attributes, head, held);
    } catch (error) {
      body.drop();
      throw error;
    }
  }

  #stored(
    location: ObjectLocation,
    size: number,
    attributes: StoredMail["attributes"],
    head: Uint8Array,
    held: HeldBody | null,
  ): StoredMail {
    const source = {
      about: aboutOf(location),
      from: head.length,
      size,
      take: () => held?.take() ?? null,
      reopen: (at: number) => this.#call("rest", location, (signal) => this.#reopen(location, at, size, attributes["ETag"], signal)),
    };
    const options: RestOptions = this.#settings;
    return {
      location,
      size,
      attributes,
      head,
      rest: () => restOf(source, options),
      whole: () => whole(head, size, restOf(source, options)),
    };
  }

  async #reopen(
    { bucket, key }: ObjectLocation,
    at: number,
    size: number,
    etag: string | undefined,
    abortSignal: AbortSignal,
  ): Promise<S3Body> {
    const input = { Bucket: bucket, Key: key, Range: `bytes=${at}-`, ...(etag !== undefined && { IfMatch: etag }) };
    const answer = await this.#settings.hot.getObject(input, abortSignal);
    const body = bodyOf(answer);
    if (answer.range === `bytes ${at}-${size - 1}/${size}`) return body;
    body.drop();
    throw new GarbledError(`the answer to a request for the octets from ${at} of ${size} has "${answer.range}"`);
  }

  /** Size of the mail in octets. Throws if the object is encrypted or too large. */
  #sizeOf(location: ObjectLocation, { length, attributes }: ObjectAnswer): number {
    const { maxOctets } = this.#settings;
    const encryption = clientEncryption(metadataOf(attributes));
    if (encryption !== undefined) {
      throw cannotOpen(location, `SES encrypted it (metadata ${encryption}). Switch off "Message encryption" in the receipt rule`);
    }
    if (length === undefined) throw new GarbledError("the answer has no length");
    if (length > maxOctets) throw cannotOpen(location, `a mail must have at most ${maxOctets} octets, has ${length}`);
    return length;
  }

  async #attributes(location: ObjectLocation): Promise<StoredMail["attributes"]> {
    const { bucket: Bucket, key: Key } = location;
    const answer = await this.#call("mark", location, (abortSignal) =>
      this.#settings.s3.send(new HeadObjectCommand({ Bucket, Key }), { abortSignal }),
    );
    return attributesOf(answer);
  }

  async #copy({ location }: StoredMail, attributes: StoredMail["attributes"], record: AuditRecord, limit?: number): Promise<void> {
    const { bucket: Bucket, key: Key } = location;
    const metadata = fitMetadata(metadataOf(attributes), record, limit);
    await this.#call("mark", location, (signal) => this.#settings.hot.copyObject({ Bucket, Key, attributes, metadata }, signal));
  }

  #call<T>(operation: string, location: ObjectLocation, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { callMs: deadlineMs, clock } = this.#settings;
    return call({ port: "MailStore", operation, about: aboutOf(location), deadlineMs, clock }, run);
  }
}

function bodyOf({ body, length }: ObjectAnswer): S3Body {
  return new S3Body(body, length ?? Number.POSITIVE_INFINITY);
}

function aboutOf({ bucket, key }: ObjectLocation): string {
  return quote(`${bucket}/${key}`);
}

function cannotOpen(location: ObjectLocation, reason: string): PortError {
  return new PortError("MailStore", "open", `Cannot open (${aboutOf(location)}): ${reason}`);
}

async function whole(head: Uint8Array, size: number, rest: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const octets = new Uint8Array(size);
  octets.set(head);
  let at = head.length;
  for await (const piece of rest) {
    octets.set(piece, at);
    at += piece.length;
  }
  return octets;
}
