// A part of plan-reply.test.ts: a mail is answered, and how, as Dovecot Pigeonhole's vacation command does it. The 49 cases of
// its test suite (tests/extensions/vacation) are told in our own mails. A Sieve script is a program and a rule is a row, so
// some cases have no counterpart: they stand in the table with the reason, and with the attribute that would be needed and
// that a rule passes over.

import { describe, expect, test } from "bun:test";
import { decodeRuleRow, defaultPolicy, parseReversePath, plan } from "@sesame/core";
import { simpleParser } from "mailparser";
import { draftOf } from "../draft.ts";
import { away, type Case, factsOf, serveOf } from "../sample.ts";

/** What the outgoing reply must be, as far as the case is about it. */
type Reply = Readonly<{
  from?: string;
  to?: string;
  subject?: string | RegExp;
  subjectLacks?: string;
  inReplyTo?: string;
  references?: readonly string[];
  text?: string;
  /** Who gets a bounce of the reply: `null` is the null reverse-path. */
  returnTo?: string | null;
}>;

type Row = Readonly<{ name: string; differs?: string }> &
  (
    | Readonly<{ mail: Case; reply: Reply }>
    | Readonly<{ mail: Case; withheld: string }>
    | Readonly<{ mail: Case; refused: string }>
    | Readonly<{ mail: Case; blocked: string }>
    | Readonly<{ none: string; attributes: Readonly<Record<string, unknown>> }>
  );

/** A mail of these lines to stephan@example.com, whose rule is a plain one. */
function mail(lines: readonly string[], more: Case & { readonly rule?: object; readonly rcpt?: string } = {}): Case {
  const { rule = {}, rcpt = "stephan@example.com", ...rest } = more;
  return {
    header: lines.map((line) => `${line}\r\n`).join(""),
    body: "Frop!\r\n",
    from: "timo@remote.test",
    to: [rcpt],
    rules: { [rcpt.toLowerCase()]: { ...away, ooo_message: "I am gone", ...rule } },
    ...rest,
  };
}

const spam = ["From: spam@remote.test", "To: stephan@example.com", "Subject: Frop!"];
const toAll = ["From: timo@remote.test", "To: all@example.com", "Subject: Frop!"];
const noAddresses = "a rule has no list of further addresses; where mail for one address goes to another is the mail server's to know";

const replySvtest: readonly Row[] = [
  {
    name: "No reply to own address",
    mail: mail(["From: stephan@example.com", "To: stephan@example.com"], { from: "stephan@example.com" }),
    withheld: "from-self",
  },
  {
    name: "No reply to alternative address",
    differs: "the one alternative address that is known without a list is the one with a tag",
    mail: mail(["From: stephan+alt@example.com", "To: stephan@example.com"], { from: "stephan+alt@example.com" }),
    withheld: "from-self",
  },
  {
    name: "No reply to mailing list",
    mail: mail(["From: timo@remote.test", "To: stephan@example.com", "List-ID: <dovecot.lists.remote.test>"], {
      from: "dovecot-bounces+timo=remote.test@lists.remote.test",
    }),
    withheld: "mailing-list",
  },
  { name: "No reply to bulk mail", mail: mail([...spam, "Precedence: bulk"]), withheld: "bulk-precedence" },
  { name: "No reply to auto-submitted mail", mail: mail([...spam, "Auto-submitted: yes"]), withheld: "auto-submitted" },
  {
    name: "No reply to Microsoft X-Auto-Response-Suppress - All",
    mail: mail([...spam, "X-Auto-Response-Suppress: All"]),
    withheld: "response-suppressed",
  },
  {
    name: "No reply to Microsoft X-Auto-Response-Suppress - OOF",
    mail: mail([...spam, "X-Auto-Response-Suppress: OOF"]),
    withheld: "response-suppressed",
  },
  {
    name: "No reply to Microsoft X-Auto-Response-Suppress - DR,OOF,RN",
    mail: mail([...spam, "X-Auto-Response-Suppress: DR, OOF,\tRN"]),
    withheld: "response-suppressed",
  },
  {
    name: "No reply to system address",
    mail: mail(["From: dovecot@lists.remote.test", "To: stephan@example.com"], { from: "dovecot-request@lists.remote.test" }),
    withheld: "system-sender",
  },
  { name: "No reply for implicitly delivered message", mail: mail(toAll), withheld: "not-addressed" },
  {
    name: "No reply for original recipient",
    differs: "an original recipient in a field of the mail is a claim of its sender; ours is the one in the notice",
    mail: mail([...toAll, "X-Original-To: stephan@example.com", "Delivered-To: stephan@example.com"]),
    withheld: "not-addressed",
  },
  {
    name: "Reply for normal mail",
    mail: mail([...spam, "Auto-submitted: no", "Precedence: normal", "X-Auto-Response-Suppress: None"]),
    reply: { from: "stephan@example.com", to: "timo@remote.test" },
  },
  { name: "Reply for :addresses", none: noAddresses, attributes: { ooo_addresses: ["all@example.com"] } },
  {
    name: "Reply for :addresses (case sensitivity)",
    differs: "the address is the recipient's own",
    mail: mail(["From: timo@remote.test", "To: Stephan.Bosch@EXAMPLE.com"], { rcpt: "stephan.bosch@example.com" }),
    reply: { to: "timo@remote.test" },
  },
  {
    name: "Reply for original recipient",
    differs: "no option is needed: a notice names the recipients that the sender gave, before any alias is followed",
    mail: mail(toAll, { rcpt: "all@example.com" }),
    reply: { from: "all@example.com" },
  },
  {
    name: "Reply for user's explicitly configured email address",
    none: "one row is one address; there is no second one that is configured",
    attributes: { user_email: "all@example.com" },
  },
  {
    name: "Reply for any recipient",
    none: "RFC 5230 §4.5 is a MUST, so there is no switch that turns the check off",
    attributes: { ooo_check_recipient: false },
  },
];

const sirius = { from: "sirius@remote.test" };
const smtpSvtest: readonly Row[] = [
  {
    name: "Basic",
    differs: "From is the recipient's address, since it must be one that SES may send for",
    mail: mail(["From: stephan@remote.test", "To: tss@example.com", "Subject: Frop!"], {
      rcpt: "tss@example.com",
      from: "sirius@another.test",
    }),
    reply: { to: "sirius@another.test", from: "tss@example.com", returnTo: null },
  },
  { name: "Null Sender", mail: mail(spam, { from: "<>" }), withheld: "null-reverse-path" },
  {
    name: "Envelope.to == To",
    mail: mail(["From: stephan@remote.test", "To: timo@example.com", "Cc: stephan@friep.test"], { ...sirius, rcpt: "timo@example.com" }),
    reply: { from: "timo@example.com", to: "sirius@remote.test" },
  },
  {
    name: "Envelope.to != To",
    differs: `it is withheld: ${noAddresses}`,
    mail: mail(["From: stephan@remote.test", "To: tss@example.com", "Cc: stephan@friep.test"], { ...sirius, rcpt: "timo@example.com" }),
    withheld: "not-addressed",
  },
  {
    name: "Cc",
    mail: mail(["From: stephan@remote.test", "To: tss@example.com", "Cc: colleague@example.com"], {
      ...sirius,
      rcpt: "colleague@example.com",
    }),
    reply: { from: "colleague@example.com" },
  },
  {
    name: "Bad recipient address (from message)",
    mail: mail(["From: stephan@remote.test", "To: nicëøôçêè—öxample.org"]),
    withheld: "not-addressed",
  },
  {
    name: "Bad recipient address (from envelope)",
    mail: mail(["From: stephan@remote.test", "To: tss@example.com"], { rcpt: "nicëøôçêè—öxample.org" }),
    refused: "invalid-address",
  },
];

const lorem = [
  "Subject: Lorem ipsum dolor sit amet, consectetur adipiscing elit. Nam tempor a",
  " odio vitae dapibus. Suspendisse ligula libero, faucibus ac laoreet quis,",
  " viverra a quam. Morbi tempus suscipit feugiat. Fusce at sagittis est. Ut",
  " lacinia scelerisque porttitor. Mauris nec nunc quis elit varius fringilla.",
  ...Array.from({ length: 4 }, () => " Morbi pretium felis id justo blandit, quis pulvinar est dignissim. Sed rho"),
];
const japanese = "以呂波仁保部止知利奴流乎和加与太礼曽津祢奈良武宇為乃於久也末計不己衣天安左幾由女美之恵比毛世寸".repeat(12);
const known = [
  "<1234@local.machine.example>",
  "<3456@example.net>",
  "<435444@ttms.example.org>",
  "<4223@froop.example.net>",
  "<m345444444@message-id.exp>",
];
const longIds = [
  "<d660a7d1-43c9-47ea-a59a-0b29abc861d2@frop.xi.local>",
  "<500510465.1519.d2ac1c0c-08f7-44fd-97aa-dd711411aacf.frobnitzm@dev.frobnitzm.com>",
  "<717028309.1200.aa78bea5-b5bc-4ab9-a64f-af96521e3af3.frobnitzm@dev.frobnitzm.com>",
  "<1813483923.1202.aa78bea5-b5bc-4ab9-a64f-af96521e3af3.frobnitzm@dev.frobnitzm.com>",
];
const longId = "<1294794880.187.416268f9-b907-4566-af85-c77155eb7d96.farce@fresno.local>";
const toStephan = "To: stephan@example.com";
const threaded = ["From: timo@remote.test", toStephan, "Subject: frop", "Message-ID: <432df324@example.org>"];
const threadedOn = [...threaded, `References: ${known.slice(0, 2).join(" ")}`, ` ${known.slice(2).join(" ")}`];
const bosch = ['From: "Stephan Bosch" <stephan@remote.test>', toStephan, "Subject: Reply to me"];
const tuinman = [...bosch, 'Sender: "Hendrik-Jan Tuinman" <h.j.tuinman@remote.test>'];
const variable = (name: string) => `\${${name}}`;
const bareTo = "To is the address alone: its name in the mail is the sender's text, and the reply needs none (RFC 5230 §5.5)";

const messageSvtest: readonly Row[] = [
  {
    name: "Subject",
    mail: mail(["From: timo@remote.test", toStephan, "Subject: No subject of discussion"]),
    reply: { subject: "Auto: No subject of discussion" },
  },
  { name: "Subject - explicit", mail: mail(spam, { rule: { ooo_subject: "Tulips" } }), reply: { subject: "Tulips" } },
  {
    name: "Subject - configured, no subject",
    mail: mail(["From: timo@remote.test", toStephan], { rule: { ooo_subject: "Something colorful" } }),
    reply: { subject: "Something colorful" },
  },
  {
    name: "Subject - configured, full variable",
    differs: "a subject is no template: what is written is sent",
    mail: mail(["From: timo@remote.test", toStephan, "Subject: Bloemetjes"], {
      rule: { ooo_subject: "Automatisch bericht: %{subject}" },
    }),
    reply: { subject: "Automatisch bericht: %{subject}" },
  },
  { name: "No subject", mail: mail(["From: timo@remote.test", toStephan]), reply: { subject: "Automated reply" } },
  {
    name: "Extremely long subject",
    mail: mail(["From: timo@remote.test", toStephan, ...lorem]),
    reply: {
      subject: /^Auto: Lorem ipsum dolor sit amet, consectetur adipiscing elit\..*Ut lacinia scelerisque porttitor\..*…$/,
      subjectLacks: "Mauris",
    },
  },
  {
    name: "Extremely long japanese subject",
    mail: mail(["From: timo@remote.test", toStephan, `Subject: ${japanese}`]),
    reply: { subject: `Auto: ${japanese.slice(0, 249)}…` },
  },
  {
    name: "Reply to",
    differs: bareTo,
    mail: mail(bosch, { from: "stephan@remote.test" }),
    reply: { to: "stephan@remote.test" },
  },
  {
    name: "Reply to sender",
    differs: bareTo,
    mail: mail(tuinman, { from: "h.j.tuinman@remote.test" }),
    reply: { to: "h.j.tuinman@remote.test" },
  },
  { name: "Reply to unknown", mail: mail(tuinman, { from: "arie.aardappel@remote.test" }), reply: { to: "arie.aardappel@remote.test" } },
  {
    name: "Reply to (ignored envelope)",
    differs: "the envelope is never ignored: an answer to a field of the mail reaches whom the sender chose (RFC 3834 §4)",
    mail: mail(tuinman, { from: "srs0=hmc8=v7=example.com=arie@example.org" }),
    reply: { to: "srs0=hmc8=v7=example.com=arie@example.org" },
  },
  { name: "References", mail: mail(threadedOn), reply: { references: [...known, "<432df324@example.org>"] } },
  {
    name: "References - long IDs",
    mail: mail([
      "From: timo@remote.test",
      toStephan,
      `Message-ID: ${longId}`,
      `In-Reply-To: ${longIds[3]}`,
      `References: ${longIds[0]}`,
      ...longIds.slice(1).map((id) => ` ${id}`),
      "Subject: Re: Fwd: My mail",
    ]),
    reply: { references: [...longIds, longId], inReplyTo: longId },
  },
  { name: "In-Reply-To", mail: mail(threadedOn), reply: { inReplyTo: "<432df324@example.org>" } },
  {
    name: "Variables",
    differs: "a rule has no variables: what looks like one is text",
    mail: mail(threadedOn, { rule: { ooo_subject: variable("subject"), ooo_message: variable("message") } }),
    reply: {
      subject: variable("subject"),
      text: `${variable("message")}\n\ntimo@remote.test:\n> Frop!\n`,
      from: "stephan@example.com",
    },
  },
  { name: "NULL Sender", mail: mail(threaded, { from: "timo@another.test" }), reply: { returnTo: null } },
  {
    name: "Send from recipient",
    differs: "no option is needed: on the way through SES, which refuses the null path, it is always so",
    mail: mail(threaded),
    reply: { returnTo: "stephan@example.com", from: "stephan@example.com" },
  },
];

const russian = "Auto: Я могу есть стекло, оно мне не вредит.";
const noName = "a rule has no From: the reply comes from the address that was written to, and nobody is asked for its name";
const utf8Svtest: readonly Row[] = [
  { name: "UTF-8 Subject", mail: mail(threaded, { rule: { ooo_subject: russian } }), reply: { subject: russian } },
  {
    name: "MIME Encoded Subject",
    mail: mail(threaded, { rule: { ooo_subject: "=?utf-8?b?w4TDlsOc?= sadasd" } }),
    reply: { subject: "ÄÖÜ sadasd" },
  },
  { name: "MIME Encoded From", none: noName, attributes: { ooo_from: "=?utf-8?q?G=C3=BCnther?= <g.m.karotte@example.com>" } },
  { name: "MIME Encoded From - UTF-8 in phrase", none: noName, attributes: { ooo_from: "Günther <g.m.karotte@example.com>" } },
];

const executeSvtest: readonly Row[] = [
  { name: "Action", mail: mail(threaded), reply: {} },
  {
    name: "No :handle specified",
    none: "there is no handle to give: a reply is always known by its words (RFC 5230 §4.2)",
    attributes: { ooo_handle: "ran-away" },
  },
  {
    name: "Using :seconds tag",
    none: "the period is the operator's, in whole days (REPLY_EVERY_DAYS); RFC 5230 §4.1 asks for at least one",
    attributes: { ooo_seconds: 1 },
  },
];

const errorsSvtest: readonly Row[] = [
  {
    name: "Action conflicts: reject <-> vacation",
    differs: "a rule cannot reject; its counterpart, the blocklist, is asked first and leaves no reply",
    mail: mail(threaded, { blocked: { "stephan@example.com": ["*@remote.test"] } }),
    blocked: "*@remote.test",
  },
];

const files: Readonly<Record<string, readonly Row[]>> = {
  reply: replySvtest,
  smtp: smtpSvtest,
  message: messageSvtest,
  "utf-8": utf8Svtest,
  execute: executeSvtest,
  errors: errorsSvtest,
};

for (const [file, rows] of Object.entries(files)) {
  describe(`vacation ${file}.svtest`, () => {
    for (const row of rows) test(`${row.name}${row.differs ? ` (differs: ${row.differs})` : ""}`, () => check(row));
  });
}

async function check(row: Row): Promise<void> {
  if ("none" in row) {
    expect(row.none.length).toBeGreaterThan(40);
    expect(decodeRuleRow({ ...away, ...row.attributes })).toEqual(decodeRuleRow(away));
    return;
  }
  const decided = await plan(factsOf(row.mail));
  if (decided.kind !== "carry") throw new Error(decided.kind);
  const [course] = decided.courses;
  if ("refused" in row) return expect(course).toMatchObject({ kind: "refuse", reason: row.refused as "invalid-address" });
  if ("blocked" in row) return expect(course).toMatchObject({ kind: "block", pattern: row.blocked });
  if (course?.kind !== "serve") throw new Error(course?.kind ?? "no course");
  const kinds = course.effects.map(({ kind }) => kind);
  if ("withheld" in row) {
    expect(kinds).toEqual(["deliver"]);
    return expect(course.withheld.map(({ reason }) => String(reason))).toEqual([row.withheld]);
  }
  expect(kinds).toEqual(["deliver", "reply"]);
  await checkReply(row.mail, row.reply);
}

async function checkReply(one: Case, expected: Reply): Promise<void> {
  const effect = (await serveOf(one)).effects[1];
  const draft = effect?.kind === "reply" ? draftOf(effect) : null;
  if (effect?.kind !== "reply" || draft === null || draft.body === "original") throw new Error("no reply");
  const head = new TextDecoder().decode(draft.head).replace(/\r\n(?=[ \t])/g, "");
  const parsed = await simpleParser(Buffer.concat([draft.head, draft.body]));
  const line = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(head)?.[1]?.trimEnd();
  // Always: to the reverse-path and nobody else, and known as what it is (RFC 3834 §4 and §5).
  expect(effect.to).toBe(parseReversePath(one.from) as never);
  expect(line("To")).toBe(effect.to);
  expect(head).not.toMatch(/^(?:Cc|Bcc|Reply-To|Sender):/im);
  expect(line("Auto-Submitted")).toBe("auto-replied (vacation)");
  expect([line("Precedence"), line("X-Auto-Response-Suppress")]).toEqual(["bulk", "All"]);
  if (expected.from !== undefined) expect(line("From")).toBe(expected.from);
  if (expected.to !== undefined) expect(line("To")).toBe(expected.to);
  if (expected.subject instanceof RegExp) expect(parsed.subject).toMatch(expected.subject);
  else if (expected.subject !== undefined) expect(parsed.subject).toBe(expected.subject);
  if (expected.subjectLacks !== undefined) expect(parsed.subject).not.toContain(expected.subjectLacks);
  if (expected.inReplyTo !== undefined) expect(line("In-Reply-To")).toBe(expected.inReplyTo);
  if (expected.references !== undefined) expect(line("References")?.split(" ")).toEqual([...expected.references]);
  if (expected.text !== undefined) expect(parsed.text).toBe(expected.text);
  if (expected.returnTo !== undefined) expect(effect.from).toBe(expected.returnTo as never);
}

test("the table holds all 49 cases, each once, and says of 7 why they have no counterpart", () => {
  const rows = Object.values(files).flat();
  expect(Object.entries(files).map(([file, { length }]) => `${file} ${length}`)).toEqual([
    "reply 17",
    "smtp 7",
    "message 17",
    "utf-8 4",
    "execute 3",
    "errors 1",
  ]);
  expect(rows.length).toBe(49);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(49);
  expect(rows.filter((row) => "none" in row).map(({ name }) => name)).toEqual([
    "Reply for :addresses",
    "Reply for user's explicitly configured email address",
    "Reply for any recipient",
    "MIME Encoded From",
    "MIME Encoded From - UTF-8 in phrase",
    "No :handle specified",
    "Using :seconds tag",
  ]);
  expect(defaultPolicy.replyEveryDays).toBe(7); // RFC 5230 §4.1
});
