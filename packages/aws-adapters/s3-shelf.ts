// S3 shelf: MailShelf on the objects that SES stores.
// S3 API Reference: "ListObjectsV2" (1,000 keys a page, in the order of their octets), "HeadObject".

import { HeadObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { type EpochMs, type ObjectLocation, quote } from "@sesame/core";
import type { LabelledMail, MailShelf, ShelvedMail } from "@sesame/core/journey";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import { attributesOf } from "./s3-attributes.ts";
import { troubleOf } from "./trouble.ts";

export type S3ShelfOptions = Readonly<{ s3: S3Client; clock: AwsClock; deadlineMs?: number }>;

export class S3Shelf implements MailShelf {
  readonly #options: Required<S3ShelfOptions>;

  constructor(options: S3ShelfOptions) {
    this.#options = { deadlineMs: 30_000, ...options };
  }

  async *list(bucket: string, prefix: string): AsyncGenerator<readonly ShelvedMail[]> {
    let from: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(from !== undefined && { ContinuationToken: from }) });
      const page = await this.#call("list", `bucket ${quote(bucket)}`, (abortSignal) => this.#options.s3.send(command, { abortSignal }));
      yield (page.Contents ?? []).map(({ Key = "", Size = 0, LastModified }) => ({
        location: { kind: "object", bucket, key: Key },
        size: Size,
        storedAt: (LastModified?.getTime() ?? 0) as EpochMs,
      }));
      from = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (from !== undefined);
  }

  async look(location: ObjectLocation): Promise<LabelledMail | "missing"> {
    const { bucket: Bucket, key: Key } = location;
    const command = new HeadObjectCommand({ Bucket, Key });
    try {
      const answer = await this.#call("look", quote(`${Bucket}/${Key}`), (abortSignal) => this.#options.s3.send(command, { abortSignal }));
      const storedAt = (answer.LastModified?.getTime() ?? 0) as EpochMs;
      return { location, size: answer.ContentLength ?? 0, storedAt, attributes: attributesOf(answer) };
    } catch (error) {
      if (troubleOf(error).kind === "not-found") return "missing"; // an answer to HEAD has no code; it is 404
      throw error;
    }
  }

  #call<T>(operation: string, about: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { deadlineMs, clock } = this.#options;
    return call({ port: "MailStore", operation, about, deadlineMs, clock }, run);
  }
}
