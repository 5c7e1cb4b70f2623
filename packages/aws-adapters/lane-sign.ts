// Lane signature: AWS Signature Version 4 of one request whose path is already encoded, as S3 wants it.
// IAM User Guide, "Create a signed AWS API request".

import { createHmac, hash } from "node:crypto";

/** What is signed. */
export type Signable = Readonly<{
  method: string;
  /** The path as it is sent. */
  path: string;
  /** The query as it is sent: encoded, and sorted by name. */
  query: string;
  /** All fields to sign, with `host` and `x-amz-date`. Names in lower case. */
  fields: Readonly<Record<string, string>>;
  /** SHA-256 of the body, in hexadecimal. */
  payloadHash: string;
}>;

export type Credentials = Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined }>;
export type Scope = Readonly<{ region: string; service: string }>;

/** SHA-256 in hexadecimal. */
export function sha256(text: string): string {
  return hash("sha256", text, "hex");
}

/** `20150830T123600Z`, the form of `x-amz-date`. */
export function amzDate(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** Signs requests, and keeps the signing keys of one day. */
export class Signer {
  readonly #keys = new Map<string, Buffer>();
  #day = "";

  /** The value of the `authorization` field. */
  authorization(request: Signable, credentials: Credentials, { region, service }: Scope): string {
    const date = request.fields["x-amz-date"] ?? "";
    const day = date.slice(0, 8);
    const scope = `${day}/${region}/${service}/aws4_request`;
    const names = Object.keys(request.fields).sort();
    const stringToSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonicalRequest(request, names))}`;
    const signature = createHmac("sha256", this.#key(day, credentials, region, service))
      .update(stringToSign)
      .digest("hex");
    return `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  }

  #key(day: string, { accessKeyId, secretAccessKey }: Credentials, region: string, service: string): Buffer {
    if (day !== this.#day || this.#keys.size > 100) this.#keys.clear();
    this.#day = day;
    const name = `${region}/${service}/${accessKeyId}/${secretAccessKey}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(
      (secret, part) => createHmac("sha256", secret).update(part).digest(),
      `AWS4${secretAccessKey}`,
    ) as Buffer;
    this.#keys.set(name, key);
    return key;
  }
}

/** `names` are those of all fields, sorted. */
export function canonicalRequest({ method, path, query, fields, payloadHash }: Signable, names: readonly string[]): string {
  let lines = "";
  for (const name of names) lines += `${name}:${(fields[name] ?? "").trim().replace(/\s+/g, " ")}\n`;
  return `${method}\n${path}\n${query}\n${lines}\n${names.join(";")}\n${payloadHash}`;
}

/** Percent-encodes all but the unreserved characters (RFC 3986 §2.3), as SigV4 wants it. Throws for an unpaired surrogate. */
export function uriEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}
