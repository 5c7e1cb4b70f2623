// A part of plan-forward.test.ts: a mail is forwarded as Dovecot Pigeonhole's redirect command does it. The 14 cases of its
// test suite (tests/execute/smtp.svtest, and the limits of its script) are told in our own mails. A redirect re-sends a mail
// as it is; a forward of ours is a new mail, so some cases have no counterpart: they stand in the table with the reason.

import { describe, expect, test } from "bun:test";
import { decodeRuleRow } from "@sesame/core";
import { forwardOf } from "../compose/forwards.ts";
import { type Case, markOf, personal, serveOf } from "../sample.ts";

type Row = Readonly<{ name: string }> & (Readonly<{ met: () => Promise<void> }> | Readonly<{ none: string }>);

const inside = { "alice@example.com": { forwards: ["carol@another.test"] } };

async function expectFrom(one: Case, from: string | null): Promise<void> {
  expect((await forwardOf(one)).from).toBe(from as never);
}

/** A mail with these X-Loop fields is delivered, and not forwarded. */
async function expectLoopEnds(...fields: readonly string[]): Promise<void> {
  const header = `${personal}${fields.map((field) => `X-Loop: ${field}\r\n`).join("")}`;
  const course = await serveOf({ header, rules: { "alice@example.com": { forwards: ["x@other.test", "carol@another.test"] } } });
  expect(course.effects.map(({ kind }) => kind)).toEqual(["deliver"]);
  expect(course.withheld.map(({ reason }) => reason)).toEqual(["own-mark", "own-mark"]);
}

const noSetting = "the path of a forward is no setting: it is the forwarding mailbox, which SES knows and whose bounces we recognise";

const rows: readonly Row[] = [
  {
    name: "Redirect keeps envelope from",
    none: "SES sends for verified addresses only, and on our own server a foreign path fails SPF and makes backscatter",
  },
  { name: "Redirect from <>", met: () => expectFrom({ rules: inside, from: null }, null) },
  { name: "Redirect from: recipient", met: () => expectFrom({}, "alice@example.com") },
  {
    name: "Redirect from: orig_recipient",
    met: () =>
      expectFrom(
        { to: ["Alice+shop@example.com"], rules: { "alice@example.com": { forwards: ["x@other.test"] } } },
        "Alice+shop@example.com",
      ),
  },
  { name: "Redirect from: <explicit>", none: noSetting },
  { name: "Redirect from: <>", none: `${noSetting}; and SES takes no null path` },
  { name: "Redirect from: <> beats <explicit>", met: () => expectFrom({ rules: inside, from: "<>" }, null) },
  { name: "Redirect from: user_email, none set", none: noSetting },
  { name: "Redirect from: user_email", none: noSetting },
  { name: "Loop by own marker: user_email", met: () => expectLoopEnds(markOf("alice@example.com")) },
  { name: "Loop by own marker: final recipient", met: () => expectLoopEnds(markOf("alice+shop@example.com")) },
  {
    name: "Loop by own marker: among several headers",
    met: () => expectLoopEnds("list@other.test", markOf("alice@example.com"), "x@other.test"),
  },
  {
    name: "Limit: actions",
    // A row makes one delivery, at most one reply, and the forwards that the next limit counts.
    met: async () => {
      const forwards = Array.from({ length: 60 }, (_, i) => `x${i}@other.test`);
      const course = await serveOf({ rules: { "alice@example.com": { ooo_active: true, ooo_message: "away", forwards } } });
      expect(course.effects.length).toBe(52);
    },
  },
  {
    name: "Limit: redirects",
    met: async () => {
      const forwards = Array.from({ length: 51 }, (_, i) => `x${i}@other.test`);
      const course = await serveOf({ rules: { "alice@example.com": { forwards } } });
      expect(course.effects.filter(({ kind }) => kind === "forward").length).toBe(50);
      expect(course.warnings).toMatchObject([{ kind: "rule-invalid", text: expect.stringContaining("50 are allowed") }]);
      expect(decodeRuleRow({ forwards: forwards.slice(0, 50) }).errors).toEqual([]);
    },
  },
];

describe("redirect", () => {
  for (const row of rows) {
    if ("met" in row) test(row.name, row.met);
    else test(`${row.name}: none, as ${row.none}`, () => expect(row.none.length).toBeGreaterThan(40));
  }

  test("are the 14 cases, each once; 9 are met and 5 have no counterpart", () => {
    expect(new Set(rows.map(({ name }) => name)).size).toBe(14);
    expect([rows.filter((row) => "met" in row).length, rows.filter((row) => "none" in row).length]).toEqual([9, 5]);
  });
});
