// What a reply quotes of a mail.

import { describe, expect, test } from "bun:test";
import { openMail } from "@sesame/core";
import { readableText } from "../../../packages/core/mail/body-text.ts";
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
