// Lane checksum: compares the octets of an object with the checksum that S3 sends, as the SDK does. The checksum of an
// upload in parts is one of its parts' checksums and is not compared.
// S3 API Reference, "GetObject" (x-amz-checksum-mode).

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Crc32c } from "@aws-sdk/checksums/crc";
import { Crc64Nvme } from "./crc64-nvme.ts";
import { GarbledError } from "./trouble.ts";

/** A checksum of octets that come one after another. */
export type Checksum = Readonly<{
  update(octets: Uint8Array): void;
  /** Throws if the octets so far have another checksum than S3 says. */
  verify(): Promise<void>;
}>;

type Sum = Readonly<{ update(octets: Uint8Array): unknown; digest(): Promise<Uint8Array> | Uint8Array }>;

/** In the SDK's order; only the first one of an answer is compared. */
const sums: Readonly<Record<string, () => Sum>> = {
  sha256: () => createHash("sha256"),
  sha1: () => createHash("sha1"),
  crc32: crc32Sum,
  crc32c: () => new Crc32c(),
  crc64nvme: () => new Crc64Nvme(),
};

/** The SDK compares these too. */
const others = ["sha512", "md5", "xxhash64", "xxhash3", "xxhash128"];

/** `field` gives the value of `x-amz-checksum-…`. `null`: there is nothing to compare. Throws if only the SDK can compare it. */
export function checksumOf(field: (name: string) => string | null): Checksum | null {
  for (const [name, make] of Object.entries(sums)) {
    const expected = field(name);
    if (expected === null || expected === "" || isOfParts(expected)) continue;
    const sum = make();
    return {
      update: (octets) => void sum.update(octets),
      verify: async () => {
        const found = Buffer.from(await sum.digest()).toString("base64");
        if (found !== expected) throw new Error(`Checksum mismatch: expected "${expected}" but received "${found}"`);
      },
    };
  }
  const other = others.find((name) => (field(name) ?? "") !== "");
  if (other !== undefined) throw new GarbledError(`the answer has a checksum of the kind ${other}`);
  return null;
}

function isOfParts(checksum: string): boolean {
  return /-[1-9]\d*$/.test(checksum);
}

function crc32Sum(): Sum {
  let value = 0;
  return {
    update: (octets) => {
      value = crc32(octets, value);
    },
    digest: () => {
      const octets = new Uint8Array(4);
      new DataView(octets.buffer).setUint32(0, value);
      return octets;
    },
  };
}
