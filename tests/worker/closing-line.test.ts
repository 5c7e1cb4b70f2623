// The closing line in words: what an administrator reads for each recipient, and how the mail ends.

import { expect, test } from "bun:test";
import { delayed, type JournalEvent, type MailId, type Plan, type Verdict } from "@sesame/core";
import { closingText } from "../../apps/worker/closing-line.ts";
import { away, type Case, factsOf, planOf } from "../core/sample.ts";

type MailEvent = Extract<JournalEvent, { readonly kind: "mail" }>;
type Kind = "deliver" | "reply" | "forward";

const delivered: Verdict = { action: "delivered", detail: "" };
const relayed: Verdict = { action: "relayed", detail: "" };
const failed: Verdict = { action: "failed", status: "5.2.2", reason: "mailbox-full", scope: "recipient", detail: "" };
const later: Verdict = delayed("try-later", "recipient", "");
const close: MailEvent["settlement"] = {
  kind: "close",
  mark: { status: "delivered", invalidInboxes: [], blockedSender: null },
  erase: false,
};

function textOf(plan: Plan, verdicts: Partial<Record<Kind, Verdict>>, settlement = close): string {
  const effects = plan.kind === "carry" ? plan.courses.flatMap((course) => (course.kind === "serve" ? course.effects : [])) : [];
  return closingText({
    kind: "mail",
    mailId: "b/k" as MailId,
    sesId: "k",
    from: "bob@remote.test",
    receivedAt: factsOf({}).receivedAt,
    receiveCount: 1,
    plan,
    verdicts: new Map(effects.flatMap(({ kind, key }) => (verdicts[kind] ? [[key, verdicts[kind]]] : []))),
    settlement,
    seconds: 0,
  });
}

const replies: Case = { rules: { "alice@example.com": away } };
const forwards: Case = { rules: { "alice@example.com": { forwards: ["me@private.test"] } } };
const forbidden: Case = { ...forwards, facts: { attachments: ["run.exe"] } };
const tooLate: Verdict = { action: "skipped", reason: "too-late" };
const rows: readonly (readonly [one: Case, verdicts: Partial<Record<Kind, Verdict>>, text: string])[] = [
  [{}, { deliver: delivered }, "alice@example.com: delivered"],
  [{}, { deliver: failed }, "alice@example.com: delivery failed (mailbox-full)"],
  [{}, { deliver: later }, "alice@example.com: delivery delayed (try-later)"],
  [{}, {}, "alice@example.com: delivery not started"],
  [replies, { deliver: delivered, reply: relayed }, "alice@example.com: delivered; auto-reply to bob@remote.test sent"],
  [replies, { deliver: delivered, reply: later }, "alice@example.com: delivered; auto-reply to bob@remote.test delayed (try-later)"],
  [replies, { deliver: delivered, reply: tooLate }, "alice@example.com: delivered; no auto-reply to bob@remote.test (too-late)"],
  [forwards, { deliver: delivered, forward: relayed }, "alice@example.com: delivered; forwarded to me@private.test"],
  [forwards, { deliver: delivered, forward: failed }, "alice@example.com: delivered; forward to me@private.test failed (mailbox-full)"],
  [
    forbidden,
    { deliver: delivered, forward: relayed },
    "alice@example.com: delivered; not forwarded to me@private.test: stand-in sent (forbidden-attachment)",
  ],
  [
    { rules: { "alice@example.com": { ...away, forwards: ["bob@remote.test"] } }, facts: { sesVerdicts: spam() } },
    { deliver: delivered },
    "alice@example.com: delivered; no auto-reply (spam-verdict); not forwarded to bob@remote.test (spam-verdict)",
  ],
  [{ to: ["alice@foreign.test"] }, {}, "alice@foreign.test: refused: foreign-domain"],
  [
    { to: ["alice@example.com", "carol@example.com"], blocked: { "carol@example.com": ["*@remote.test"] } },
    { deliver: delivered },
    'alice@example.com: delivered | carol@example.com: blocked: bob@remote.test matches "*@remote.test"',
  ],
];
for (const [one, verdicts, text] of rows) {
  test(`closingText() says ${text}`, async () => {
    expect(textOf(await planOf(one), verdicts)).toBe(`${text} [delivered]`);
  });
}

test("closingText() says when a mail is tried again, and why", async () => {
  const text = textOf(await planOf({}), { deliver: later }, { kind: "retry", afterSeconds: 30, reason: "try-later" });
  expect(text).toBe("alice@example.com: delivery delayed (try-later) [retry in 30 s: try-later]");
});

test("closingText() says why a mail is dropped", () => {
  expect(textOf({ kind: "discard", reason: "spam-verdict", bounce: "not-a-bounce" }, {})).toBe("dropped: spam-verdict [delivered]");
});

function spam() {
  return { ...factsOf({}).sesVerdicts, spam: "FAIL" } as const;
}
