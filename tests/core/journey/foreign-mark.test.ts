// The mark of an earlier program: each condition alone makes the mail be delivered.

import { describe, expect, test } from "bun:test";
import { type Domain, type EffectKey, type EpochMs, type Final, openMail } from "@sesame/core";
import { foreignMark, type HonourMarks, type MarkedMail } from "../../../packages/core/journey/foreign-mark.ts";
import { parseRecipients } from "../../../packages/core/plan/recipient.ts";

const receivedAt = Date.parse("2026-01-05T12:00:00.900Z") as EpochMs;
const second = Date.parse("2026-01-05T12:00:00Z") / 1000;
const domains = ["example.com", "another.test"] as Domain[];
const mark = { processed: "true", processed_at: String(second + 5), processed_by: "old-worker", status: "delivered" };
const delivered: Final = { action: "delivered", detail: "ok" };

type Change = Readonly<{
  mark?: Readonly<Record<string, string | undefined>>;
  header?: string;
  to?: readonly string[];
  lease?: Partial<MarkedMail["lease"]>;
  honour?: HonourMarks;
  prefix?: string;
}>;

function decide({ mark: more = {}, header = "To: alice@example.com\r\n", to = ["alice@example.com"], lease = {}, ...others }: Change) {
  const { honour = "other-names", prefix = "metadata:" } = others;
  const names = Object.entries({ ...mark, ...more }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const octets = new TextEncoder().encode(`From: bob@remote.test\r\n${header}\r\nHello\r\n`);
  const marked = {
    stored: { attributes: Object.fromEntries(names.map(([name, value]) => [prefix + name, value])) },
    lease: { finals: new Map<EffectKey, Final>(), crashes: 0, takenOver: false, ...lease },
    mail: openMail(octets, octets.length),
    recipients: parseRecipients(to, domains),
    receivedAt,
    domains,
  };
  return foreignMark(marked, honour);
}

describe("X25 foreignMark()", () => {
  const good = (when: string, change: Change, expected: object = {}) =>
    test(`X25 foreignMark() ends the mail when ${when}`, () =>
      expect(decide(change)).toEqual({ processedBy: "old-worker", status: "delivered", ...expected }));
  const bad = (when: string, change: Change) =>
    test(`X25 foreignMark() lets it be delivered when ${when}`, () => expect(decide(change)).toBeNull());

  good("an earlier program delivered it", {});
  good("an earlier program blocked it", { mark: { status: "blocked" } }, { status: "blocked" });
  good("the store keeps names without a prefix", { prefix: "" });
  good("it was marked in the second of the notice", { mark: { processed_at: String(second) } });
  good("To and Cc name recipients of the notice, and others whom we do not serve", {
    header: "To: Alice <ALICE@example.com>, x@other.test\r\nCc: al@another.test\r\n",
    to: ["alice@example.com", "al@another.test"],
  });
  good("the recipient is a blind copy and nobody else of ours is named", { header: "To: list@other.test\r\n" });
  good(
    "the earlier program used a name of ours, and all names count",
    { mark: { processed_by: "worker-example.com" }, honour: "all-names" },
    {
      processedBy: "worker-example.com",
    },
  );

  bad("marks never count", { honour: "never" });
  bad("there is no mark", { mark: { processed: undefined } });
  bad("processed is not true", { mark: { processed: "false" } });
  bad("the mark does not say who made it", { mark: { processed_by: undefined } });
  bad("the mark has a name of ours", { mark: { processed_by: "worker-example.com" } });
  bad("the mark has our name for another served domain", { mark: { processed_by: "worker-another.test" } });
  for (const status of [undefined, "partial", "all_invalid", "rejected", "Delivered", "invalid"])
    bad(`the status is ${status}`, { mark: { status } });
  bad("it was marked before SES received this mail", { mark: { processed_at: String(second - 1) } });
  for (const processed_at of [undefined, "", "soon", "1e99", "-1", "2026-01-05T12:00:05Z"])
    bad(`the time of the mark is ${processed_at}`, { mark: { processed_at } });
  for (const [what, lease] of [
    ["has finals of it", { finals: new Map([["deliver alice@example.com" as EffectKey, delivered]]) }],
    ["tells of a crash with it", { crashes: 1 }],
    ["gave us the lease of another worker", { takenOver: true }],
  ] as const) {
    for (const honour of ["other-names", "all-names"] as const) bad(`our ledger ${what} (${honour})`, { lease, honour });
  }
  bad("To names somebody whom we serve outside this notice", { header: "To: alice@example.com, bob@example.com\r\n" });
  bad("Cc names somebody whom we serve outside this notice", { header: "To: alice@example.com\r\nCc: al@another.test\r\n" });
  bad("a second To field does", { header: "To: alice@example.com\r\nTo: bob@example.com\r\n" });
  bad("the notice is that of a blind copy", { to: ["carol@example.com"] });
  bad("the header cannot be read", { header: `To: alice@example.com\r\n${"X: y\r\n".repeat(1500)}` });
});
