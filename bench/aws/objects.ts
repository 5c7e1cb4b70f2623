// Objects: S3 in memory: get with ranges and If-Match, head, put, copy onto itself with new metadata, delete. A get carries the
// CRC64NVME that S3 gives to each new object, so that a client that checks it has that work here too.
// S3 API Reference: "GetObject", "CopyObject"; S3 User Guide, "Checking object integrity for data uploads in Amazon S3".

import { createHash } from "node:crypto";
import { Crc64Nvme } from "@aws-sdk/checksums/crc";

/** The octets of an object, with what S3 works out once. */
export type Octets = Readonly<{ octets: Uint8Array; etag: string; crc64Nvme: string }>;
type Stored = Readonly<{ content: Octets; metadata: Readonly<Record<string, string>>; type: string; modified: string }>;

/** Told of each copy and deletion, by the key. */
export type ObjectWatch = Readonly<{ copied(key: string, metadata: Readonly<Record<string, string>>): void; erased(key: string): void }>;

const noSuchKey = "NoSuchKey";

export async function octetsOf(octets: Uint8Array): Promise<Octets> {
  const checksum = new Crc64Nvme();
  checksum.update(octets);
  const crc64Nvme = Buffer.from(await checksum.digest()).toString("base64");
  return { octets, etag: `"${createHash("md5").update(octets).digest("hex")}"`, crc64Nvme };
}

export class Objects {
  /** By `bucket/key`. */
  readonly #objects = new Map<string, Stored>();
  readonly #watch: ObjectWatch;

  constructor(watch: ObjectWatch) {
    this.#watch = watch;
  }

  get count(): number {
    return this.#objects.size;
  }

  clear(): void {
    this.#objects.clear();
  }

  put(name: string, content: Octets, metadata: Readonly<Record<string, string>> = {}): void {
    this.#objects.set(name, { content, metadata, type: "application/octet-stream", modified: new Date().toUTCString() });
  }

  get(name: string, headers: Headers, isHead: boolean): Response {
    const stored = this.#objects.get(name);
    if (stored === undefined) return isHead ? new Response(null, { status: 404 }) : refusal(404, noSuchKey);
    const { content, metadata, type, modified } = stored;
    const match = headers.get("if-match");
    if (match !== null && match !== content.etag) return isHead ? new Response(null, { status: 412 }) : refusal(412, "PreconditionFailed");
    const answer = new Headers({ "content-type": type, etag: content.etag, "last-modified": modified, "accept-ranges": "bytes" });
    for (const [key, value] of Object.entries(metadata)) answer.set(`x-amz-meta-${key}`, value);
    const size = content.octets.length;
    if (isHead) {
      answer.set("content-length", String(size));
      return new Response(null, { headers: answer });
    }
    const [, first = "", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
    if (first === "") {
      if (headers.get("x-amz-checksum-mode") === "ENABLED") {
        answer.set("x-amz-checksum-crc64nvme", content.crc64Nvme);
        answer.set("x-amz-checksum-type", "FULL_OBJECT");
      }
      return new Response(content.octets, { headers: answer });
    }
    const [from, to] = [Number(first), last === "" ? size - 1 : Math.min(Number(last), size - 1)];
    if (from >= size) return refusal(416, "InvalidRange");
    answer.set("content-range", `bytes ${from}-${to}/${size}`);
    return new Response(content.octets.subarray(from, to + 1), { status: 206, headers: answer });
  }

  /** A copy of the object, with the metadata of the request. */
  copy(name: string, source: string, headers: Headers): Response {
    const stored = this.#objects.get(decodeURIComponent(source).replace(/^\//, ""));
    if (stored === undefined) return refusal(404, noSuchKey);
    const match = headers.get("x-amz-copy-source-if-match");
    if (match !== null && match !== stored.content.etag) return refusal(412, "PreconditionFailed");
    const metadata = headers.get("x-amz-metadata-directive") === "REPLACE" ? metadataOf(headers) : stored.metadata;
    const modified = new Date();
    const type = headers.get("content-type") ?? stored.type;
    this.#objects.set(name, { content: stored.content, metadata, type, modified: modified.toUTCString() });
    this.#watch.copied(name, metadata);
    const result = `<LastModified>${modified.toISOString()}</LastModified><ETag>${stored.content.etag.replaceAll('"', "&quot;")}</ETag>`;
    return xml(200, `<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${result}</CopyObjectResult>`);
  }

  delete(name: string): Response {
    if (this.#objects.delete(name)) this.#watch.erased(name);
    return new Response(null, { status: 204 });
  }
}

export function metadataOf(headers: Headers): Readonly<Record<string, string>> {
  const prefix = "x-amz-meta-";
  return Object.fromEntries([...headers].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])));
}

function refusal(status: number, code: string): Response {
  return xml(status, `<Error><Code>${code}</Code><Message>${code}</Message><RequestId>0</RequestId></Error>`);
}

function xml(status: number, text: string): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>${text}`, { status, headers: { "content-type": "application/xml" } });
}
