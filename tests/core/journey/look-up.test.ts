// Which questions the header and the rows of a mail raise.

import { expect, test } from "bun:test";
import { type Address, type Domain, decodeRuleRows, type Facts, headLimit, noPause, type ObjectLocation } from "@sesame/core";
import { lookUp, openForPlanning } from "../../../packages/core/journey/look-up.ts";
import { parseRecipients } from "../../../packages/core/plan/recipient.ts";
import { compileBlocklist } from "../../../packages/core/rules/blocklist.ts";
import { sesMaxOctets } from "../../../packages/core/ses/ses-limits.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { FaultInjector } from "../../fakes/faults.ts";
import { MemoryLedger } from "../../fakes/memory-ledger.ts";
import { MemoryMailStore } from "../../fakes/memory-mail-store.ts";
import { MemoryOutbound } from "../../fakes/memory-outbound.ts";
import { TestWay } from "../../journey/way.ts";
import { id, received as receivedFrom, sesHost } from "../ses/bounce-sample.ts";
import { noticeOf, received, sns } from "../ses/notice-sample.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const alice = "alice@example.com" as Address;
const away = { ooo_active: true, ooo_message: "I am away" };

const rows: readonly (readonly [what: string, key: string, row: unknown, source: string, asks: boolean])[] = [
  ["nobody is away", alice, {}, "bob@remote.test", false],
  ["the recipient is away", alice, away, "bob@remote.test", true],
  ["the whole domain is away", "*@example.com", away, "bob@remote.test", true],
  ["the recipient is away, and nobody could be answered", alice, away, "", false],
  ["another one is away", "carol@example.com", away, "bob@remote.test", false],
];
for (const [what, key, row, source, asks] of rows) {
  test(`lookUp() ${asks ? "asks" : "does not ask"} who was answered before when ${what}`, async () => {
    const way = new TestWay(mail, { source });
    way.directory.rule(key, row);
    await way.receive();
    expect(way.faults.points.filter((point) => point.startsWith("Ledger.recall")).length).toBe(asks ? 1 : 0);
  });
}

const location: ObjectLocation = { kind: "object", bucket: "b-emails", key: "p/k" };
const bounce = (host = sesHost) =>
  `Return-Path: <>\r\n${receivedFrom(host)}From: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\nReferences: <${id}@amazonses.com>\r\n\r\nIt failed\r\n`;
const forwards = (...targets: readonly string[]) => ({ [alice]: { forwards: targets } });
const withFile = (name: string, filler = 0) =>
  `From: bob@remote.test\r\nTo: alice@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${"x\r\n".repeat(filler / 3)}\r\n--b\r\nContent-Type: a/b; name=${name}\r\n\r\nTVqQ\r\n--b--\r\n`;

type Asked = Readonly<{
  text: string;
  source?: unknown;
  rules?: Readonly<Record<string, unknown>>;
  recipients?: readonly string[];
  size?: number;
}>;
/** The facts, the questions and what they were about. `size`: of the mail, as the store tells it. */
async function asked({ text, source = "bob@remote.test", rules = {}, recipients = [alice], size }: Asked) {
  const domains = ["example.com" as Domain, "another.test" as Domain];
  const notice = noticeOf(sns(received({ mail: { source }, receipt: { recipients } })));
  const [store, faults, questions] = [new MemoryMailStore(), new FaultInjector(), [] as unknown[]];
  store.put(location, new TextEncoder().encode(text));
  const opened = await store.open(location);
  if (opened === "missing") throw new Error("it is missing");
  const stored = { ...opened, size: size ?? opened.size };
  const read = store.octetsRead;
  const mail = await openForPlanning(stored);
  const [ledger, outbound] = [new MemoryLedger({ clock: new FakeClock() }), new MemoryOutbound()];
  const recall = ledger.recall.bind(ledger);
  ledger.recall = (keys, sender) => {
    questions.push([keys, sender]);
    return recall(keys, sender);
  };
  const find = outbound.find.bind(outbound);
  outbound.find = (ids) => {
    questions.push(ids);
    return find(ids);
  };
  const answers = {
    finals: new Map(),
    recipients: parseRecipients(recipients, domains),
    rules: decodeRuleRows(new Map(Object.entries(rules))),
    blocklist: compileBlocklist(new Map()),
    loopKey: new Uint8Array(32),
  };
  const ports = { ledger: faults.wrap("Ledger", ledger), outbound: faults.wrap("Outbound", outbound), domains, pause: noPause };
  const facts: Facts = await lookUp(notice, answers, stored, mail, ports);
  return { facts, points: faults.points, questions, restOpens: store.restOpens, wholeReads: store.octetsRead - read };
}

const questions: readonly (readonly [what: string, about: Asked, points: readonly string[]])[] = [
  ["an ordinary mail", { text: mail }, []],
  ["a bounce of SES", { text: bounce(), source: "" }, ["Outbound.find#1"]],
  ["a bounce that no host of SES handed in", { text: bounce("mail.evil.test"), source: "" }, []],
  ["a mail that only refers to an id of SES", { text: `References: <${id}@amazonses.com>\r\n${mail}` }, []],
  ["a bounce of SES for somebody who is away", { text: bounce(), source: "", rules: { [alice]: away } }, ["Outbound.find#1"]],
  [
    "a bounce of SES with a path, for somebody who is away",
    { text: bounce(), rules: { [alice]: away } },
    ["Outbound.find#1", "Ledger.recall#1"],
  ],
  ["a mail whose path cannot be read", { text: mail, source: "MAILER-DAEMON", rules: { [alice]: away } }, []],
  ["a rule that is switched off", { text: mail, rules: { [alice]: { ...away, ooo_active: false } } }, []],
  ["a rule that is invalid", { text: mail, rules: { [alice]: { ...away, ooo_active: "true" } } }, []],
  ["a rule that only forwards", { text: mail, rules: forwards("x@other.test") }, []],
  ["a rule whose time plan() compares", { text: mail, rules: { [alice]: { ...away, ooo_end: "2020-01-01" } } }, ["Ledger.recall#1"]],
];
for (const [what, about, points] of questions) {
  test(`lookUp() asks ${points.map((point) => point.replace("#1", "()")).join(" and ") || "nothing"} for ${what}`, async () => {
    expect((await asked(about)).points).toEqual([...points]);
  });
}

test("lookUp() asks for the row by the ids in the bounce, and once who of all served recipients answered the sender", async () => {
  expect((await asked({ text: bounce(), source: "" })).questions).toEqual([[id]]);
  const recipients = ["Alice@EXAMPLE.com", "eve@elsewhere.test", "carol+x@another.test"];
  const { questions: about } = await asked({
    text: mail,
    source: "prvs=1234=Bob@remote.test",
    recipients,
    rules: { "*@another.test": away },
  });
  // With its tag it is in rows of earlier versions.
  expect(about).toEqual([[["alice@example.com", "carol+x@another.test", "carol@another.test"], "bob@remote.test"]]);
});

test("lookUp() calls a bounce unknown where no row can be used", async () => {
  expect((await asked({ text: bounce(), source: "" })).facts.bounce).toBe("unknown");
  expect((await asked({ text: mail })).facts.bounce).toBe("not-a-bounce");
});

const large = headLimit + 100;
const files: readonly (readonly [when: string, about: Asked, names: readonly string[], restOpens: number])[] = [
  ["nothing is forwarded", { text: withFile("x.exe") }, [], 0],
  ["a forward leaves by SES", { text: withFile("x.exe"), rules: forwards("x@other.test") }, ["x.exe"], 0],
  ["a forward stays inside", { text: withFile("x.exe"), rules: forwards("carol@another.test") }, [], 0],
  ["one of two forwards leaves by SES", { text: withFile("x.exe"), rules: forwards("carol@another.test", "x@other.test") }, ["x.exe"], 0],
  [
    "the row of another recipient forwards",
    { text: withFile("x.exe"), rules: { "carol@example.com": forwards("x@other.test")[alice] } },
    [],
    0,
  ],
  ["a catch-all forwards by SES", { text: withFile("x.exe"), rules: { "*@example.com": { forwards: ["x@other.test"] } } }, ["x.exe"], 0],
  ["the file is behind the head", { text: withFile("x.exe", large), rules: forwards("x@other.test") }, ["x.exe"], 1],
  ["the file is behind the head, and nothing is forwarded", { text: withFile("x.exe", large) }, [], 0],
  [
    "the file is behind the head, and a forward stays inside",
    { text: withFile("x.exe", large), rules: forwards("carol@another.test") },
    [],
    0,
  ],
  [
    "the mail is too large for SES anyhow",
    { text: withFile("x.exe", large), rules: forwards("x@other.test"), size: sesMaxOctets + 1000 },
    [],
    0,
  ],
  ["the header cannot be read", { text: `no header\r\n\r\n${withFile("x.exe")}`, rules: forwards("x@other.test") }, [], 0],
];
for (const [when, about, names, restOpens] of files) {
  test(`lookUp() finds ${names.join() || "no file"}${restOpens > 0 ? " and reads the whole mail for it" : ""} when ${when}`, async () => {
    const { facts, restOpens: opens } = await asked(about);
    expect([facts.attachments, opens]).toEqual([[...names], restOpens]);
  });
}

test("openForPlanning() reads behind the head of a bounce of SES alone", async () => {
  const long = (text: string) => `${text}${"x".repeat(large)}`;
  expect((await asked({ text: long(mail) })).wholeReads).toBe(0);
  expect((await asked({ text: bounce(), source: "" })).wholeReads).toBe(0);
  expect((await asked({ text: long(bounce("mail.evil.test")), source: "" })).wholeReads).toBe(0);
  const { facts, wholeReads } = await asked({ text: long(bounce()), source: "" });
  expect([facts.mail.head.length, wholeReads]).toEqual([long(bounce()).length, long(bounce()).length]);
});
