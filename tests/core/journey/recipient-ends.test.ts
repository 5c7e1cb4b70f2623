// How a mail ended for all its recipients: those of this notice by the plan, those of other notices by their finals.

import { expect, test } from "bun:test";
import type { EffectKey, Final } from "@sesame/core";
import { markOf } from "../../../packages/core/journey/recipient-ends.ts";
import { planOf } from "../sample.ts";

const ok: Final = { action: "delivered", detail: "250" };
const relayed: Final = { action: "relayed", detail: "0101" };
const standIn: Final = { action: "relayed", detail: "0101", standIn: true };
const gone: Final = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550" };
const full: Final = { action: "failed", status: "5.2.2", reason: "mailbox-full", scope: "recipient", detail: "552" };
const blocked: Final = { action: "skipped", reason: "blocked", detail: "eve@remote.test" };
const blockedBefore: Final = { action: "skipped", reason: "blocked" }; // by an earlier version
const dropped: Final = { action: "skipped", reason: "dropped" };

type Ends = Readonly<Record<string, Final>>;
const finals = (ends: Ends) => new Map(Object.entries(ends) as [EffectKey, Final][]);

const marks: readonly (readonly [own: Final | "blocks", others: Ends, mark: string, why: string])[] = [
  [ok, {}, "delivered", "nobody else"],
  [ok, { "deliver carol@example.com": ok }, "delivered", "the others too"],
  [ok, { "deliver carol@example.com": gone }, "partial carol@example.com", "the others have no mailbox"],
  [gone, { "deliver carol@example.com": ok }, "partial a@example.com", "only the others"],
  [gone, { "deliver carol@example.com": gone }, "all_invalid a@example.com,carol@example.com", "nobody has a mailbox"],
  [gone, { "deliver carol@example.com": full }, "rejected a@example.com", "one is full"],
  [ok, { "deliver carol@example.com": blocked }, "delivered eve@remote.test", "the others block it"],
  ["blocks", { "deliver carol@example.com": blocked }, "blocked bob@remote.test", "all block it"],
  ["blocks", { "deliver carol@example.com": blockedBefore }, "blocked bob@remote.test", "all block it, as an earlier version wrote it"],
  ["blocks", { "deliver carol@example.com": ok }, "delivered bob@remote.test", "only this one blocks it"],
  ["blocks", { "deliver carol@example.com": dropped }, "rejected bob@remote.test", "the mail was dropped for the others"],
  [gone, { "deliver carol@example.com": gone, "forward carol@example.com x@other.test": relayed }, "partial a@example.com", "forward-only"],
  [ok, { "deliver c+tag@example.com": gone, "forward c@example.com x@other.test": relayed }, "delivered", "the row without the tag"],
  [ok, { "deliver c@example.com": gone, "forward *@example.com x@other.test": relayed }, "delivered", "the row of the domain"],
  [
    ok,
    { "deliver c@example.com": gone, "forward d@example.com x@other.test": relayed },
    "partial c@example.com",
    "somebody else's forward",
  ],
  [
    ok,
    { "deliver c@example.com": gone, "forward c@example.com x@other.test": standIn },
    "partial c@example.com",
    "a stand-in is no delivery",
  ],
  [ok, { "deliver A@example.com": gone, "what a later version wrote": ok }, "delivered", "another spelling of the same mailbox"],
];
for (const [own, others, mark, why] of marks) {
  test(`X22 markOf() is ${mark}: ${why}`, async () => {
    const plan = await planOf({ to: ["a@example.com"], ...(own === "blocks" && { blocked: { "a@example.com": ["*"] } }) });
    const verdicts = finals({ ...others, ...(own !== "blocks" && { "deliver a@example.com": own }) });
    const { status, invalidInboxes, blockedSender } = markOf(plan, verdicts);
    expect([status, invalidInboxes.join(), blockedSender ?? ""].filter((each) => each !== "").join(" ")).toBe(mark);
  });
}

test("X22 markOf() tells of a mail that is dropped for this notice and was delivered for another", () => {
  const plan = { kind: "discard", reason: "spam-verdict", bounce: "not-a-bounce" } as const;
  expect(markOf(plan, new Map()).status).toBe("rejected");
  expect(markOf(plan, finals({ "deliver carol@example.com": ok })).status).toBe("partial");
});

test("markOf() believes what was done before the rules changed", async () => {
  const plan = await planOf({ to: ["a@example.com"] });
  expect(markOf(plan, finals({ "deliver a@example.com": blocked }))).toMatchObject({ status: "blocked", blockedSender: "eve@remote.test" });
});

test("X03 markOf() takes time in proportion to the recipients of other notices", async () => {
  const plan = await planOf({ to: ["a@example.com"] });
  const of = (count: number): Ends => {
    const recipients = Array.from({ length: count }, (_, index) => `r${index}@example.com`);
    return Object.fromEntries(
      recipients.flatMap((to) => [
        [`deliver ${to}`, gone],
        [`forward ${to} x@other.test`, relayed],
      ]),
    );
  };
  const timeOf = (count: number) => {
    const verdicts = finals(of(count));
    const rounds = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      markOf(plan, verdicts);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    });
    return Math.min(...rounds);
  };
  timeOf(1_000);
  // Four times the recipients; a list searched for each of them would take sixteen times.
  expect(timeOf(8_000) / timeOf(2_000)).toBeLessThan(8);
});
