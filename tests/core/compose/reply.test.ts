// The composed reply: what stands in its header, and that it ends where another responder answers it.

import { describe, expect, test } from "bun:test";
import type { AddressKey, EpochMs, MailId } from "@sesame/core";
import { away, type Case, personal, planOf, serveOf } from "../sample.ts";
import { after, alice, ascii, before, effectOf, expectSound, lineOf, namesOf, namesOfText, parse, thread } from "./replies.ts";

describe("header", () => {
  test("it has exactly these fields, and those of MIME by the kind of text", async () => {
    const { draft } = await effectOf({});
    expect(namesOf(draft)).toEqual(namesOfText);
    expect(ascii(draft.head)).toBe(
      [
        "From: alice@example.com",
        "To: bob@remote.test",
        "Subject: Auto: Hello",
        "Date: Mon, 05 Jan 2026 12:00:00 +0000",
        `Message-ID: ${lineOf(draft, "Message-ID")}`,
        "In-Reply-To: <m1@remote.test>",
        "References: <m1@remote.test>",
        "Auto-Submitted: auto-replied (vacation)",
        "X-Auto-Response-Suppress: All",
        "Precedence: bulk",
        "X-SES-Worker-Processed: worker-example.com",
        `X-Loop: ${lineOf(draft, "X-Loop")?.replace(" to=", "\r\n to=")}`,
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
      ].join("\r\n"),
    );
    expect(lineOf(draft, "Message-ID")).toMatch(/^<[0-9a-f]{32}@example\.com>$/);
    expect(namesOf((await effectOf({}, { ooo_content_type: "html" })).draft)).toEqual([...before, ...thread, ...after]);
  });

  test("it names no mail that has no id", async () => {
    const header = personal.replace(/Message-ID:.*\r\n/, "");
    expect(namesOf((await effectOf({ header })).draft)).toEqual(namesOfText.filter((name) => !thread.includes(name)));
    // RFC 5322 §3.6.4: the References of such a mail stay those of its answer.
    const { draft } = await effectOf({ header: `${header}References: <a@x.test> <b@x.test>\r\n` });
    expect([lineOf(draft, "In-Reply-To"), lineOf(draft, "References")]).toEqual([undefined, "<a@x.test> <b@x.test>"]);
  });

  test("its envelope is null inside and the recipient through SES", async () => {
    expect(await effectOf({})).toMatchObject({ route: "ses", from: alice, to: "bob@remote.test" });
    expect(await effectOf({ from: "bob@another.test" })).toMatchObject({ route: "internal", from: null, to: "bob@another.test" });
    expect(await effectOf({ from: "bob@sub.another.test" })).toMatchObject({ route: "ses", from: alice });
  });

  test("it answers from the address that was written to, and to the path as it came", async () => {
    const one = {
      from: "prvs=1234abcd=Bob@Remote.test",
      to: ["Alice+Shop@example.com"],
      header: personal.replace("alice@", "alice+shop@"),
    };
    const { draft, to, rememberAs } = await effectOf(one);
    expect([lineOf(draft, "From"), lineOf(draft, "To"), String(to)]).toEqual([
      "Alice+Shop@example.com",
      "prvs=1234abcd=Bob@Remote.test",
      "prvs=1234abcd=Bob@Remote.test",
    ]);
    expect(String(rememberAs)).toBe("bob@remote.test");
  });

  test("it writes an international domain as A-labels", async () => {
    const { draft, to } = await effectOf({ from: "bob@bücher.example" });
    expect([lineOf(draft, "To"), String(to)]).toEqual(["bob@xn--bcher-kva.example", "bob@xn--bcher-kva.example"]);
  });
});

describe("subject", () => {
  const rows: readonly (readonly [why: string, original: string | null, rule: string | undefined, expected: string])[] = [
    ["the original's", "Hello", undefined, "Auto: Hello"],
    ["the rule's", "Hello", "Away until Monday", "Away until Monday"],
    ["the rule's beside no original", null, "Away", "Away"],
    ["none", null, undefined, "Automated reply"],
    ["an empty one", "", undefined, "Automated reply"],
    ["one of blanks", "   ", undefined, "Automated reply"],
    ["one of control characters", "=?utf-8?Q?=0D=0A=00?=", undefined, "Automated reply"],
    ["a rule's of control characters", "Hello", "\u0000\r\n", "Auto: Hello"],
    ["an answer", "Re: Hello", undefined, "Auto: Re: Hello"],
    ["one that is automatic already", "Auto: Hello", undefined, "Auto: Hello"],
    ["several times, in other letters", "AUTO:auto:  Auto: Hello", undefined, "Auto: Hello"],
    ["one behind a control character", "=?utf-8?Q?=00Auto:_Hello?=", undefined, "Auto: Hello"],
    ["nothing but that", "Auto: ", undefined, "Automated reply"],
    ["an answer to an automatic one", "Re: Auto: Hello", undefined, "Auto: Re: Auto: Hello"],
    ["a word that begins alike", "Automobile: red", undefined, "Auto: Automobile: red"],
    ["an encoded one", "=?utf-8?B?R3LDvMOfZQ==?=", undefined, "Auto: Grüße"],
    ["one of raw UTF-8", "Grüße 日本", undefined, "Auto: Grüße 日本"],
    ["an encoded automatic one", "=?utf-8?Q?Auto:_Gr=C3=BC=C3=9Fe?=", undefined, "Auto: Grüße"],
    ["a folded one", "Hello\r\n\tworld", undefined, "Auto: Hello world"],
    ["a right-to-left one", "שלום עולם", undefined, "Auto: שלום עולם"],
    ["one with a direction override", "=?utf-8?B?4oCuZ3BqLmV4ZQ==?=", undefined, "Auto: gpj.exe"],
    ["a rule's with an encoded word", null, "=?utf-8?Q?=C3=84?= away", "Ä away"],
    ["a rule's with line ends in an encoded word", null, "=?utf-8?Q?hi=0D=0ABcc:_evil=40x.test?=", "hi Bcc: evil@x.test"],
    ["600 letters", "x".repeat(600), undefined, `Auto: ${"x".repeat(249)}…`],
    ["256 letters in all", "x".repeat(250), undefined, `Auto: ${"x".repeat(250)}`],
    ["a rule's of 600 letters", null, "y".repeat(600), `${"y".repeat(255)}…`],
    ["600 characters beyond the BMP", "🙂".repeat(600), undefined, `Auto: ${"🙂".repeat(249)}…`],
    ["a cut before an accent", `${"x".repeat(248)}e\u0301${"x".repeat(300)}`, undefined, `Auto: ${"x".repeat(248)}…`],
    ["a cut inside a joined emoji", `${"x".repeat(245)}👩‍👩‍👧‍👦${"x".repeat(300)}`, undefined, `Auto: ${"x".repeat(245)}…`],
    ["a cut inside endless accents", `e${"\u0301".repeat(600)}`, undefined, `Auto: e${"\u0301".repeat(248)}…`],
    ["a cut after a blank", `${"x".repeat(248)} ${"y".repeat(300)}`, undefined, `Auto: ${"x".repeat(248)}…`],
    ["20 000 letters", "word ".repeat(4000).trim(), undefined, `Auto: ${"word ".repeat(50).slice(0, 249).trimEnd()}…`],
  ];
  for (const [why, original, rule, expected] of rows) {
    test(`it is ${JSON.stringify(expected).slice(0, 40)} for ${why}`, async () => {
      const header = personal.replace("Subject: Hello\r\n", original === null ? "" : `Subject: ${original}\r\n`);
      const { draft } = await effectOf({ header }, rule === undefined ? {} : { ooo_subject: rule });
      expectSound(draft);
      expect(draft.head.includes(0)).toBe(false);
      expect((await parse(draft)).subject).toBe(expected);
    });
  }
});

describe("thread", () => {
  const ids = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `<r${i + from}@x.test>`);
  const rows: readonly (readonly [why: string, lines: readonly string[], expected: readonly string[]])[] = [
    ["an answer", ["References: <a@x.test>", "In-Reply-To: <a@x.test>"], ["<a@x.test>", "<m1@remote.test>"]],
    ["In-Reply-To alone", ["In-Reply-To: <a@x.test>"], ["<a@x.test>", "<m1@remote.test>"]],
    ["In-Reply-To with several ids, which name no thread", ["In-Reply-To: <a@x.test> <b@x.test>"], ["<m1@remote.test>"]],
    ["ids without blanks between", ["References: <a@x.test><b@x.test>"], ["<a@x.test>", "<b@x.test>", "<m1@remote.test>"]],
    ["ids with words between", ["References: Your mail of <a@x.test> (Monday)"], ["<a@x.test>", "<m1@remote.test>"]],
    ["its own id among them", ["References: <a@x.test> <m1@remote.test>"], ["<a@x.test>", "<m1@remote.test>"]],
    ["twenty ids", [`References: ${ids(20).join(" ")}`], [...ids(20), "<m1@remote.test>"]],
    ["a hundred ids, folded", [`References: ${ids(100).join("\r\n ")}`], ["<r0@x.test>", ...ids(19, 81), "<m1@remote.test>"]],
    ["ids that no field can hold", ["References: <ü@x.test> <a b@x.test> <> <a@x.test"], ["<m1@remote.test>"]],
    ["ids in encoded words", ["References: =?utf-8?Q?=3Ca=40x.test=3E?="], ["<m1@remote.test>"]],
  ];
  for (const [why, lines, expected] of rows) {
    test(`References continue ${why}`, async () => {
      const { draft } = await effectOf({ header: `${personal}${lines.map((line) => `${line}\r\n`).join("")}` });
      expectSound(draft);
      expect(lineOf(draft, "References")?.split(" ")).toEqual([...expected]);
      expect(lineOf(draft, "In-Reply-To")).toBe("<m1@remote.test>");
    });
  }
});

describe("two auto-responders", () => {
  test("F82 end after one reply of each side when the other says nothing of being automatic", async () => {
    let answered = new Map<AddressKey, { mailId: MailId; textHash: string; until: EpochMs }>();
    let ours = 0;
    for (let turn = 0; turn < 5; turn++) {
      const mailId = `bucket/${turn}` as MailId;
      const header = `From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Auto: ${"Re: ".repeat(turn)}Hello\r\nMessage-ID: <b${turn}@remote.test>\r\n`;
      const [course] = (await planOf({ header, rules: { [alice]: away }, facts: { mailId, answered } })).courses;
      const reply = course?.kind === "serve" ? course.effects.find(({ kind }) => kind === "reply") : undefined;
      if (reply?.kind !== "reply") break;
      ours++;
      answered = new Map([[alice as AddressKey, { mailId, textHash: reply.textHash, until: reply.rememberUntil }]]);
    }
    expect(ours).toBe(1);
  });

  test("F82 end at once when our reply comes back: forwarded, answered by a like responder, or bounced", async () => {
    const { draft } = await effectOf({});
    const head = ascii(draft.head).replace("\r\n\r\n", "\r\n");
    const reasons = async (one: Case) => (await serveOf({ rules: { [alice]: away }, ...one })).withheld.map(({ reason }) => reason);
    const back = head.replace("To: bob@remote.test", "To: alice@example.com");
    expect(await reasons({ header: back })).toEqual(["own-mark"]);
    expect(await reasons({ header: back.replace(/X-Loop: .*\r\n .*\r\n/, "") })).toEqual(["auto-submitted"]);
    const stripped = back.replace(/X-Loop: .*\r\n .*\r\n|Auto-Submitted: .*\r\n/g, "");
    expect(await reasons({ header: stripped })).toEqual(["bulk-precedence"]);
    expect(await reasons({ header: stripped.replace(/Precedence: .*\r\n/, "") })).toEqual(["response-suppressed"]);
    expect(await reasons({ from: null })).toEqual(["null-reverse-path"]);
  });
});
