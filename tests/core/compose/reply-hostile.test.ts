// A part of reply.test.ts: nothing that a sender or a rule writes becomes a field, a recipient or an attachment of the reply,
// and every attempt builds the same octets.

import { describe, expect, test } from "bun:test";
import { openMail, parseReversePath } from "@sesame/core";
import fc from "fast-check";
import { asciiAddress } from "../../../packages/core/mail/address.ts";
import { draftOf } from "../draft.ts";
import { away, personal, planOf, serveOf } from "../sample.ts";
import {
  addressesIn,
  after,
  alice,
  before,
  effectOf,
  encodedWords,
  expectSound,
  lineOf,
  namesOf,
  namesOfText,
  parse,
  recipientsOf,
  thread,
} from "./replies.ts";

// What may hide a line end, a field or a recipient: as it stands and as an encoded word of both kinds.
const attacks = [
  "x\r\nBcc: evil@x.test",
  "x\nBcc: evil@x.test",
  "x\rBcc: evil@x.test",
  "x\0Bcc: evil@x.test",
  "x\u2028Bcc: evil@x.test",
  "x\u2029Bcc: evil@x.test",
  "x\u0085Bcc: evil@x.test",
  "x\r\n\r\n<script>",
  "x\r\n\tBcc: evil@x.test",
  "ü\u00ff\r\nBcc: evil@x.test",
  "evil@x.test, <evil@y.test>",
  '"\r\nBcc: evil@x.test',
  "\ud800\r\nBcc: evil@x.test",
];
describe("hostile text", () => {
  for (const name of ["Subject", "From", "Message-ID", "References", "In-Reply-To", "Date", "Reply-To", "Sender", "Content-Type"]) {
    test(`in ${name} makes no field and no recipient`, async () => {
      let replies = 0;
      for (const attack of attacks) {
        for (const value of [attack, ...encodedWords(attack)].flatMap((text) => [text, `${text} <bob@remote.test>`, `<${text}@x.test>`])) {
          const lines = personal.split("\r\n").filter((line) => !line.startsWith(`${name}:`));
          const header = [`${name}: ${value}`, ...lines].join("\r\n");
          const course = await serveOf({ rules: { [alice]: away }, header });
          const reply = course.effects.find(({ kind }) => kind === "reply");
          if (reply?.kind !== "reply") continue; // it may hide a daemon or a report, and then there is none
          expectSound(draftOf(reply));
          expect(namesOf(draftOf(reply)).filter((found) => !thread.includes(found))).toEqual(
            namesOfText.filter((found) => !thread.includes(found)),
          );
          expect(await recipientsOf(draftOf(reply))).toEqual(["bob@remote.test"]);
          expect(String(reply.to)).toBe("bob@remote.test");
          replies++;
        }
      }
      expect(replies).toBeGreaterThan(60);
    });
  }

  test("of eight bits that are no UTF-8 is read as Latin-1 and written as ASCII", async () => {
    const header = personal.replace("Hello", "Gr\u00fc\u00dfe").replace("Bob <", "B\u00f6b <");
    const octets = Buffer.from(`${header}\r\nHi\r\n`, "latin1");
    const { draft } = await effectOf({ facts: { mail: openMail(octets, octets.length) } });
    expectSound(draft);
    expect((await parse(draft)).subject).toBe("Auto: Grüße");
  });

  const paths = [
    '"a@evil x"@remote.test',
    '"a, b"@remote.test',
    '"a  b"@remote.test',
    '"<evil@x.test>"@remote.test',
    `${"a".repeat(64)}@${"b".repeat(60)}.test`,
    "bob+tag@remote.test",
    "a=b@remote.test",
  ];
  for (const from of paths) {
    test(`in the path ${from.slice(0, 40)} stays one recipient`, async () => {
      const { draft, to } = await effectOf({ from });
      expectSound(draft);
      expect(String(to)).toBe(from);
      expect(lineOf(draft, "To")).toBe(from);
      expect((await recipientsOf(draft)).length).toBe(1);
    });
  }
});

describe("whatever a sender and a rule write", () => {
  const unit = fc.oneof(
    fc.constantFrom(..."aZ0 \t\r\n\0\u0007.,;:<>()[]\"'\\@=?_-&#%üé日🙂א\u0301\u200d\u2028\u2029\u0085\u00a0\u202e\ufeff\ud800"),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    fc.constantFrom(
      "\r\nBcc: evil@x.test",
      "=?utf-8?Q?=0D=0A?=",
      "=?utf-8?B?DQo=?=",
      "<m@x>",
      "</blockquote>",
      "<!--",
      "--=_sesame_",
      "\r\n.\r\n",
      "From ",
    ),
  );
  const value = fc.string({ unit, maxLength: 60 });
  const field = fc.tuple(
    fc.constantFrom("Subject", "Message-ID", "References", "In-Reply-To", "Date", "From", "Reply-To", "X-Loop", "MIME-Version"),
    value,
  );
  const header = fc.array(field, { maxLength: 6 }).map((fields) => {
    const lines = fields.map(([name, text]) => `${name}: ${text.replace(/[\r\n]+/g, "\r\n ")}\r\n`);
    return `To: alice@example.com\r\n${lines.join("")}`;
  });
  const rule = fc.record(
    {
      ooo_message: fc.string({ unit, minLength: 1, maxLength: 300 }),
      ooo_subject: value,
      ooo_content_type: fc.constantFrom("text", "html"),
    },
    { requiredKeys: ["ooo_message"] },
  );
  const readable = (text: string) =>
    text
      .replace(/\r\n?|[\u0085\u2028\u2029]/g, "\n")
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff]/g, "")
      .replace(/[\ud800-\udfff]/gu, "\ufffd");

  test("the reply has the expected fields, one recipient, its text, and the same octets twice", async () => {
    let replies = 0;
    await fc.assert(
      fc.asyncProperty(header, value, rule, async (lines, body, row) => {
        const one = { header: lines, body: body.replace(/^[\r\n]+/, ""), rules: { [alice]: { ooo_active: true, ...row } } };
        const [first, second] = await Promise.all([planOf(one), planOf(one)]);
        expect(first).toEqual(second);
        const course = first.courses[0];
        const reply = course?.kind === "serve" ? course.effects.find(({ kind }) => kind === "reply") : undefined;
        if (reply?.kind !== "reply") return;
        replies++;
        const draft = draftOf(reply);
        expectSound(draft);
        const isHtml = row.ooo_content_type === "html";
        const names = isHtml ? [...before, ...thread, ...after] : namesOfText;
        const found = namesOf(draft);
        expect(found.filter((name) => !thread.includes(name))).toEqual(names.filter((name) => !thread.includes(name)));
        expect(new Set(found).size).toBe(found.length);
        const parsed = await parse(draft);
        expect(await recipientsOf(draft)).toEqual(["bob@remote.test"]);
        expect(await addressesIn(draft, "from", "sender", "reply-to")).toEqual([alice]);
        expect(parsed.attachments).toEqual([]);
        if (isHtml) expect((parsed.html || "").startsWith(readable(row.ooo_message).replace(/<\/(?:body|html)\s*>.*$/is, ""))).toBe(true);
        else expect(parsed.text).toStartWith(`${readable(row.ooo_message).trimEnd()}\n`);
      }),
      { numRuns: 500 },
    );
    expect(replies).toBeGreaterThan(250);
  });

  test("the subject is the original's, apart from what no line holds", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit, minLength: 1, maxLength: 100 }), async (text) => {
        const clean = text.replace(/[\ud800-\udfff]/gu, "\ufffd");
        const { draft } = await effectOf({ header: personal.replace("Subject: Hello", `Subject: ${encodedWords(clean)[0]}`) });
        const expected = clean
          .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]+/g, " ")
          .replace(/\s+/g, " ")
          .trim()
          .replace(/^(?:auto: ?)+/i, "");
        const { subject } = await parse(draft);
        expect(subject).toBe(expected === "" ? "Automated reply" : `Auto: ${expected}`);
      }),
      { numRuns: 300 },
    );
  });

  test("the path, if it is one, is the only place the reply goes to", async () => {
    await fc.assert(
      fc.asyncProperty(value, async (text) => {
        const from = `${text}@remote.test`;
        const path = parseReversePath(from);
        const course = await serveOf({ from, rules: { [alice]: away } });
        const reply = course.effects.find(({ kind }) => kind === "reply");
        if (reply?.kind !== "reply") return;
        expect(reply.to).toBe((path ? asciiAddress(path) : null) as never); // one address in two spellings
        expect((await recipientsOf(draftOf(reply))).length).toBe(1);
        expectSound(draftOf(reply));
      }),
      { numRuns: 300 },
    );
  });
});
