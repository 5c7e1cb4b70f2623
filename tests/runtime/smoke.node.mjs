// Run by `node --test` on the core as it was built into one ES module.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as core from "../../dist/core.mjs";

const octets = new TextEncoder().encode("From: bob@remote.test\r\nTo: a@bücher.example\r\n\r\nHi\r\n");

test("the core works under Node", async () => {
  const domain = core.parseDomain("bücher.example");
  assert.deepEqual(domain, { ok: true, value: "xn--bcher-kva.example" });
  assert.equal(core.decodeWords("=?windows-1252?Q?=80_=93?="), "€ “"); // Node before version 23 has Latin-1 for it
  const rules = new Map([["a@xn--bcher-kva.example", { ooo_active: true, ooo_message: "Grüße" }]]);
  const facts = { mailId: "smoke/1", receivedAt: 0, envelope: { reversePath: "bob@remote.test", recipients: ["a@bücher.example"] } };
  const more = { verdicts: core.noVerdicts, domains: [domain.value], mail: core.openMail(octets, octets.length), bounce: "not-a-bounce" };
  const memory = { rows: { rules, blocked: new Map() }, finals: new Map(), answered: new Map(), loopKey: new Uint8Array(32) };
  const { courses } = await core.plan({ ...facts, ...more, ...memory });
  assert.deepEqual(
    courses[0].effects.map(({ kind }) => kind),
    ["deliver", "reply"],
  );
});
