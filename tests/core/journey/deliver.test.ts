// Who shares a transaction, and what becomes of a group that is refused as a whole.

import { describe, expect, test } from "bun:test";
import type { Address, Verdict } from "@sesame/core";
import { TestWay } from "../../journey/way.ts";

import { good, mail } from "./ends.ts";

describe("deliveries of the same octets", () => {
  for (const [count, sizes] of [
    [1, [1]],
    [50, [50]],
    [51, [50, 1]],
    [120, [50, 50, 20]],
  ] as const) {
    test(`to ${count} recipients go in transactions of ${sizes.join(", ")}, in the order of the envelope`, async () => {
      const recipients = Array.from({ length: count }, (_, i) => `a${i}@example.com`);
      const way = new TestWay(mail, { recipients });
      expect(await way.receive()).toEqual({ kind: "ack" });
      expect(way.courier.sent.map((sent) => sent.recipients.length)).toEqual([...sizes]);
      expect(way.courier.sent.flatMap((sent) => sent.recipients.map(({ address }) => address as string))).toEqual(recipients);
    });
  }
});

const refusedAfterDot = (status: string): Verdict => ({
  action: "failed",
  status,
  reason: "content-refused",
  scope: "mail",
  detail: `554 ${status}`,
});

/** `answers`: to the group, then alone, by recipient. `sizes`: recipients of each transaction. `ends`: by recipient. */
const refusedGroups: readonly (readonly [why: string, answers: readonly (readonly Verdict[])[], sizes: readonly number[], ends: string])[] =
  [
    ["two in a row alike end the others", Array(100).fill([refusedAfterDot("5.6.0")]), [50, 1, 1, 50, 1, 1], "failed"],
    [
      "two that differ do not",
      ["5.6.0", "5.6.1", "5.6.0", "5.6.1"].map((status) => [refusedAfterDot("5.6.0"), refusedAfterDot(status)]),
      [4, 1, 1, 1, 1],
      "failed",
    ],
    [
      "one that is taken begins the count anew",
      [refusedAfterDot("5.6.0"), good, refusedAfterDot("5.6.0"), good].map((alone) => [refusedAfterDot("5.6.0"), alone]),
      [4, 1, 1, 1, 1],
      "failed delivered failed delivered",
    ],
  ];
for (const [why, answers, sizes, ends] of refusedGroups) {
  test(`X06 a group that is refused after the dot: ${why}`, async () => {
    const recipients = answers.map((_, i) => `a${i}@example.com` as Address);
    const way = new TestWay(mail, { recipients });
    for (const [i, recipient] of recipients.entries()) way.courier.script("mailbox", recipient, ...(answers[i] ?? []));
    expect(await way.receive()).toEqual({ kind: "ack" });
    expect(way.courier.sent.map((sent) => sent.recipients.length)).toEqual([...sizes]);
    const events = way.journal.events.filter((event) => event.kind === "deed");
    const words = new Map(events.map((event) => [event.key, event.verdict.action]));
    expect([...new Set(words.values())].length > 1 ? [...words.values()].join(" ") : [...new Set(words.values())][0]).toBe(ends);
    expect(words.size).toBe(recipients.length);
  });
}
