// Story text: the words for each state of a mail, and nothing of a stranger that a terminal would obey.

import { expect, test } from "bun:test";
import type { Story } from "../../apps/worker/tracing/story.ts";
import { asciiMarks, headline, queueIdsOf, storyText, utf8Marks } from "../../apps/worker/tracing/story-text.ts";
import { at, end, entry, id, object, story } from "./story-sample.ts";

test("storyText() tells who has the mail, who has not, and what the rules did", () => {
  expect(storyText(story, utf8Marks)).toBe(
    [
      `Delivered to 2, blocked by 1: from bob@remote.test, ${id}`,
      "",
      "  2026-11-24 (UTC)",
      "  03:12:31       received by SES, stored in S3",
      "  03:12:31.602   first taken by a worker",
      "  03:12:31.900   ✓ alice@example.com   in the mailbox: 250 2.0.0 Ok: queued as 4XyZ12ab34z1K",
      "                     forward           to me@private.test, by the row alice@example.com: 0100db01ee4316d6-56325f40-5760-ad7b-7fc3-ec2f902764d0-000000",
      "                     auto-reply        by the row alice@example.com: no auto-reply (already-answered) the sender already got this reply",
      "                 ⊘ carol@example.com   (blocked) the recipient blocks the sender: bob@remote.test",
      "  03:13:33.020   ✓ dave@example.com   in the mailbox: 250 2.0.0 Ok: queued as 4XyZ5Q0jTnz1M",
      "  03:13:33       marked delivered in S3 by worker-example.com",
      "",
      "Ledger ✓  S3 mark ✓  SES row ✓. In the mail server's log: grep -E '4XyZ12ab34z1K|4XyZ5Q0jTnz1M'",
      "The ledger remembers the mail until 2026-12-29.",
      "",
    ].join("\n"),
  );
});

const queue = { name: "example-com-queue", size: { visible: 3, inFlight: 1, delayed: 0 }, dead: 2 };
const failed = {
  action: "failed",
  status: "5.1.1",
  reason: "no-such-mailbox",
  scope: "recipient",
  detail: "550 5.1.1 User unknown",
} as const;
const unmarked = { ...object, mark: null };
const cases: readonly (readonly [string, Partial<Story>, readonly string[]])[] = [
  [
    "a mail in work",
    { state: "in-work", entry: entry({ state: "held", until: at("03:14:31") }), object: unmarked, ends: [] },
    ["In work: ", "A worker has it until 03:14:31."],
  ],
  [
    "a mail that waits",
    { state: "waits", entry: entry({ state: "open", waiting: 2 }), object: unmarked, queues: [queue] },
    ["Waiting for 2, delivered to 2, blocked by 1: ", "3 waiting, 1 in work, 0 delayed, 2 in the dead-letter queue", `grep ${id}`],
  ],
  [
    "a mail that no worker has taken",
    { state: "untouched", entry: null, object: unmarked, ends: [], queues: [queue] },
    ["Stored, and no worker has taken it: ", "sesame reconcile", "Ledger ✗  S3 mark ✗."],
  ],
  [
    "a mail that nobody got",
    { ends: [end("deliver", "nobody@example.com", failed, "03:12:32")] },
    [
      "Not delivered to 1: ",
      "✗ nobody@example.com   (no-such-mailbox) the mail server says that there is no such mailbox: 550 5.1.1 User unknown",
    ],
  ],
  [
    "a mail that only its mark tells of",
    { entry: null, ends: [] },
    ["Done (delivered): ", "The ledger has no row: it forgot the mail after LEDGER_DAYS, or another program marked it."],
  ],
  ["a mail whose object is gone", { object: "missing" }, [`Delivered to 2, blocked by 1: ${id}`, "The stored mail is gone"]],
  [
    "a forward that came back",
    {
      ends: [
        end("forward", "a@example.com", { action: "relayed", detail: "x" }, "03:12:32", {
          to: "me@private.test",
          sent: { row: "present", bounced: ["me@private.test"] },
        }),
      ],
    },
    ["x; it came back from me@private.test", "SES row ✓"],
  ],
  [
    "a stand-in",
    { ends: [end("forward", "a@example.com", { action: "relayed", detail: "x", standIn: true }, "03:12:32", { to: "me@private.test" })] },
    ["a short notice instead of the mail: x"],
  ],
  ["crashes", { entry: entry({ crashes: 2 }) }, ["Workers that crashed or hung while they had it: 2. It may have arrived twice."]],
  [
    "a ledger that cannot be read",
    { state: "unknown", entry: { trouble: "access denied" }, object: unmarked, ends: [], queues: [{ trouble: "no such queue" }] },
    ["Not known: ", "The ledger cannot be read: access denied", "The queue cannot be read: no such queue"],
  ],
  [
    "a mail without a sender",
    { object: { ...object, stamp: { ...object.stamp, reversePath: null } as typeof object.stamp } },
    ["from <>, "],
  ],
];
for (const [what, more, expected] of cases) {
  test(`storyText() tells of ${what}`, () => {
    const text = storyText({ ...story, ...more }, utf8Marks);
    for (const each of expected) expect(text).toContain(each);
  });
}

test("storyText() writes no control character of a server or a sender, and no letter outside ASCII where a terminal has none", () => {
  const hostile = "250 \u001b[2J\u202eevil\r\nforged line";
  const told = { ...story, ends: [end("deliver", "a\u001b@example.com", { action: "delivered", detail: hostile }, "03:12:32")] };
  const lines = storyText(told, asciiMarks).split("\n");
  expect(lines.filter((line) => /[^ -~]/.test(line))).toEqual([]);
  expect(lines.filter((line) => line.includes("forged"))).toHaveLength(1);
});

test("headline() is one line", () => {
  expect(headline(story)).not.toContain("\n");
});

test("queueIdsOf() finds the ids that Postfix gives, each once", () => {
  const of = (detail: string) => end("deliver", "a@example.com", { action: "delivered", detail }, "03:12:32");
  expect(
    queueIdsOf(["250 Ok: queued as ABCDEF123", "250 Ok: queued as ABCDEF123", "250 queued as ../x", "in the Maildir"].map(of)),
  ).toEqual(["ABCDEF123"]);
});
