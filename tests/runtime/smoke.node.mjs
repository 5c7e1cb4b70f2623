// Run by `node --test` on the core as it was built into one ES module.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as core from "../../dist/core.mjs";

const octets = new TextEncoder().encode(
  "From: bob@remote.test\r\nTo: a@bücher.example\r\nSubject: =?windows-1252?Q?=80_=93?=\r\n\r\nHi\r\n",
);

test("the core works under Node", async () => {
  const domain = core.parseDomain("bücher.example");
  assert.deepEqual(domain, { ok: true, value: "xn--bcher-kva.example" });
  const domains = [domain.value];
  const { courses } = await core.plan({
    mailId: core.mailId("smoke/1"),
    receivedAt: core.instant(0),
    envelope: { reversePath: "bob@remote.test", recipients: core.parseRecipients(["a@bücher.example"], domains) },
    sesVerdicts: { ...core.noVerdicts, spf: "PASS" },
    domains,
    mail: core.openMail(octets, octets.length),
    bounce: "not-a-bounce",
    rules: core.decodeRuleRows(new Map([["a@xn--bcher-kva.example", { ooo_active: true, ooo_message: "Grüße" }]])),
    blocklist: core.compileBlocklist(new Map()),
    finals: new Map(),
    answered: new Map(),
    attachments: [],
    loopKey: new Uint8Array(32),
  });
  const { effects } = courses[0];
  assert.deepEqual(
    effects.map(({ kind }) => kind),
    ["deliver", "reply"],
  );
  // Node before version 23 reads windows-1252 as Latin-1; the reply must be the same everywhere.
  const [, word] = /^Subject: =\?UTF-8\?B\?([^?]+)\?=\r\n/m.exec(Buffer.from(core.composeDraft(effects[1].recipe).head).toString("latin1"));
  assert.equal(Buffer.from(word, "base64").toString(), "Auto: € “");
});
