// The notice that a target gets where Amazon SES would refuse the forward.

import { expect, test } from "bun:test";
import { openMail } from "@sesame/core";
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { readForwardFields } from "../../../packages/core/compose/forward.ts";
import { composeStandIn } from "../../../packages/core/compose/stand-in.ts";
import { readLoopMarks } from "../../../packages/core/mail/loop-mark.ts";
import { sesMaxOctets } from "../../../packages/core/ses/ses-limits.ts";
import { factsOf, serveOf } from "../sample.ts";
import { fieldsIn, forwardOf, latin, outside, sized, valuesIn, withFile } from "./forwards.ts";

test("composeStandIn() tells which mail it was, why it is not here and where it lies", async () => {
  const one = withFile("setup.exe");
  const header = `Received: from a by b\r\n${one.header.replace("Bob <", "=?utf-8?Q?B=C3=B6b?= <")}Date: Mon, 05 Jan 2026 12:59:50 +0100\r\nIn-Reply-To: <a@x>\r\nSender: s@x.test\r\n`;
  const forward = await forwardOf({ ...one, header });
  const { head, body } = forward.draft;
  if (body === "original") throw new Error("no notice");
  expect(fieldsIn(head)).toEqual([
    ["From", '"Mail forwarding of example.com" <alice@example.com>'],
    ["Reply-To", "=?UTF-8?B?QsO2Yg==?= <bob@remote.test>"],
    ["To", "x@other.test"],
    ["Subject", "Not forwarded: Hello"],
    ["Date", "Mon, 05 Jan 2026 12:00:00 +0000"],
    ["Message-ID", expect.stringMatching(/^<[0-9a-f]{32}@example\.com>$/)],
    ["In-Reply-To", "<a@x>"],
    ["References", "<a@x> <m1@remote.test>"],
    ["X-Original-Message-ID", "<m1@remote.test>"],
    ["X-Original-From", "=?UTF-8?B?QsO2Yg==?= <bob@remote.test>"],
    ["X-SES-Worker-Processed", "worker-example.com"],
    ["X-Loop", expect.stringMatching(/^alice@example\.com; id=/)],
    ["Auto-Submitted", "auto-generated"],
    ["X-Auto-Response-Suppress", "All"],
    ["MIME-Version", "1.0"],
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Transfer-Encoding", "quoted-printable"],
  ]);
  const parsed = await simpleParser(Buffer.concat([head, body]));
  expect(parsed.text).toBe(
    [
      "A mail to alice@example.com could not be forwarded to you.",
      "",
      "Amazon SES does not send attachments of this kind:",
      "  setup.exe",
      "",
      "  From:    Böb <bob@remote.test>",
      "  To:      alice@example.com",
      "  Subject: Hello",
      "  Date:    Mon, 05 Jan 2026 12:59:50 +0100",
      "  Size:    1 KB",
      "",
      "The original lies in the mailbox of alice@example.com.",
      "If that address has no mailbox of its own, ask its administrator.",
      "",
    ].join("\n"),
  );
});

test("composeStandIn() says how large a mail is that is too large, never less than the limit", async () => {
  const texts = await Promise.all(
    [sesMaxOctets, 45 * 1024 * 1024].map(async (size) =>
      Buffer.from((await forwardOf({ facts: { mail: sized(size) } })).draft.body).toString(),
    ),
  );
  expect(texts[0]).toContain("It is too large: 40.1 MB, and Amazon SES sends 40.0 MB at the most.");
  expect(texts[1]).toContain("It is too large: 45.1 MB");
  expect(texts[1]).toContain("  Size:    45.0 MB");
});

test("composeStandIn() names ten files at the most, and only those that SES refuses", async () => {
  const attachments = ["plan.pdf", ...Array.from({ length: 12 }, (_, i) => `x${i}.exe`)];
  const text = Buffer.from((await forwardOf({ facts: { attachments } })).draft.body).toString();
  expect(text).toContain("\r\n  x9.exe\r\n  and 2 more\r\n");
  expect(text).not.toMatch(/plan\.pdf|x10\.exe/);
});

test("composeStandIn() bears our mark, so that no notice is made of a notice", async () => {
  const { draft } = await forwardOf(withFile("setup.exe"));
  const { loopKey } = factsOf({});
  expect(readLoopMarks(loopKey, openMail(draft.head, draft.head.length).block).valid.length).toBe(1);
  const again = await serveOf({ header: latin(draft.head).replace(/\r\n$/, ""), rules: outside });
  expect(again.withheld.map(({ reason }) => reason)).toEqual(["own-mark"]);
});

test("composeStandIn() is plain lawful text whatever the original holds, and the same in every attempt", () => {
  const unit = fc.constantFrom(...'aB <>@,;:"()\\=?_-.\t\u00fc\u0085日🙂\u2028\u202e', "=?utf-8?Q?=0D=0ABcc:_x?=", "\r\n ", "\0");
  const junk = fc.string({ unit, maxLength: 400 });
  fc.assert(
    fc.property(
      junk,
      junk,
      junk,
      fc.array(
        junk.map((name) => `${name}.exe`),
        { minLength: 1, maxLength: 15 },
      ),
      (from, to, subject, attachments) => {
        const octets = new TextEncoder().encode(
          `X: 1\r\nFrom: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\nDate: ${from}\r\nMessage-ID: ${to}\r\n\r\n`,
        );
        const { mailId, receivedAt, loopKey } = factsOf({});
        const mail = openMail(octets, octets.length);
        const compose = () =>
          composeStandIn(
            {
              mail,
              mailId,
              receivedAt,
              recipient: "alice@example.com" as never,
              target: "x@other.test" as never,
              route: "ses",
              loopKey,
              original: readForwardFields(mail),
            },
            { reason: "forbidden-attachment", octets: 1, refusedNames: attachments },
          );
        const { head, body } = compose();
        if (body === "original") throw new Error("no notice");
        expect(valuesIn(head, "To")).toEqual(["x@other.test"]);
        expect(new Set(fieldsIn(head).map(([name]) => name)).size).toBe(fieldsIn(head).length);
        expect(latin(head)).toMatch(/^(?:[!-9;-~]+:[ -~]*\r\n(?:[ \t][ -~]*\r\n)*)+\r\n$/);
        expect(latin(body)).toMatch(/^(?:[ -~]{0,76}\r\n)*$/);
        expect(
          latin(body)
            .split("\r\n")
            .filter((line) => line === "A mail to alice@example.com could not be forwarded to you.").length,
        ).toBe(1);
        expect(compose()).toEqual({ head, body });
      },
    ),
    { numRuns: 500 },
  );
});
