// The core's smoke, the same under every runtime: opens, decides, composes and reads back one mail.

import assert from "node:assert/strict";
import type * as Core from "@sesame/core";

const octets = new TextEncoder().encode(
  "Return-Path: <bob@remote.test>\r\nFrom: =?utf-8?Q?B=C3=B6b?= <bob@remote.test>\r\nTo: alice@bücher.example\r\nSubject: Hallo\r\nMessage-ID: <1@remote.test>\r\n\r\nHi\r\n",
);

/** Throws where the core does not do what it does elsewhere. */
export async function smoke(core: typeof Core): Promise<void> {
  const domain = core.parseDomain("bücher.example");
  assert(domain.ok);
  assert.equal(domain.value, "xn--bcher-kva.example");
  const plan = await core.plan({
    mailId: core.mailId("smoke/1"),
    receivedAt: core.instant("2026-01-01T00:00:00Z"),
    envelope: {
      reversePath: "bob@remote.test" as Core.Address,
      recipients: core.parseRecipients(["alice@bücher.example"], [domain.value]),
    },
    sesVerdicts: { ...core.noVerdicts, spf: "PASS" },
    domains: [domain.value],
    mail: core.openMail(octets, octets.length),
    bounce: "not-a-bounce",
    rules: core.decodeRuleRows(new Map([["alice@xn--bcher-kva.example", { ooo_active: true, ooo_message: "Grüße" }]])),
    blocklist: core.compileBlocklist(new Map()),
    finals: new Map(),
    answered: new Map(),
    attachments: [],
    loopKey: new Uint8Array(32),
  });
  assert(plan.kind === "carry");
  const [course] = plan.courses;
  assert(course?.kind === "serve");
  assert.deepEqual(
    course.effects.map(({ kind }) => kind),
    ["deliver", "reply"],
  );
  const reply = course.effects[1];
  assert(reply?.kind === "reply");
  const { body } = core.composeDraft(reply.recipe);
  assert(body !== "original");
  assert.match(new TextDecoder().decode(body), /^Gr=C3=BC=C3=9Fe\r\n\r\nbob@remote\.test:\r\n> Hi\r\n$/);
}
