// CRC-64/NVME against its published check value and against the SDK.

import { expect, test } from "bun:test";
import { Crc64Nvme as SdkSum } from "@aws-sdk/checksums/crc";
import fc from "fast-check";
import { Crc64Nvme } from "../../packages/aws-adapters/crc64-nvme.ts";

const hex = (octets: Uint8Array) => Buffer.from(octets).toString("hex");
const sumOf = (...pieces: readonly Uint8Array[]) => {
  const sum = new Crc64Nvme();
  for (const piece of pieces) sum.update(piece);
  return hex(sum.digest());
};

test("the check value of CRC-64/NVME, and the sum of nothing", () => {
  expect(sumOf(new TextEncoder().encode("123456789"))).toBe("ae8b14860a799888");
  expect(sumOf()).toBe("0000000000000000");
  expect(sumOf(new Uint8Array(0))).toBe("0000000000000000");
});

test("any octets in any pieces have the sum that the SDK finds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 6 }), async (pieces) => {
      const sdk = new SdkSum();
      for (const piece of pieces) sdk.update(piece);
      expect(sumOf(...pieces)).toBe(hex(await sdk.digest()));
    }),
    { numRuns: 500 },
  );
});

test("one bit that is wrong is noticed, wherever it is", () => {
  const octets = new Uint8Array(40).fill(7);
  const right = sumOf(octets);
  for (let bit = 0; bit < octets.length * 8; bit++) {
    const wrong = octets.slice();
    wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(sumOf(wrong)).not.toBe(right);
  }
});
