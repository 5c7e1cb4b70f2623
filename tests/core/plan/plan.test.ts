import { expect, test } from "bun:test";
import { type AddressKey, defaultPolicy, type EpochMs, type MailId, noVerdicts, plan } from "@sesame/core";
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { loopMark } from "../../../packages/core/mail/loop-mark.ts";
import { away, type Case, factsOf, personal, planOf, replyOf, serveOf } from "../sample.ts";

const replies: [string, Case, string][] = [
  ["a person writes to the recipient", {}, "reply"],
  ["the recipient is in Cc, other case", { header: personal.replace("To: alice", "To: x@y.test\r\nCc: ALICE") }, "reply"],
  ["the recipient has a tag", { to: ["alice+shop@example.com"], header: personal.replace("alice@", "alice+shop@") }, "reply"],
  ["Auto-Submitted is no", { header: `${personal}Auto-Submitted: no (really)\r\n` }, "reply"],
  ["X-Auto-Response-Suppress is AutoReply", { header: `${personal}X-Auto-Response-Suppress: AutoReply\r\n` }, "reply"],
  ["a mark is forged", { header: `${personal}X-Loop: a@b; id=${"0".repeat(32)}; hop=1; mac=${"0".repeat(32)}\r\n` }, "reply"],
  ["somebody claims that a worker saw it", { header: `${personal}X-SES-Worker-Processed: worker-example.com\r\n` }, "reply"],
  ["the reverse-path is null", { from: null }, "null-reverse-path"],
  ["the reverse-path is no address", { from: "bob at remote" }, "sender-unreadable"],
  ["a daemon writes", { from: "MAILER-DAEMON@remote.test" }, "system-sender"],
  ["a list owner writes", { from: "owner-list@remote.test" }, "system-sender"],
  ["a request address writes", { from: "list-request@remote.test" }, "system-sender"],
  ["postmaster is a person", { from: "postmaster@remote.test" }, "reply"],
  ["it is submitted by a machine", { header: `${personal}Auto-Submitted: auto-replied (vacation)\r\n` }, "auto-submitted"],
  ["it comes from a list", { header: `${personal}List-Id: <l.remote.test>\r\n` }, "mailing-list"],
  ["it is bulk", { header: `${personal}Precedence: Bulk\r\n` }, "bulk-precedence"],
  ["OOF is suppressed", { header: `${personal}X-Auto-Response-Suppress: DR, OOF,\tRN\r\n` }, "response-suppressed"],
  ["it is a report", { header: `${personal}Content-Type: multipart/report; boundary=x\r\n` }, "report"],
  ["the recipient writes to itself", { from: "alice+x@example.com" }, "from-self"],
  ["the recipient is not named", { header: personal.replace("alice@", "list@") }, "not-addressed"],
  ["spam", { facts: { sesVerdicts: { ...noVerdicts, spam: "FAIL" } } }, "spam-verdict"],
  ["DMARC says reject", { facts: { sesVerdicts: { ...noVerdicts, dmarc: "FAIL", dmarcPolicy: "reject" } } }, "dmarc-verdict"],
  ["DMARC fails with policy none", { facts: { sesVerdicts: { ...noVerdicts, dmarc: "FAIL", dmarcPolicy: "none" } } }, "reply"],
  ["there is no header block", { header: "nothing", facts: {} }, "header-unreadable"],
  ["it is over", { rules: { "alice@example.com": { ...away, ooo_end: "2026-01-04" } } }, "not-active"],
  ["it ends with this day", { rules: { "alice@example.com": { ...away, ooo_end: "2026-01-05" } } }, "reply"],
  [
    "it starts tomorrow in Auckland, which is today here",
    { rules: { "alice@example.com": { ...away, ooo_start: "2026-01-06", ooo_timezone: "Pacific/Auckland" } } },
    "reply",
  ],
  ["the type of ooo_active is wrong", { rules: { "alice@example.com": { ...away, ooo_active: "false" } } }, "no rule"],
  ["the catch-all has a rule", { rules: { "*@example.com": away } }, "reply"],
  ["the exact row beats the catch-all", { rules: { "*@example.com": away, "alice@example.com": {} } }, "no rule"],
];
for (const [why, one, expected] of replies) {
  test(`plan() decides ${expected} when ${why}`, async () => {
    expect(await replyOf(one)).toBe(expected);
  });
}

test("plan() withholds what a mail of ours would start, and believes only a true mark", async () => {
  const facts = factsOf({});
  const mark = loopMark(facts.loopKey, "alice@example.com", facts.mailId);
  const rules = { "alice@example.com": { ...away, forwards: ["x@other.test"] } };
  const ours = await serveOf({ rules, header: `${personal}X-Loop: ${mark}\r\n` });
  expect(ours.withheld.map(({ reason }) => reason)).toEqual(["own-mark", "own-mark"]);
  const forged = await serveOf({ rules, header: `${personal}X-Loop: ${mark.replace("hop=1", "hop=2")}\r\n` });
  expect(forged.effects.map(({ kind }) => kind)).toEqual(["deliver", "reply", "forward"]);
  expect(forged.warnings).toContainEqual({ kind: "loop-mark-forged" });
});

test("plan() answers a sender once in the period, unless the memory is of this very mail", async () => {
  const reply = (await serveOf({ rules: { "alice@example.com": away } })).effects.find(({ kind }) => kind === "reply");
  if (reply?.kind !== "reply") throw new Error("no reply");
  const until = Date.parse("2026-01-09T00:00:00Z") as EpochMs;
  const memory = (mailId: string, textHash: string) => ({
    facts: { answered: new Map([["alice@example.com" as AddressKey, { mailId: mailId as MailId, textHash, until }]]) },
  });
  expect(await replyOf(memory("other", reply.textHash))).toBe("already-answered");
  expect(await replyOf(memory("other", "another text"))).toBe("reply");
  expect(await replyOf(memory("example-com-emails/1", reply.textHash))).toBe("reply");
});

test("plan() makes one course for each recipient and refuses what is not served", async () => {
  const { courses } = await planOf({
    to: ["alice@example.com", "ALICE@example.com", "eve@sub.example.com", "broken", "al@another.test"],
    blocked: { "*@another.test": ["bob@*"] },
  });
  expect(courses.map((course) => [course.kind, course.recipient, course.kind === "refuse" ? course.reason : ""])).toEqual([
    ["serve", "alice@example.com", ""],
    ["refuse", "eve@sub.example.com", "foreign-domain"],
    ["refuse", "broken", "invalid-address"],
    ["block", "al@another.test", ""],
  ]);
});

test("plan() discards only what the operator wants dropped", async () => {
  const facts = factsOf({ facts: { sesVerdicts: { ...noVerdicts, virus: "FAIL" } } });
  expect(await plan(facts, { ...defaultPolicy, virusVerdict: "drop" })).toEqual({
    kind: "discard",
    reason: "virus-verdict",
    bounce: "not-a-bounce",
  });
  expect((await plan(facts)).kind).toBe("carry");
});

test("plan() removes the topmost Return-Path and nothing else", async () => {
  const [deliver] = (await serveOf({ header: `Return-Path: <bob@remote.test>\r\nX: 1\r\nReturn-Path: <other@x.test>\r\n${personal}` }))
    .effects;
  expect(deliver?.kind === "deliver" && deliver.edits).toEqual([{ kind: "remove", name: "Return-Path", which: "topmost" }]);
  const [plain] = (await serveOf({ header: `X: 1\r\nReturn-Path: <other@x.test>\r\n${personal}` })).effects;
  expect(plain?.kind === "deliver" && plain.edits).toEqual([]);
});

test("plan() composes a reply and a forward that another parser reads as meant", async () => {
  const header = `${personal.replace("Subject: Hello", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe=0D=0ABcc:_evil=40x.test?=").replace("Bob <", '"Bob evil@y.test" <')}X-SES-CONFIGURATION-SET: steal\r\nSender: s@z.test\r\nDKIM-Signature: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  const course = await serveOf({
    header,
    body: "Hällo\r\n",
    rules: { "alice@example.com": { ...away, ooo_message: "Ich bin weg – bis Montag", forwards: ["x@other.test"] } },
  });
  const drafts = course.effects.flatMap((effect) =>
    effect.kind === "deliver"
      ? []
      : [{ head: effect.draft.head, body: effect.draft.body === "original" ? Buffer.from("Hällo\r\n") : effect.draft.body }],
  );
  const [reply, forward] = await Promise.all(drafts.map(({ head, body }) => simpleParser(Buffer.concat([head, body]))));
  expect(reply?.subject).toBe("Auto: Grüße Bcc: evil@x.test");
  expect(reply?.text).toBe("Ich bin weg – bis Montag\n\nbob@remote.test:\n> Hällo\n");
  expect(reply?.headers.get("auto-submitted")).toBe("auto-replied (vacation)");
  expect(reply?.inReplyTo).toBe("<m1@remote.test>");
  expect([reply?.bcc, forward?.bcc]).toEqual([undefined, undefined]);
  expect(forward?.from?.value).toEqual([{ address: "alice@example.com", name: "Bob via example.com" }]);
  expect(forward?.replyTo?.value[0]?.address).toBe("bob@remote.test");
  expect(forward?.subject).toBe("FWD: Grüße Bcc: evil@x.test");
  expect(forward?.text).toBe("Hällo\n");
  for (const name of ["sender", "dkim-signature", "x-ses-configuration-set", "return-path"]) expect(forward?.headers.has(name)).toBe(false);
});

test("plan() gives the same octets for the same facts", async () => {
  const one = {
    rules: {
      "alice@example.com": { ...away, ooo_content_type: "html", ooo_message: "<b>Away</b>", forwards: ["x@other.test", "b@another.test"] },
    },
  };
  expect(await planOf(one)).toEqual(await planOf(one));
});

test("F48 plan() never rejects, whatever stands in mail, envelope and rows", async () => {
  const junk = fc.string({ unit: fc.constantFrom(...'aB1 :;,@<>()"\\=?_-.\r\n\t\0ü日\u2028é'), maxLength: 80 });
  const field = fc.tuple(
    fc.constantFrom(
      "From",
      "To",
      "Subject",
      "Date",
      "Message-ID",
      "References",
      "Reply-To",
      "Content-Type",
      "X-Loop",
      "Received",
      "Cc",
      "List-Id",
    ),
    junk,
  );
  const header = fc.array(field, { maxLength: 10 }).map((fields) => fields.map(([name, value]) => `${name}: ${value}\r\n`).join(""));
  const row = fc.oneof(
    fc.jsonValue(),
    fc.record({
      ooo_active: fc.constant(true),
      ooo_message: junk,
      ooo_subject: junk,
      ooo_start: junk,
      ooo_content_type: fc.constantFrom("text", "html"),
      forwards: fc.array(fc.constantFrom("x@other.test", "ü@bücher.example", "b@another.test", "")),
    }),
  );
  const whom = fc.constantFrom("alice@example.com", "jörg@example.com", "alice@EXAMPLE.com.", '"a b"@example.com', "", "@");
  await fc.assert(
    fc.asyncProperty(
      header,
      junk,
      fc.oneof(fc.constant("bob@remote.test"), junk),
      whom,
      row,
      fc.jsonValue(),
      async (head, body, from, to, rule, patterns) => {
        const facts = factsOf({
          header: `${head}To: alice@example.com\r\n`,
          body,
          from,
          to: [to],
          rules: { "*@example.com": rule },
          blocked: { "*@example.com": patterns },
        });
        const decided = await plan(facts);
        for (const course of decided.kind === "carry" ? decided.courses : []) {
          for (const effect of course.kind === "serve" ? course.effects : []) {
            if (effect.kind === "deliver") continue;
            const text = Buffer.from(effect.draft.head).toString("latin1");
            expect(text).toMatch(/^(?:[!-9;-~]+:(?:[ -~]*\r\n)(?:[ \t][ -~]*\r\n)*)+\r\n$/);
            expect(text.split("\r\n").every((line) => line.length <= 998)).toBe(true);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("plan() reads the header block alone when nothing must be quoted", async () => {
  const octets = new TextEncoder().encode(`${personal}\r\n${"x".repeat(100_000)}`);
  const whole = factsOf({ body: "x".repeat(100_000), rules: { "alice@example.com": { forwards: ["x@other.test"] } } });
  const cut = { ...whole, mail: { ...whole.mail, head: octets.subarray(0, whole.mail.bodyStart) } };
  expect(await plan(cut)).toEqual(await plan(whole));
});
