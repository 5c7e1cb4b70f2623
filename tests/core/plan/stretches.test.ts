// Stretches of a whole decision: from the octets of a mail and the rows of its users to the plan, nothing works for 20 ms without
// a pause. The mails and the rows are the largest and worst that are let in.

import { describe, expect, test } from "bun:test";
import { type Address, blocklistCache, headLimit, noPause, noVerdicts, openMail, type Pause, parseRecipients, plan } from "@sesame/core";
import { attachmentsIn } from "../../../packages/core/mail/attachments.ts";
import { isReadable } from "../../../packages/core/mail/mail.ts";
import { compileBlocklistWithPauses } from "../../../packages/core/rules/blocklist.ts";
import { decodeRuleRowsWithPauses } from "../../../packages/core/rules/rule-row.ts";
import { longestStretch, maxStretchMs } from "../../stretches.ts";
import { factsOf } from "../sample.ts";

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const personal = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hello\r\n";
const fill = (unit: string, octets: number) => unit.repeat(Math.ceil(octets / unit.length)).slice(0, octets);

const away = { ooo_active: true, ooo_message: "I am away" };
const fifty = Array.from({ length: 50 }, (_, i) => `target${i}@home.test`);
const all = { ...away, forwards: fifty };
// A row for each recipient: below one row they would share its effects.
const everything = { ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`alice+${i}@example.com`, all])), "*@example.com": all };

type Hostile = Readonly<{
  mail: string | (() => string);
  recipients?: number;
  rules?: Readonly<Record<string, unknown>>;
  blocked?: Readonly<Record<string, unknown>>;
}>;

/** All that the core does for a mail up to its plan, as the journey does it. */
async function decide(octets: Uint8Array, { recipients = 100, rules = everything, blocked = {} }: Hostile, pause: Pause): Promise<number> {
  const mail = openMail(octets.subarray(0, headLimit), octets.length);
  await pause();
  const rest = async function* () {
    for (let at = headLimit; at < octets.length; at += 1 << 20) yield octets.subarray(at, at + (1 << 20));
  };
  const attachments = isReadable(mail) ? await attachmentsIn(mail, octets.length > headLimit ? rest() : null, pause) : [];
  const decodedRules = await decodeRuleRowsWithPauses(new Map(Object.entries(rules)), pause);
  const cache = blocklistCache({ maxOctets: 64 << 20 });
  const blocklist = await compileBlocklistWithPauses(new Map(Object.entries(blocked)), { cache, pause });
  const to = Array.from({ length: recipients }, (_, i) => `alice+${i}@example.com`);
  const facts = factsOf({ facts: { mail, attachments, rules: decodedRules, blocklist, sesVerdicts: noVerdicts } });
  await pause();
  const envelope = { reversePath: "bob@remote.test" as Address, recipients: parseRecipients(to, facts.domains) };
  const decided = await plan({ ...facts, envelope }, undefined, pause);
  return decided.kind === "carry" ? decided.courses.length : 0;
}

function holds(what: string, hostile: Hostile): void {
  test(`X04 ${what} stops nothing for 20 ms while it is planned`, async () => {
    const octets = latin1(typeof hostile.mail === "string" ? hostile.mail : hostile.mail());
    expect(await decide(octets, hostile, noPause)).toBe(hostile.recipients ?? 100);
    expect(await longestStretch((pause) => decide(octets, hostile, pause))).toBeLessThan(maxStretchMs);
  }, 120_000);
}

describe("the largest mails and rows", () => {
  const part = (i: number) => `--b\r\nContent-Disposition: attachment; filename="${".".repeat(250)}a${i}"\r\n\r\n`;
  const mixed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n";
  holds("a mail with 7,000 attachments", {
    mail: () => `${personal}${mixed}\r\n${Array.from({ length: 7000 }, (_, i) => part(i)).join("")}`,
  });
  holds("a mail with a million header lines", { mail: () => `${personal}${"X: y\r\n".repeat(1_000_000)}\r\nHi` });
  const names = ["To", "Cc", "Reply-To", "References"];
  const addresses = (name: string) =>
    `${name}: ${Array.from({ length: 1000 }, (_, i) => `<person${i}@x${i}.remote.test>`).join(",\r\n ")}\r\n`;
  holds("a header of 142 KB with 50 forwards for 100 recipients", { mail: () => `${personal}${names.map(addresses).join("")}\r\nHi` });
  holds("a rule row of 400 KB", {
    mail: `${personal}\r\nHi`,
    rules: Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [
        `alice+${i}@example.com`,
        { ...away, ooo_message: fill("long ", 65_536), notes: fill("x", 330_000) },
      ]),
    ),
  });
  holds("a blocklist of 400 KB of wildcards and fifty senders", {
    mail: `From: ${Array.from({ length: 50 }, (_, i) => `${"a".repeat(240)}${i}@x.test`).join(",\r\n ")}\r\n\r\nHi`,
    blocked: { "*@example.com": Array.from({ length: 2600 }, (_, i) => `${"*a".repeat(1 + (i % 150))}*b${i}`) },
  });
  const bodies: [string, string][] = [
    ["bare LF", "\n"],
    ["bare CR", "\r"],
    ["delimiter lines", "--b\n"],
    ["headers of parts", "--b\nContent-Type: a/b; name=x\n\n"],
    ["lines of two dashes", "--\n"],
    ["lines that are almost a delimiter", `--${"b".repeat(249)}\n`],
    ["one long line", "x"],
    ["dots", ".\r\n"],
    ["parts with a text", "--b\n\nx\n"],
    ["HTML without end", "<a href=x>&amp;"],
  ];
  for (const [what, unit] of bodies)
    holds(`a body of 40 MB of ${what}`, { mail: () => `${personal}${mixed}\r\n--b\r\n${fill(unit, 40_000_000)}`, recipients: 2 });
});

describe("headers of 256 KB", () => {
  const units = [
    "a@b.test,",
    "<a@b> ",
    "; a=b",
    '\\"@',
    "=?utf-8?Q?=41?= ",
    "=?iso-2022-jp?B?GyRC?= ",
    "(a)@",
    "\xff",
    "a@b\xc3\xbccher.test,",
    "\r\n x",
    "a ;   id=",
  ];
  const fields = [
    "From",
    "Sender",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "References",
    "Received",
    "X-Loop",
    "Content-Type",
    "Auto-Submitted",
  ];
  const size = headLimit - 4096;
  for (const unit of units) {
    for (const field of fields) {
      const line = `${field}: ${fill(unit, 230).trimEnd()}\r\n`;
      const value = `${field}: ${fill(unit, 64_000).trimEnd()}\r\n`;
      for (const [form, text] of [
        ["many fields", fill(line, line.length * Math.min(900, Math.floor(size / line.length)))],
        ["long fields", fill(value, value.length * Math.min(3, Math.floor(size / value.length)))],
      ] as const)
        holds(`${form} ${field} of ${JSON.stringify(unit)}`, { mail: `${personal}${text}\r\nHi`, recipients: 3 });
    }
  }
});

test("X04 reading a header ahead changes nothing in the plan", async () => {
  const facts = () => factsOf({ rules: { "alice@example.com": { ...away, forwards: fifty } }, blocked: { "alice@example.com": ["*x*"] } });
  const paused = await plan(facts(), undefined, () => new Promise((resolve) => setImmediate(resolve)));
  expect(JSON.stringify(paused)).toBe(JSON.stringify(await plan(facts())));
});
