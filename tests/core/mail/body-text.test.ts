// What a reply quotes of a mail.

import { describe, expect, test } from "bun:test";
import { openMail } from "@sesame/core";
import { readableText } from "../../../packages/core/mail/body-text.ts";
import { busyTime } from "../../busy-time.ts";
import { corpusFiles } from "../corpus.ts";

describe("readableText() reads every mail of the corpus without what no reader shows:", () => {
  for (const { name, octets } of corpusFiles("mime", "ses-bounces")) {
    test(name, async () => {
      const text = await readableText(openMail(octets, octets.length));
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202d\u202e]|\n{3}|[ \t]$/m);
      expect(await readableText(openMail(octets, octets.length))).toBe(text);
    });
  }
});

test("X04 readableText() finds the text before 20,000 parts, and does not read them all", async () => {
  const parts = `--b\r\n\r\nHello\r\n${"--b\n\nx\n".repeat(20_000)}`;
  const octets = new TextEncoder().encode(`MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${parts}`);
  const busyMs = busyTime();
  expect(await readableText(openMail(octets, octets.length))).toMatch(/^Hello\n/);
  expect(busyMs()).toBeLessThan(50);
});
