// Whether a mail is answered: what planReply() itself decides, by verdicts, marks, times, the reply memory and bounces. Which
// mail is automatic stands in rules/automatic.test.ts; that each of its reasons counts here is shown by one row, of this
// file or of plan-reply-sieve.test.ts.

import { expect, test } from "bun:test";
import { type AddressKey, type EpochMs, type MailId, noVerdicts } from "@sesame/core";
import { draftOf } from "../draft.ts";
import { away, type Case, factsOf, markOf, personal, replyOf, serveOf } from "../sample.ts";

const verdicts = (more: Partial<typeof noVerdicts>): Case => ({ facts: { sesVerdicts: { ...noVerdicts, ...more } } });
type Row = readonly [why: string, mail: Case, expected: string];

const replies: readonly Row[] = [
  ["a person writes to the recipient", {}, "reply"],
  ["the recipient has a tag", { to: ["alice+shop@example.com"], header: personal.replace("alice@", "alice+shop@") }, "reply"],
  ["a mark is forged", { header: `${personal}X-Loop: a@b; id=${"0".repeat(32)}; hop=1; mac=${"0".repeat(32)}\r\n` }, "reply"],
  ["the reverse-path is no address", { from: "bob at remote" }, "sender-unreadable"],
  ["it is a report", { header: `${personal}Content-Type: multipart/report; boundary=x\r\n` }, "report"],
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

const verdictRows: readonly Row[] = [
  ["it is spam", verdicts({ spam: "FAIL" }), "spam-verdict"],
  ["it bears a virus", verdicts({ virus: "FAIL" }), "virus-verdict"],
  ["DMARC fails and the domain wants it rejected", verdicts({ dmarc: "FAIL", dmarcPolicy: "reject" }), "dmarc-verdict"],
  ["DMARC fails and the domain wants it in quarantine", verdicts({ dmarc: "FAIL", dmarcPolicy: "quarantine" }), "dmarc-verdict"],
  ["DMARC fails and the domain wants nothing", verdicts({ dmarc: "FAIL", dmarcPolicy: "none" }), "reply"],
  ["DMARC passes under a strict policy", verdicts({ dmarc: "PASS", dmarcPolicy: "reject" }), "reply"],
  ["the scanners had no opinion", verdicts({ spam: "GRAY", virus: "PROCESSING_FAILED", dmarc: "GRAY" }), "reply"],
  ["DKIM fails alone", verdicts({ dkim: "FAIL" }), "reply"],
  ["X14 SPF fails, whatever DKIM and DMARC say", verdicts({ spf: "FAIL", dkim: "PASS", dmarc: "PASS" }), "spf-verdict"],
  ["SPF has no opinion", verdicts({ spf: "GRAY" }), "reply"],
];

const daemonOfSes: readonly Row[] = [
  ...[
    "MAILER-DAEMON@amazonses.com",
    "Mail Delivery <mailer-daemon@eu-west-1.amazonses.com>",
    "=?utf-8?Q?MAILER-DAEMON=40amazonses.com?=",
  ].map((from): Row => [`From is ${from}`, { header: personal.replace("Bob <bob@remote.test>", from) }, "ses-bounce"]),
  ["From only looks like it", { header: personal.replace("Bob <bob@remote.test>", "mailer@amazonses.com.evil.test") }, "reply"],
];

for (const [why, one, expected] of [...replies, ...verdictRows, ...daemonOfSes]) {
  test(`planReply() decides ${expected} when ${why}`, async () => {
    expect(await replyOf(one)).toBe(expected);
  });
}

test("planReply() believes only a keyed mark, and counts a forged one", async () => {
  const mark = markOf("alice@example.com");
  const stranger = markOf("alice@example.com", 0, new Uint8Array(32).fill(9));
  const rows: readonly (readonly [string, string, string, boolean])[] = [
    ["our mark", `X-Loop: ${mark}`, "own-mark", false],
    ["our mark, folded on the way", `X-Loop: ${mark.replace("; hop", ";\r\n hop")}`, "own-mark", false],
    ["our mark below another program's", `X-Loop: list@remote.test\r\nX-Loop: ${mark}`, "own-mark", false],
    ["a mark made with another key", `X-Loop: ${stranger}`, "reply", true],
    ["X15 a mark of another address, whoever put it there", `X-Loop: ${markOf("carol@another.test")}`, "reply", false],
    ["X15 our mark of 14 days ago", `X-Loop: ${markOf("alice@example.com", 14)}`, "own-mark", false],
    ["X15 our mark of 15 days ago", `X-Loop: ${markOf("alice@example.com", 15)}`, "reply", false],
    ["our mark moved to another address", `X-Loop: ${mark.replace("alice", "carol")}`, "reply", true],
    ["another program's loop field", "X-Loop: alice@example.com", "reply", false],
    ["the plain field of this worker", "X-SES-Worker-Processed: worker-example.com", "reply", false],
  ];
  for (const [why, line, expected, forged] of rows) {
    const one = { rules: { "alice@example.com": away }, header: `${personal}${line}\r\n` };
    expect([why, await replyOf(one)]).toEqual([why, expected]);
    const { warnings } = await serveOf(one);
    expect([why, warnings.some(({ kind }) => kind === "loop-mark-forged")]).toEqual([why, forged]);
  }
});

test("planReply() answers a sender once in the period for one text", async () => {
  const until = (text: string) => Date.parse(text) as EpochMs;
  const facts = factsOf({ rules: { "alice@example.com": away } });
  const effect = (await serveOf({ rules: { "alice@example.com": away } })).effects.find(({ kind }) => kind === "reply");
  if (effect?.kind !== "reply") throw new Error("no reply");
  expect(effect.rememberUntil - facts.receivedAt).toBe(7 * 86_400_000);
  const remembered = (textHash: string, end: string, mailId = "another") =>
    replyOf({
      facts: { answered: new Map([["alice@example.com" as AddressKey, { mailId: mailId as MailId, textHash, until: until(end) }]]) },
    });
  expect(await remembered(effect.textHash, "2026-01-09T00:00:00Z")).toBe("already-answered");
  expect(await remembered(effect.textHash, "2026-01-05T12:00:00Z")).toBe("reply"); // it ends with this very instant
  expect(await remembered("of another text", "2026-01-09T00:00:00Z")).toBe("reply");
  expect(await remembered(effect.textHash, "2026-01-09T00:00:00Z", facts.mailId)).toBe("reply"); // this attempt's own claim
});

test("planReply() remembers the rule's words, and neither the subject answered nor the dates", async () => {
  const hashOf = async (row: object, header = personal) => {
    const effect = (await serveOf({ rules: { "alice@example.com": { ...away, ...row } }, header })).effects[1];
    return effect?.kind === "reply" ? effect.textHash : "no reply";
  };
  const plain = await hashOf({});
  expect(await hashOf({}, personal.replace("Hello", "Another subject"))).toBe(plain);
  expect(await hashOf({ ooo_end: "2026-02-01", ooo_timezone: "Europe/Berlin" })).toBe(plain);
  expect(await hashOf({ forwards: ["x@other.test"], unknown: 1, ooo_subject: "" })).toBe(plain);
  expect(await hashOf({ ooo_message: "I am back on Tuesday" })).not.toBe(plain);
  expect(await hashOf({ ooo_subject: "Away" })).not.toBe(plain);
  expect(await hashOf({ ooo_content_type: "html" })).not.toBe(plain);
  // Equal words in other places are another text (RFC 5230 §4.2, implementation note).
  expect(await hashOf({ ooo_subject: "a", ooo_message: "b" })).not.toBe(await hashOf({ ooo_subject: "b", ooo_message: "a" }));
});

type Verdicts = Partial<typeof noVerdicts>;
const from = (address: string) => personal.replace("Bob <bob@remote.test>", address);
/** `repeats`: whether the reply has the subject and a quotation of the mail. */
const authentic: readonly (readonly [why: string, verdicts: Verdicts, one: Case, repeats: boolean])[] = [
  ["SPF passes", { spf: "PASS" }, {}, true],
  ["SPF passes, and DMARC fails without a policy", { spf: "PASS", dmarc: "FAIL", dmarcPolicy: "none" }, {}, true],
  ["DMARC passes for the domain of the path", { spf: "GRAY", dmarc: "PASS" }, {}, true],
  ["DMARC passes, and the path is of a subdomain", { dmarc: "PASS" }, { from: "bob@mail.remote.test" }, true],
  ["DMARC passes, and the path is of the domain above that of From", { dmarc: "PASS" }, { header: from("bob@mail.remote.test") }, false],
  ["DMARC passes for another domain", { dmarc: "PASS" }, { header: from("eve@evil.test") }, false],
  ["DMARC passes for a domain that ends alike", { dmarc: "PASS" }, { header: from("eve@evilremote.test") }, false],
  ["DMARC passes for one of two authors", { dmarc: "PASS" }, { header: from("bob@remote.test, eve@evil.test") }, false],
  ["DMARC passes for two subdomains of one domain", { dmarc: "PASS" }, { header: from("a@a.remote.test"), from: "b@b.remote.test" }, false],
  ["DKIM passes alone", { dkim: "PASS" }, {}, false],
  ["nothing was checked", {}, {}, false],
  ["SPF is gray", { spf: "GRAY", dkim: "GRAY", dmarc: "GRAY" }, {}, false],
  ["checks are disabled", { spf: "DISABLED", dkim: "DISABLED", dmarc: "DISABLED" }, {}, false],
  ["checks did not work", { spf: "PROCESSING_FAILED", dmarc: "PROCESSING_FAILED" }, {}, false],
];
for (const [why, given, one, repeats] of authentic) {
  test(`X14 a reply repeats ${repeats ? "subject and text" : "nothing of the mail"} when ${why}`, async () => {
    const facts = { sesVerdicts: { ...noVerdicts, ...given } };
    const { effects } = await serveOf({ rules: { "alice@example.com": away }, body: "Buy pills at spam.test\r\n", ...one, facts });
    const reply = effects.find((effect) => effect.kind === "reply");
    if (reply?.kind !== "reply") throw new Error("no reply");
    const { head, body } = draftOf(reply);
    const text = Buffer.concat([head, body as Uint8Array]).toString("latin1");
    expect([text.includes("Subject: Auto: Hello"), text.includes("Buy pills")]).toEqual([repeats, repeats]);
    expect(text.includes("Subject: Automated reply")).toBe(!repeats);
  });
}

test("X14 a reply with a subject of its own keeps it, and SPF FAIL withholds it whatever else passes", async () => {
  const rules = { "alice@example.com": { ...away, ooo_subject: "Away" } };
  const { effects } = await serveOf({ rules, facts: { sesVerdicts: noVerdicts } });
  const reply = effects.find((effect) => effect.kind === "reply");
  expect(reply?.kind === "reply" && Buffer.from(draftOf(reply).head).toString("latin1")).toContain("Subject: Away\r\n");
  const aligned: Verdicts = { spf: "FAIL", dkim: "PASS", dmarc: "PASS" };
  expect(await replyOf(verdicts(aligned))).toBe("spf-verdict");
});
